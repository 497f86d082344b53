import { bytesEqual, messageOf, toHex } from "../../base/index.ts";
import type { Proof } from "../../protocol/index.ts";
import type { Policy } from "../policy.ts";
import { type BookedTransfer, ISSUE } from "./accounts-store.ts";
import type { Ledger } from "./ledger-store.ts";
import type { Place } from "./proofs-store.ts";
import { decodeRecord, hashRecord, type LedgerRecord, policyOf, proofIn, type Transfer, transfersOf } from "./records.ts";
import type { RecordRow } from "./records-store.ts";

/** What an audit found. `problems` is empty for a ledger that agrees with itself. */
export interface AuditReport {
  readonly records: number;
  readonly proofs: number;
  readonly transfers: number;
  /** Micro-points credited to all nodes together. */
  readonly issued: bigint;
  readonly problems: readonly string[];
}

/** Past this many problems an audit only counts: who needs to know more has to look at the whole file anyway. */
const MAX_PROBLEMS = 1_000;

/**
 * Replays every record from the first: the chain of hashes, the transfers that follow from each record by its policy, and the balances
 * that follow from the transfers, all compared with what is stored, to the unit. Also: no assignment and no place in a chain proved
 * twice, and no credit taken back twice. Never throws for what a damaged ledger holds.
 */
export function auditLedger(ledger: Ledger): AuditReport {
  const problems: string[] = [];
  let unlisted = 0;
  const complain = (problem: string): void => {
    if (problems.length < MAX_PROBLEMS) problems.push(problem);
    else unlisted += 1;
  };
  const replay = makeReplay(ledger, complain);
  const stored = makeTransferReader(ledger);
  const books = makeBooks();
  let previous: RecordRow | undefined;
  let records = 0;
  let transfers = 0;
  for (const row of ledger.records.all()) {
    records += 1;
    checkChain(previous, row, complain);
    previous = row;
    const found = stored.upTo(row.height);
    const due = replay.transfersOf(row);
    transfers += found.length;
    if (!areSame(found, row.height, due)) complain(`record ${row.height}: its transfers are not as booked`);
    for (const transfer of due) books.post(transfer);
  }
  const orphans = stored.upTo(Number.POSITIVE_INFINITY).length;
  if (orphans > 0) complain(`there are ${orphans} transfers without a record`);
  compareBalances(ledger, books.balances, complain);
  if (unlisted > 0) problems.push(`and ${unlisted} more`);
  return { records, proofs: replay.proofs(), transfers: transfers + orphans, issued: books.issued(), problems };
}

type Complain = (problem: string) => void;

function checkChain(previous: RecordRow | undefined, row: RecordRow, complain: Complain): void {
  const expectedHeight = (previous?.height ?? 0) + 1;
  if (row.height !== expectedHeight)
    complain(`record ${expectedHeight}${row.height - expectedHeight > 1 ? ` to ${row.height - 1}` : ""} is missing`);
  if (!isHashOf(row, previous?.hash ?? new Uint8Array(32)))
    complain(`record ${row.height} was altered, or is not the one that followed the one before`);
}

function isHashOf(row: RecordRow, previousHash: Uint8Array): boolean {
  try {
    return bytesEqual(hashRecord(previousHash, row), row.hash);
  } catch {
    // Numbers that no record of ours can hold.
    return false;
  }
}

/** What follows from the records, one after the other, by the policy that each was written under. */
function makeReplay(ledger: Ledger, complain: Complain) {
  const assignments = new Set<string>();
  const reversals = new Set<number>();
  const heads = new Map<string, Place>();
  let policy: Policy | undefined;
  let proofs = 0;

  const followProof = (height: number, node: Uint8Array, proof: Proof): void => {
    proofs += 1;
    const { issuer, bootCount, seq } = proof;
    if (!bytesEqual(issuer, node)) complain(`record ${height}: the proof is another node's`);
    const name = toHex(issuer);
    const head = heads.get(name);
    if (head !== undefined && !isAfter(proof, head))
      complain(`record ${height}: place ${bootCount}.${seq} of ${name} was proved or passed before`);
    heads.set(name, { bootCount, seq });
    const assignment = Buffer.from(proof.assignment).toString("latin1");
    if (assignments.has(assignment)) complain(`record ${height}: assignment ${toHex(proof.assignment)} was proved before`);
    assignments.add(assignment);
  };

  const follow = (height: number, record: LedgerRecord): readonly Transfer[] => {
    if (record.type === "policy") policy = policyOf(record);
    if (policy === undefined) {
      complain(`record ${height} comes before any policy`);
      return [];
    }
    if (record.type === "reversal") {
      if (reversals.has(record.height)) complain(`record ${height}: record ${record.height} was taken back before`);
      reversals.add(record.height);
    }
    if (record.type !== "proof") return transfersOf(record, policy, ledger.records.at);
    const proof = proofIn(record.envelope);
    followProof(height, record.node, proof);
    return transfersOf(record, policy, ledger.records.at, proof);
  };

  return {
    /** The transfers that a record causes; none, with a complaint, where it cannot be read. */
    transfersOf: (row: RecordRow): readonly Transfer[] => {
      try {
        return follow(row.height, decodeRecord(row));
      } catch (thrown) {
        complain(`record ${row.height} makes no sense: ${messageOf(thrown)}`);
        return [];
      }
    },
    proofs: () => proofs,
  };
}

function isAfter(place: Place, head: Place): boolean {
  return place.bootCount > head.bootCount || (place.bootCount === head.bootCount && place.seq > head.seq);
}

/** The stored transfers, in the order of their records and of the parts of an account. */
function makeTransferReader(ledger: Ledger) {
  const transfers = ledger.accounts.transfers();
  let next = transfers.next();
  return {
    /** The transfers that come next and belong to this record or one before. */
    upTo: (height: number): BookedTransfer[] => {
      const found: BookedTransfer[] = [];
      for (; next.done !== true && next.value.height <= height; next = transfers.next()) found.push(next.value);
      return found;
    },
  };
}

function areSame(found: readonly BookedTransfer[], height: number, due: readonly Transfer[]): boolean {
  return (
    found.length === due.length &&
    found.every((transfer, index) => {
      const { node, part, microPoints } = due[index] ?? {};
      const isAlike = transfer.height === height && transfer.part === part && transfer.microPoints === microPoints;
      return isAlike && node !== undefined && bytesEqual(transfer.node, node);
    })
  );
}

/** The accounts as the records have them. */
function makeBooks() {
  const balances = new Map<string, bigint>();
  let issued = 0n;
  const move = (owner: Uint8Array, part: string, microPoints: bigint): void => {
    const account = `${toHex(owner)}/${part}`;
    balances.set(account, (balances.get(account) ?? 0n) + microPoints);
  };
  return {
    balances,
    issued: () => issued,
    post: ({ node, part, microPoints }: Transfer): void => {
      move(node, part, microPoints);
      move(ISSUE, part, -microPoints);
      issued += microPoints;
    },
  };
}

function compareBalances(ledger: Ledger, expected: ReadonlyMap<string, bigint>, complain: Complain): void {
  const unseen = new Map(expected);
  for (const { node, part, balance } of ledger.accounts.all()) {
    const account = `${toHex(node)}/${part}`;
    const due = expected.get(account) ?? 0n;
    if (due !== balance) complain(`account ${account} holds ${balance}, its records say ${due}`);
    unseen.delete(account);
  }
  for (const [account, balance] of unseen)
    if (balance !== 0n) complain(`account ${account} is missing; its records say ${balance}`);
}
