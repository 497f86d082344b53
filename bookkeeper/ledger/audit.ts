import { bytesEqual, toHex } from "../../base/index.ts";
import { parseEnvelope, proofMessage } from "../../protocol/index.ts";
import type { Policy } from "../policy.ts";
import type { Ledger } from "./ledger-store.ts";
import { ISSUE } from "./ledger-store.ts";
import { decodeRecord, hashRecord, policyOf, type RecordedUnder, type Transfer, transfersOf } from "./records.ts";

/** What an audit found. `problems` is empty for a ledger that agrees with itself. */
export interface AuditReport {
  readonly records: number;
  readonly proofs: number;
  readonly transfers: number;
  /** Micro-points credited to all nodes together. */
  readonly issued: bigint;
  readonly problems: readonly string[];
}

/**
 * Replays every record from the first: the chain of hashes, the transfers that follow from each record by its policy, and the balances
 * that follow from the transfers, all compared with what is stored, to the unit. Also: no assignment and no place in a chain proved twice.
 */
export function auditLedger(ledger: Ledger): AuditReport {
  const problems: string[] = [];
  const expected = new Map<string, bigint>();
  const stored = ledger.accounts.transfers();
  const proofsSeen = new Set<string>();
  let previous: Uint8Array = new Uint8Array(32);
  let policy: Policy | undefined;
  let records = 0;
  let proofs = 0;
  let transfers = 0;
  let issued = 0n;
  const post = (owner: Uint8Array, part: string, amount: bigint): void => {
    const account = `${toHex(owner)}/${part}`;
    expected.set(account, (expected.get(account) ?? 0n) + amount);
  };
  const recordAt = (height: number): RecordedUnder => ledger.records.at(height);

  for (const { height, body, hash } of ledger.records.all()) {
    records += 1;
    if (height !== records) problems.push(`record ${records} is missing`);
    if (!bytesEqual(hashRecord(previous, body), hash)) problems.push(`record ${height} was altered, or one before it`);
    previous = hash;
    const record = decodeRecord(body);
    if (record.type === "policy") policy = policyOf(record);
    if (record.type === "proof") {
      proofs += 1;
      noteProof(record.envelope, height, proofsSeen, problems);
    }
    if (policy === undefined) {
      problems.push(`record ${height} comes before any policy`);
      continue;
    }
    for (const due of sortedByPart(transfersOf(record, policy, recordAt))) {
      const found = stored.next();
      transfers += 1;
      if (found.done === true || !isSameTransfer(found.value, height, due))
        problems.push(`record ${height}: its transfer of ${due.part} is not as booked`);
      post(due.node, due.part, due.microPoints);
      post(ISSUE, due.part, -due.microPoints);
      issued += due.microPoints;
    }
  }
  if (stored.next().done !== true) problems.push("there are transfers without a record");
  compareBalances(ledger, expected, problems);
  return { records, proofs, transfers, issued, problems };
}

/** No place in a node's chain, and no assignment, may be proved twice. */
function noteProof(envelope: Uint8Array, height: number, seen: Set<string>, problems: string[]): void {
  const parsed = parseEnvelope(envelope);
  const proof = parsed.ok ? proofMessage.decode(parsed.value.payload) : parsed;
  if (!proof.ok) return void problems.push(`record ${height} holds a proof that cannot be read`);
  const { issuer, bootCount, seq, assignment } = proof.value;
  for (const name of [`place ${toHex(issuer)}/${bootCount}/${seq}`, `assignment ${toHex(assignment)}`]) {
    if (seen.has(name)) problems.push(`record ${height}: ${name} was proved before`);
    seen.add(name);
  }
}

function isSameTransfer(found: Transfer & { readonly height: number }, height: number, due: Transfer): boolean {
  return (
    found.height === height &&
    found.part === due.part &&
    found.microPoints === due.microPoints &&
    bytesEqual(found.node, due.node)
  );
}

/** The store keeps a record's transfers in the order of their parts' names. */
function sortedByPart(transfers: readonly Transfer[]): readonly Transfer[] {
  return transfers.toSorted((left, right) => (left.part < right.part ? -1 : 1));
}

function compareBalances(ledger: Ledger, expected: ReadonlyMap<string, bigint>, problems: string[]): void {
  const unseen = new Map(expected);
  for (const { node, part, balance } of ledger.accounts.all()) {
    const account = `${toHex(node)}/${part}`;
    if ((expected.get(account) ?? 0n) !== balance)
      problems.push(`account ${account} holds ${balance}, its records say ${expected.get(account) ?? 0n}`);
    unseen.delete(account);
  }
  for (const [account, balance] of unseen)
    if (balance !== 0n) problems.push(`account ${account} is missing; its records say ${balance}`);
}
