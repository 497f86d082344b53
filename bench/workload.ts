import { readFileSync } from "node:fs";
import { makeSeededRandom, sha256 } from "../base/index.ts";
import { makeSenders, type Sender } from "../bookkeeper/intake/sender.ts";
import type { Ledger } from "../bookkeeper/ledger/ledger-store.ts";
import {
  assignmentMessage,
  descriptorMessage,
  type Ed25519,
  encodeObject,
  makeSigningKey,
  NO_USAGE,
  type Proof,
  parseEnvelope,
  proofMessage,
  type SigningKey,
  sigStructure,
  type WireObject,
} from "../protocol/index.ts";

/*
 * Proofs that a bookkeeper accepts, made before they are needed, with the ledger that expects them.
 */

const MIB = 2 ** 20;

/** The one content that the proofs of store and compute are about. */
export const BLOB = new Uint8Array(4096).fill(7);

/** Who proves what. */
export interface Shape {
  readonly name: string;
  readonly nodes: number;
  readonly kinds: readonly ("measure" | "store" | "compute")[];
}

/** What a workload is made for. */
export interface WorkloadOptions {
  readonly shape: Shape;
  readonly proofs: number;
  readonly network: string;
  readonly seed: number;
  /** The bookkeeper's key. */
  readonly key: SigningKey;
  readonly ed25519: Ed25519;
}

/** A proof, and the parts that a bare verification of its signature takes. */
export interface Prepared {
  readonly sender: Sender;
  readonly envelope: Uint8Array;
  readonly signature: Buffer;
  readonly signed: Buffer;
}

/** The secrets of a workload's nodes, the same for the same seed and shape. */
export function nodeSeedsOf({ shape, seed }: Pick<WorkloadOptions, "shape" | "seed">): Uint8Array[] {
  const random = makeSeededRandom(seed);
  return Array.from({ length: shape.nodes }, () => random.bytes(32));
}

/** Fills an empty ledger with nodes, assignments and a beacon, and answers the proofs that fulfil them all, in order. */
export function prepareWorkload(ledger: Ledger, options: WorkloadOptions): Prepared[] {
  const { shape, key, network } = options;
  const random = makeSeededRandom(options.seed + 1_000_000);
  const nodes = nodeSeedsOf(options).map((seed) => makeBenchNode(makeSigningKey(seed, options.ed25519), network));
  const nowMs = Date.now();
  const beacon = random.bytes(32);
  const messages: Prepared[] = [];
  ledger.transaction(() => {
    const toml = readFileSync(new URL("../bookkeeper/policies/contribution-1.toml", import.meta.url), "utf8");
    ledger.records.append({ type: "policy", atMs: nowMs, toml });
    ledger.beacons.insert(1, beacon, nowMs);
    for (const node of nodes) node.register(ledger, beacon, nowMs);
    for (let index = 0; index < options.proofs; index++) {
      const node = nodes[index % nodes.length];
      const kind = shape.kinds[index % shape.kinds.length];
      if (node === undefined || kind === undefined) throw new Error("a shape has nodes and kinds");
      const id = random.bytes(16);
      const { spec, evidence } = workOf(kind);
      const times = { issuedAt: Math.floor(nowMs / 1000), expiresAt: Math.floor(nowMs / 1000) + 600 };
      const claims = { issuer: key.publicKey, ...times, nonce: beacon, id, node: node.key.publicKey, kind, spec };
      const envelope = assignmentMessage.seal({ ...claims, minTier: "Lite", maxAttempts: 3 }, network, key);
      const dates = { issuedAtMs: nowMs - 60_000, expiresAtMs: nowMs + 600_000, nextSendMs: nowMs + 600_000, beaconHeight: 1 };
      const issued = { spec, maxAttempts: 3 };
      ledger.assignments.insert({
        id,
        node: node.key.publicKey,
        role: "assignment",
        kind,
        item: "x",
        envelope,
        issued,
        ...dates,
      });
      messages.push(node.prove({ bookkeeper: key.publicKey, assignment: id, kind, nonce: beacon, evidence }));
    }
  });
  return messages;
}

function makeBenchNode(key: SigningKey, network: string) {
  const sender = makeSenders().of(key.id);
  if (sender === undefined) throw new Error("a key has an id");
  const claims = { issuer: key.publicKey, issuedAt: 1_800_000_000, clock: "beacon", bootCount: 1 } as const;
  const common = { ...claims, uptimeSeconds: 300, bootSeed: new Uint8Array(32), software: ["0.1.0"] };
  let seq = 0;
  let prev: Uint8Array = new Uint8Array(32);
  return {
    key,
    register: (ledger: Ledger, nonce: Uint8Array, nowMs: number): void => {
      const facts = { arch: "x64", logicalCpus: 4, effectiveMilliCpus: 4000, gpus: 0, linkBitsPerSecond: 10n ** 9n };
      const body = {
        ...{ ...common, nonce, board: "generic-pc", tier: "Normal" as const, reasons: [], measured: [], capabilities: [] },
        ...{ policy: 2, power: 1_000 },
        facts: { ...facts, memoryBytes: 2n ** 33n, diskFreeBytes: 2n ** 36n },
        kinds: ["measure", "store", "compute"],
        limits: {},
      };
      const envelope = descriptorMessage.seal(body, network, key);
      ledger.nodes.register(key.publicKey, envelope, sha256(descriptorMessage.encode(body)));
      ledger.placements.place({ node: key.publicKey, blob: sha256(BLOB), size: 4096, placedMs: nowMs - 60_000, item: "x" });
    },
    prove: (answer: Pick<Proof, "bookkeeper" | "assignment" | "kind" | "nonce" | "evidence">): Prepared => {
      seq += 1;
      const usage = { ...NO_USAGE, cpuMicros: 400_000n, memoryByteSeconds: 50_000_000n, upBytes: 1_200n, downBytes: 2_400n };
      const interval = { bootCount: 1, fromMs: 200_000, toMs: 201_500 };
      const done = {
        attempt: 1,
        seq,
        prev,
        interval,
        usage,
        outcome: "done",
        result: sha256(encodeObject(answer.evidence)),
      } as const;
      const envelope = proofMessage.seal({ ...common, ...answer, ...done }, network, key);
      const parsed = parseEnvelope(envelope);
      if (!parsed.ok) throw parsed.error;
      const { protectedBytes, payload, signature } = parsed.value;
      prev = sha256(payload);
      const signed = sigStructure(protectedBytes, Buffer.from(`bonus/1|${network}|proof`), payload);
      return { sender, envelope, signature: Buffer.from(signature), signed: Buffer.from(signed) };
    },
  };
}

function workOf(kind: Shape["kinds"][number]): { spec: WireObject; evidence: WireObject } {
  const blob = sha256(BLOB);
  if (kind === "measure") {
    const targets = ["example.com:443", "example.org:443"];
    const results = targets.map((target) => ({ target, address: "203.0.113.9", sent: 3, rttMicros: [12_000, 11_500, 13_000] }));
    const spec = { method: "tcp", targets, count: 3, timeoutMs: 3_000 };
    return { spec, evidence: { method: "tcp", instrument: "bonusnode tcp", results } };
  }
  if (kind === "store") {
    const salt = new Uint8Array(16);
    const evidence = { op: "prove", blob, answer: sha256(Buffer.concat([salt, BLOB])) };
    return { spec: { op: "prove", blob, offset: 0, length: BLOB.length, salt }, evidence };
  }
  const limits = { wallMs: 60_000, cpuMs: 30_000, memoryBytes: 32 * MIB, outputBytes: 65_536 };
  const stdout = Buffer.from("148933\n");
  const isolation = { level: "namespaces", mechanism: "bubblewrap" };
  const output = { exitCode: 0, stdoutHash: sha256(stdout), stdoutSize: stdout.length, stdout, stderr: new Uint8Array() };
  return {
    spec: { module: blob, args: ["2000000"], seed: new Uint8Array(32), epochSeconds: 1, limits, isolation: "namespaces" },
    evidence: { isolation, engine: "V8 13.6 x64 preview1/1", ...output, peakMemoryBytes: 60 * MIB },
  };
}
