/** Commands, views and parts of an agent with everything in order, of which a test changes one thing at a time. */
import type { AdmissionView } from "../../agent/admission.ts";
import { type Command, openCommand } from "../../agent/command.ts";
import type { NodeView, Service } from "../../agent/services/service.ts";
import type { TaskRow } from "../../agent/state-store.ts";
import { bytesEqual, sha256 } from "../../base/index.ts";
import {
  type Assignment,
  assignmentMessage,
  type Challenge,
  challengeMessage,
  formatId,
  nodeEd25519,
  type SigningKey,
} from "../../protocol/index.ts";
import { makeTestKey, NETWORK, NO_LIMITS } from "./agent-world.ts";

export const NODE_KEY = makeTestKey("node");
export const BOOKKEEPER_KEY = makeTestKey("bookkeeper 0");

/** Seconds of the bookkeeper's time at which samples are issued. */
export const ISSUED_AT = 1_790_000_000;

/** The claims of an assignment of a made-up kind. */
export function makeAssignment(change: Partial<Assignment> = {}): Assignment {
  return {
    issuer: BOOKKEEPER_KEY.publicKey,
    issuedAt: ISSUED_AT,
    expiresAt: ISSUED_AT + 600,
    nonce: sha256(Buffer.from("beacon")),
    id: sha256(Buffer.from("task")).subarray(0, 16),
    node: NODE_KEY.publicKey,
    kind: "fake",
    spec: { forMs: 1000 },
    minTier: "Lite",
    maxAttempts: 3,
    ...change,
  };
}

/** The claims of a challenge. */
export function makeChallenge(change: Partial<Challenge> = {}): Challenge {
  const { issuer, issuedAt, expiresAt, nonce, id, node } = makeAssignment();
  const range = { blob: sha256(Buffer.from("blob")), offset: 0n, length: 10, salt: new Uint8Array(16) };
  return { issuer, issuedAt, expiresAt, nonce, id, node, ...range, ...change };
}

/** The id of the n-th sample. */
export function idOf(index: number): Uint8Array {
  return sha256(Buffer.from(`task ${index}`)).subarray(0, 16);
}

/** An assignment as it travels. */
export function sealAssignment(
  change: Partial<Assignment> = {},
  key: SigningKey = BOOKKEEPER_KEY,
  network = NETWORK,
): Uint8Array {
  return assignmentMessage.seal(makeAssignment({ issuer: key.publicKey, ...change }), network, key);
}

/** A challenge as it travels. */
export function sealChallenge(change: Partial<Challenge> = {}): Uint8Array {
  return challengeMessage.seal(makeChallenge(change), NETWORK, BOOKKEEPER_KEY);
}

/** Finds the keys of these signers. */
export function keysOf(...keys: readonly SigningKey[]): (keyId: Uint8Array) => Uint8Array | undefined {
  return (keyId) => keys.find((key) => bytesEqual(key.keyId, keyId))?.publicKey;
}

/** Opens bytes as the sample node does, which trusts the sample bookkeeper. */
export function openSample(bytes: Uint8Array) {
  return openCommand(bytes, {
    network: NETWORK,
    node: NODE_KEY.publicKey,
    keyFor: keysOf(BOOKKEEPER_KEY),
    ed25519: nodeEd25519,
  });
}

/** A command that the sample node believes. */
export function makeCommand(change: Partial<Assignment> = {}): Command {
  const opened = openSample(sealAssignment(change));
  if (!opened.ok) throw new Error(opened.error.detail);
  return opened.value;
}

/** A journaled task of a command. */
export function makeTask(command: Command, change: Partial<TaskRow> = {}): TaskRow {
  const { id, bookkeeper, role, digest, payload, expiresAt } = command;
  return { id, bookkeeper, role, digest, payload, expiresAt, state: "accepted", attempts: 0, ...change };
}

export const IDLE_NODE: NodeView = {
  freeMemoryBytes: 2 ** 30,
  freeDiskBytes: 2 ** 30,
  freeTrafficBytes: Number.POSITIVE_INFINITY,
};

/** Everything that admission looks at, on a node that has nothing against any work. */
export function makeView(services: readonly Service<unknown>[], change: Partial<AdmissionView> = {}): AdmissionView {
  return {
    limits: NO_LIMITS,
    tier: "Super",
    services: new Map(services.map((service) => [service.kind, service])),
    node: IDLE_NODE,
    networkSeconds: ISSUED_AT,
    minuteOfDay: 0,
    known: undefined,
    openTasks: 0,
    waitingProofs: 0,
    closedFor: undefined,
    ...change,
  };
}

/** How people write the sample bookkeeper's key. */
export const BOOKKEEPER_ID = formatId(BOOKKEEPER_KEY.publicKey);
