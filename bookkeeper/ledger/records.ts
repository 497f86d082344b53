import { assert, concatBytes, sha256 } from "../../base/index.ts";
import { decodeObject, encodeObject, parseEnvelope, proofMessage, type Tier, type WireObject } from "../../protocol/index.ts";
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

/** The transfers that a record causes under the policy in force. `recordAt` gives an earlier record, for reversals. */
export function transfersOf(
  record: LedgerRecord,
  policy: Policy,
  recordAt: (height: number) => RecordedUnder,
): readonly Transfer[] {
  switch (record.type) {
    case "proof":
      return transfersOfProof(record.node, record.envelope, policy);
    case "presence":
      return nonZero({ node: record.node, part: "online", microPoints: valueOfPresence(record.durationMs, record.tier, policy) });
    case "reversal": {
      const reversed = recordAt(record.height);
      assert(reversed.record.type === "proof", "only a proof's credit can be taken back");
      const credited = transfersOfProof(reversed.record.node, reversed.record.envelope, reversed.policy);
      return credited.map((transfer) => ({ ...transfer, microPoints: -transfer.microPoints }));
    }
    default:
      return [];
  }
}

/** A record, and the policy that was in force when it was written. */
export interface RecordedUnder {
  readonly record: LedgerRecord;
  readonly policy: Policy;
}

function transfersOfProof(node: Uint8Array, envelope: Uint8Array, policy: Policy): readonly Transfer[] {
  const parsed = parseEnvelope(envelope);
  const proof = parsed.ok ? proofMessage.decode(parsed.value.payload) : parsed;
  assert(proof.ok, "the ledger holds a proof that cannot be read");
  if (proof.value.outcome !== "done") return [];
  const work = valueOfWork(proof.value.usage, policy);
  return [
    ...nonZero({ node, part: "work", microPoints: work.cpu + work.memory + work.traffic + work.disk }),
    ...nonZero({ node, part: "bonus", microPoints: bonusOf(proof.value.kind, policy) }),
  ];
}

function nonZero(transfer: Transfer): Transfer[] {
  return transfer.microPoints === 0n ? [] : [transfer];
}

/** A record's body as it is stored: canonical CBOR. */
export function encodeRecord(record: LedgerRecord): Uint8Array {
  return encodeObject(record as unknown as WireObject);
}

/** A stored body; the ledger is our own, so anything unreadable means that it was damaged. */
export function decodeRecord(body: Uint8Array): LedgerRecord {
  const decoded = decodeObject(body);
  assert(decoded.ok, "the ledger holds a record that cannot be read");
  const { type, atMs, durationMs, height, ...rest } = decoded.value;
  const numbers = Object.fromEntries(
    Object.entries({ atMs, durationMs, height }).flatMap(([name, value]) => (value === undefined ? [] : [[name, Number(value)]])),
  );
  return { type, ...rest, ...numbers } as unknown as LedgerRecord;
}

/** The hash that chains a record to the one before: SHA-256 over that one's hash and this one's body. */
export function hashRecord(previousHash: Uint8Array, body: Uint8Array): Uint8Array {
  return sha256(concatBytes(previousHash, body));
}

/** The policy inside a record. */
export function policyOf(record: LedgerRecord & { readonly type: "policy" }): Policy {
  const parsed = parsePolicy(record.toml, "recorded policy");
  assert(parsed.ok, "the ledger holds a policy that cannot be read");
  return parsed.value;
}
