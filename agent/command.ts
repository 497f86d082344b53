import { bytesEqual, failure, type Result, sha256, success, toHex } from "../base/index.ts";
import {
  type Assignment,
  assignmentMessage,
  type Challenge,
  challengeMessage,
  type Ed25519,
  type KeyLookup,
  type ProtocolError,
  parseEnvelope,
  type RefusalReason,
  type Tier,
  type WireObject,
} from "../protocol/index.ts";
import type { TaskRow } from "./state-store.ts";

/** What a bookkeeper asks of this node, whether assigned or as a challenge, in the one form that the agent works with. */
export interface Command {
  readonly id: Uint8Array;
  readonly bookkeeper: Uint8Array;
  readonly role: "assignment" | "challenge";
  readonly kind: string;
  readonly spec: WireObject;
  readonly minTier: Tier;
  readonly maxAttempts: number;
  /** Seconds of the bookkeeper's time. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** Hash of the bookkeeper's beacon when it was issued: its proof cites this one or a later one. */
  readonly beacon: Uint8Array;
  readonly digest: Uint8Array;
  readonly payload: Uint8Array;
}

/** Why bytes from the command topic are no command for this node. */
export interface BadCommand {
  readonly reason: RefusalReason;
  readonly detail: string;
  /** Whether a trusted bookkeeper's signature held, so that an answer reaches somebody who asked. */
  readonly isAuthentic: boolean;
}

/** A challenge may be answered again after a crash, this often. */
const CHALLENGE_ATTEMPTS = 5;

/** Opens bytes from this node's command topic: envelope, trusted signer, canonical form, claims, and that they are for this node. */
export function openCommand(
  bytes: Uint8Array,
  needs: { readonly network: string; readonly node: Uint8Array; readonly keyFor: KeyLookup; readonly ed25519: Ed25519 },
): Result<Command, BadCommand> {
  const envelope = parseEnvelope(bytes);
  if (!envelope.ok) return unbelieved(envelope.error);
  const { role, payload } = envelope.value;
  const type = role === "challenge" ? challengeMessage : assignmentMessage;
  const opened = type.open(bytes, needs.network, needs.keyFor, needs.ed25519);
  if (!opened.ok) return unbelieved(opened.error);
  if (!bytesEqual(opened.value.body.node, needs.node)) {
    return failure({ reason: "wrong-node", detail: "it is for another node", isAuthentic: true });
  }
  return success(asCommand(role === "challenge" ? "challenge" : "assignment", opened.value.body, payload));
}

/** The command in a journaled task, whose payload was verified when it came. */
export function commandOf(task: TaskRow): Command {
  const type = task.role === "challenge" ? challengeMessage : assignmentMessage;
  const decoded = type.decode(task.payload);
  if (!decoded.ok) throw new Error(`bug: the journal holds task ${toHex(task.id)} that cannot be read: ${decoded.error.message}`);
  return asCommand(task.role, decoded.value, task.payload);
}

function asCommand(role: "assignment" | "challenge", body: Assignment | Challenge, payload: Uint8Array): Command {
  const common = {
    id: body.id,
    bookkeeper: body.issuer,
    role,
    issuedAt: body.issuedAt,
    expiresAt: body.expiresAt,
    beacon: body.nonce,
    digest: sha256(payload),
    payload: new Uint8Array(payload),
  };
  if ("kind" in body)
    return { ...common, kind: body.kind, spec: body.spec, minTier: body.minTier, maxAttempts: body.maxAttempts };
  const { blob, offset, length, salt } = body;
  const spec = { op: "prove", blob, offset, length, salt };
  return { ...common, kind: "store", spec, minTier: "Lite", maxAttempts: CHALLENGE_ATTEMPTS };
}

function unbelieved(error: ProtocolError): Result<never, BadCommand> {
  return failure({ reason: refusalReasonOf(error), detail: error.message, isAuthentic: false });
}

function refusalReasonOf(error: ProtocolError): RefusalReason {
  switch (error.code) {
    case "bad-signature":
    case "bad-algorithm":
      return "bad-signature";
    case "unknown-key":
      return "untrusted-bookkeeper";
    case "not-canonical":
      return "not-canonical";
    default:
      return "malformed";
  }
}
