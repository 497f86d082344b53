import { type Database, toHex } from "../../base/index.ts";
import { ACCOUNT_PARTS, type AccountPart, asStored, decodeRecord, type LedgerRecord, type Transfer } from "./records.ts";

/** An account with its balance, in micro-points. */
export interface AccountRow {
  readonly node: Uint8Array;
  readonly part: AccountPart;
  readonly balance: bigint;
}

/** A movement on a node's account, with the record behind it. */
export interface EntryRow {
  readonly height: number;
  readonly atMs: number;
  readonly part: AccountPart;
  readonly microPoints: bigint;
  readonly record: LedgerRecord;
}

/** A transfer with the record behind it. */
export interface BookedTransfer extends Transfer {
  readonly height: number;
}

/** The owner of the network's side of every transfer. */
export const ISSUE = new Uint8Array(0);

export type AccountTable = ReturnType<typeof openAccountTable>;

/**
 * Accounts and their transfers in the ledger's database. Every transfer is written at once; balances are written once for each account
 * at the end of a transaction (`flush`), and read as if they were there already.
 */
export function openAccountTable(database: Database) {
  const insert = database.prepare("INSERT INTO transfers VALUES (?, ?, ?, ?, ?)");
  const credit = database.prepare(
    "INSERT INTO accounts VALUES (?, ?, ?) ON CONFLICT (owner, part) DO UPDATE SET balance = balance + excluded.balance",
  );
  const all = database.prepare("SELECT owner, part, balance FROM accounts ORDER BY owner, part");
  const ofOwner = database.prepare("SELECT part, balance FROM accounts WHERE owner = ?");
  const entries = database.prepare(
    "SELECT * FROM transfers JOIN records USING (height) WHERE transfers.node = ? ORDER BY height DESC LIMIT ?",
  );
  const transfers = database.prepare("SELECT * FROM transfers ORDER BY height");
  /** What this transaction moved and has not written to the accounts, by owner. */
  const moved = new Map<string, { readonly owner: Uint8Array; readonly parts: Map<AccountPart, bigint> }>();

  const move = (owner: Uint8Array, part: AccountPart, microPoints: bigint): void => {
    const name = toHex(owner);
    let account = moved.get(name);
    if (account === undefined) {
      account = { owner, parts: new Map() };
      moved.set(name, account);
    }
    account.parts.set(part, (account.parts.get(part) ?? 0n) + microPoints);
  };

  const balances = (node: Uint8Array): Record<AccountPart, bigint> => {
    const found = new Map(ofOwner.all(node).map((row) => [row["part"] as AccountPart, row["balance"] as bigint]));
    const pending = moved.get(toHex(node))?.parts;
    const balance = (part: AccountPart): bigint => (found.get(part) ?? 0n) + (pending?.get(part) ?? 0n);
    return Object.fromEntries(ACCOUNT_PARTS.map((part) => [part, balance(part)])) as Record<AccountPart, bigint>;
  };

  return {
    /**
     * Books what the record at `height` moves between one node's account and the network's; at most one transfer for each part. Inside a
     * transaction. Answers what was credited in all.
     */
    post: (height: number, transfers: readonly Transfer[]): bigint => {
      const [first] = transfers;
      if (first === undefined) return 0n;
      const amountOf = (wanted: AccountPart): bigint => transfers.find(({ part }) => part === wanted)?.microPoints ?? 0n;
      insert.run(height, first.node, amountOf("online"), amountOf("work"), amountOf("bonus"));
      let credited = 0n;
      for (const { node, part, microPoints } of transfers) {
        move(node, part, microPoints);
        move(ISSUE, part, -microPoints);
        credited += microPoints;
      }
      return credited;
    },
    /** Writes the balances that were moved; the last step of a transaction. */
    flush: (): void => {
      for (const { owner, parts } of moved.values()) {
        for (const [part, microPoints] of parts) credit.run(owner, part, microPoints);
      }
      moved.clear();
    },
    /** Forgets what was moved: the transaction is over. */
    discard: (): void => moved.clear(),
    all: (): AccountRow[] =>
      all.all().map((row) => ({
        node: row["owner"] as Uint8Array,
        part: row["part"] as AccountPart,
        balance: row["balance"] as bigint,
      })),
    /** A node's balances by part; a part without movement is zero. */
    of: balances,
    /** A node's whole contribution. */
    total: (node: Uint8Array): bigint => Object.values(balances(node)).reduce((sum, balance) => sum + balance, 0n),
    /** The newest movements on a node's account: of at most `limit` records. */
    entries: (node: Uint8Array, limit: number): EntryRow[] =>
      entries.all(node, limit).flatMap((row) => {
        const record = decodeRecord(asStored(row));
        return transfersIn(row).map(({ height, part, microPoints }) => ({
          height,
          atMs: record.atMs,
          part,
          microPoints,
          record,
        }));
      }),
    /** Every transfer in the order of the records, for the audit. */
    *transfers(): Generator<BookedTransfer> {
      for (const row of transfers.iterate()) yield* transfersIn(row);
    },
  };
}

function transfersIn(row: Record<string, unknown>): BookedTransfer[] {
  return ACCOUNT_PARTS.flatMap((part) => {
    const microPoints = row[part] as bigint;
    return microPoints === 0n ? [] : [{ height: Number(row["height"]), node: row["node"] as Uint8Array, part, microPoints }];
  });
}
