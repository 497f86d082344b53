import { assert, concatBytes, sha256 } from "../../base/index.ts";
import { decodeObject, encodeObject, type Proof, parseEnvelope, proofMessage, type Tier } from "../../protocol/index.ts";
import { MAX_POSTING_MICRO_POINTS } from "../limits.ts";
import { bonusOf, type Policy, parsePolicy, valueOfPresence, valueOfWork } from "../policy.ts";

/**
 * What the ledger records, in the order it happened. Records are only ever appended; each carries the hash of the one before. All
 * balances follow from them by `transfersOf`, which is pure: replaying the records is the audit.
 */
export type LedgerRecord = { /** When it was written, milliseconds since 1970. */ readonly atMs: number } & LedgerEntry;

/** The kinds of records. */
export type LedgerEntry =
  /** From here on this policy counts. */
  | { readonly type: "policy"; readonly toml: string }
  /** A node presented itself; its descriptor's signed bytes. */
  | { readonly type: "node"; readonly node: Uint8Array; readonly envelope: Uint8Array }
  /** A proof that was verified; its signed bytes. */
  | { readonly type: "proof"; readonly node: Uint8Array; readonly envelope: Uint8Array }
  /** A proof of the node's chain that did not hold, and why. */
  | {
      readonly type: "refused-proof";
      readonly node: Uint8Array;
      readonly envelope: Uint8Array;
      readonly reason: string;
      readonly detail: string;
    }
  /** Two different proofs signed for the same place in the chain. */
  | { readonly type: "equivocation"; readonly node: Uint8Array; readonly first: Uint8Array; readonly envelope: Uint8Array }
  /** From here on the node is taken for this tier: less than it claims, or again what it claims. */
  | { readonly type: "standing"; readonly node: Uint8Array; readonly tier: Tier; readonly claimed: Tier; readonly detail: string }
  /** The node was there for this long, being of this tier. */
  | { readonly type: "presence"; readonly node: Uint8Array; readonly durationMs: number; readonly tier: Tier }
  /** A repeated job gave another result: what was credited for the proof in record `height` is taken back. */
  | { readonly type: "reversal"; readonly node: Uint8Array; readonly height: number; readonly detail: string };

/** Parts of a node's account, in the order people read them. */
export const ACCOUNT_PARTS = ["online", "work", "bonus"] as const;
export type AccountPart = (typeof ACCOUNT_PARTS)[number];

/** A movement of micro-points from one account to another. The side that is no node is the network's issue of that part. */
export interface Transfer {
  readonly node: Uint8Array;
  readonly part: AccountPart;
  /** Positive: credited to the node. Negative: taken back. */
  readonly microPoints: bigint;
}

/** A record, and the policy that was in force when it was written. */
export interface RecordedUnder {
  readonly record: LedgerRecord;
  readonly policy: Policy;
}

/**
 * The transfers that a record causes under the policy in force. `recordAt` gives an earlier record, for reversals; `proof` the claims
 * of a proof record whose caller has decoded them already. Throws for a record that cannot have been written by this program.
 */
export function transfersOf(
  record: LedgerRecord,
  policy: Policy,
  recordAt: (height: number) => RecordedUnder,
  proof?: Proof,
): readonly Transfer[] {
  switch (record.type) {
    case "proof":
      return transfersOfProof(record.node, proof ?? proofIn(record.envelope), policy);
    case "presence":
      return posting(record.node, "online", valueOfPresence(record.durationMs, record.tier, policy));
    case "reversal": {
      const reversed = recordAt(record.height);
      assert(reversed.record.type === "proof", "only a proof's credit can be taken back");
      const credited = transfersOfProof(reversed.record.node, proofIn(reversed.record.envelope), reversed.policy);
      return credited.map((transfer) => ({ ...transfer, microPoints: -transfer.microPoints }));
    }
    default:
      return [];
  }
}

/** The claims of the proof in a record's signed bytes, which were verified when they came. */
export function proofIn(envelope: Uint8Array): Proof {
  const parsed = parseEnvelope(envelope);
  const proof = parsed.ok ? proofMessage.decode(parsed.value.payload) : parsed;
  assert(proof.ok, "the ledger holds a proof that cannot be read");
  return proof.value;
}

function transfersOfProof(node: Uint8Array, proof: Proof, policy: Policy): readonly Transfer[] {
  if (proof.outcome !== "done") return [];
  const work = valueOfWork(proof.usage, policy);
  return [
    ...posting(node, "work", work.cpu + work.memory + work.traffic + work.disk),
    ...posting(node, "bonus", bonusOf(proof.kind, policy)),
  ];
}

/** One movement, or none for nothing. What no honest task is worth is cut off, so that the sums stay far within 64 bits. */
function posting(node: Uint8Array, part: AccountPart, value: bigint): Transfer[] {
  const microPoints = value > MAX_POSTING_MICRO_POINTS ? MAX_POSTING_MICRO_POINTS : value;
  return microPoints === 0n ? [] : [{ node, part, microPoints }];
}

/** A record as it is stored. */
export interface StoredRecord {
  readonly type: string;
  /** The node that it is about; empty where it is about none. */
  readonly node: Uint8Array;
  readonly atMs: number;
  /** What else it says of itself, as canonical CBOR; empty where that is nothing. */
  readonly claims: Uint8Array;
  /** The bytes that it is about, which may be long: a policy's text or a message's signed bytes. Empty where there are none. */
  readonly attachment: Uint8Array;
}

const NOTHING = new Uint8Array();

/** A record as it is stored. */
export function encodeRecord(record: LedgerRecord): StoredRecord {
  const { type, atMs } = record;
  if (record.type === "policy") return { type, atMs, node: NOTHING, claims: NOTHING, attachment: Buffer.from(record.toml) };
  const { node } = record;
  if (record.type === "proof" || record.type === "node")
    return { type, atMs, node, claims: NOTHING, attachment: record.envelope };
  const { type: _type, atMs: _atMs, node: _node, ...rest } = record;
  if (!("envelope" in rest)) return { type, atMs, node, claims: encodeObject(rest), attachment: NOTHING };
  const { envelope, ...claims } = rest;
  return { type, atMs, node, claims: encodeObject(claims), attachment: envelope };
}

/** Reads a stored record back. The ledger is our own, so it throws for anything unreadable: that was damaged. */
export function decodeRecord({ type, node, atMs, claims, attachment }: StoredRecord): LedgerRecord {
  if (type === "policy") return { type, atMs, toml: Buffer.from(attachment).toString() };
  const decoded = claims.length === 0 ? undefined : decodeObject(claims);
  assert(decoded?.ok !== false, "the ledger holds a record that cannot be read");
  const entries = Object.entries(decoded?.value ?? {}).map(([name, value]) => [
    name,
    typeof value === "bigint" ? Number(value) : value,
  ]);
  const envelope = attachment.length === 0 ? {} : { envelope: attachment };
  return { type, atMs, node, ...Object.fromEntries(entries), ...envelope } as unknown as LedgerRecord;
}

/**
 * The hash that chains a record to the one before: SHA-256 over that one's hash and all that this one stores. Every part but the last is
 * preceded by its length, so no two records hash the same bytes.
 */
export function hashRecord(previousHash: Uint8Array, { type, node, atMs, claims, attachment }: StoredRecord): Uint8Array {
  const numbers = Buffer.alloc(16);
  numbers.writeBigUInt64BE(BigInt(atMs), 0);
  numbers.writeUInt16BE(Buffer.byteLength(type), 8);
  numbers.writeUInt16BE(node.length, 10);
  numbers.writeUInt32BE(claims.length, 12);
  return sha256(concatBytes(previousHash, numbers, Buffer.from(type), node, claims, attachment));
}

/** A record of a policy. */
export type PolicyRecord = LedgerRecord & { readonly type: "policy" };

/** The policy inside a record. Throws for one that cannot be read. */
export function policyOf(record: PolicyRecord): Policy {
  const parsed = parsePolicy(record.toml, "recorded policy");
  assert(parsed.ok, "the ledger holds a policy that cannot be read");
  return parsed.value;
}

/** The stored record in a row that holds its columns. */
export function asStored(row: Record<string, unknown>): StoredRecord {
  return {
    type: row["type"] as string,
    node: row["node"] as Uint8Array,
    atMs: Number(row["at_ms"]),
    claims: row["claims"] as Uint8Array,
    attachment: row["attachment"] as Uint8Array,
  };
}
