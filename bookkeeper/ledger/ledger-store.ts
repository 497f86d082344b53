import { assert, type Database, openDatabase } from "../../base/index.ts";
import type { ChainHead } from "../../protocol/index.ts";
import type { Policy } from "../policy.ts";
import { openAssignmentTable } from "./assignments-store.ts";
import {
  ACCOUNT_PARTS,
  type AccountPart,
  decodeRecord,
  encodeRecord,
  hashRecord,
  type LedgerRecord,
  policyOf,
  type RecordedUnder,
  type Transfer,
  transfersOf,
} from "./records.ts";
import { LEDGER_SCHEMA } from "./schema.ts";

/** A node as the ledger knows it. */
export interface NodeRow {
  readonly key: Uint8Array;
  /** The signed descriptor, and the hash of its payload. */
  readonly descriptor: Uint8Array;
  readonly descriptorHash: Uint8Array;
  readonly head?: ChainHead;
}

/** A proof that the ledger holds a place for. */
export interface HeldProof {
  readonly hash: Uint8Array;
  readonly height: number;
  /** The signed receipt that answered it. */
  readonly receipt: Uint8Array;
}

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

export type Ledger = ReturnType<typeof openLedger>;

/** Opens the bookkeeper's ledger. `maxPages` bounds it for tests of a full disk. */
export function openLedger(path: string, options: { readonly readOnly?: boolean; readonly maxPages?: number } = {}) {
  const database = openDatabase({ path, migrations: [LEDGER_SCHEMA], ...options });
  const records = recordTable(database);
  return {
    /** Runs several of the calls below as one transaction: all on disk when it returns, or none. */
    transaction: <Value>(work: () => Value): Value => database.transaction(work),
    records,
    nodes: nodeTable(database),
    proofs: proofTable(database),
    accounts: accountTable(database),
    assignments: openAssignmentTable(database),
    beacons: beaconTable(database),
    placements: placementTable(database),
    orders: orderTable(database),
    close: () => database.close(),
  };
}

function recordTable(database: Database) {
  const last = database.prepare("SELECT height, hash FROM records ORDER BY height DESC LIMIT 1");
  const insert = database.prepare("INSERT INTO records VALUES (?, ?, ?, ?, ?)");
  const transfer = database.prepare("INSERT INTO transfers VALUES (?, ?, ?, ?)");
  const credit = database.prepare(
    "INSERT INTO accounts VALUES (?, ?, ?) ON CONFLICT (owner, part) DO UPDATE SET balance = balance + excluded.balance",
  );
  const one = database.prepare("SELECT body FROM records WHERE height = ?");
  const policyAt = database.prepare(
    "SELECT height, body FROM records WHERE type = 'policy' AND height <= ? ORDER BY height DESC LIMIT 1",
  );
  const all = database.prepare("SELECT height, body, hash FROM records ORDER BY height");
  const policies = new Map<number, Policy>();

  const policyBehind = (height: number): Policy => {
    const row = policyAt.get(height);
    assert(row !== undefined, "the ledger has no policy");
    const at = Number(row["height"]);
    const known = policies.get(at) ?? policyOf(decodeRecord(row["body"] as Uint8Array) as LedgerRecord & { type: "policy" });
    policies.set(at, known);
    return known;
  };
  const recordedAt = (height: number): RecordedUnder => {
    const row = one.get(height);
    assert(row !== undefined, `the ledger has no record ${height}`);
    return { record: decodeRecord(row["body"] as Uint8Array), policy: policyBehind(height) };
  };
  const readTip = (): { height: number; hash: Uint8Array } => {
    const row = last.get();
    return row === undefined
      ? { height: 0, hash: new Uint8Array(32) }
      : { height: Number(row["height"]), hash: row["hash"] as Uint8Array };
  };

  return {
    /** Appends a record and books its transfers. Inside a transaction. Answers its height and what was credited in all. */
    append: (record: LedgerRecord): { readonly height: number; readonly credited: bigint } => {
      const tip = readTip();
      const body = encodeRecord(record);
      const height = tip.height + 1;
      const hash = hashRecord(tip.hash, body);
      insert.run(height, record.type, "node" in record ? record.node : null, body, hash);
      const booked = record.type === "policy" ? [] : transfersOf(record, policyBehind(height), recordedAt);
      for (const { node, part, microPoints } of booked) {
        transfer.run(height, node, part, microPoints);
        credit.run(node, part, microPoints);
        credit.run(ISSUE, part, -microPoints);
      }
      return { height, credited: booked.reduce((sum, each) => sum + each.microPoints, 0n) };
    },
    at: recordedAt,
    /** The policy in force, or undefined in an empty ledger. */
    currentPolicy: (): Policy | undefined =>
      policyAt.get(Number.MAX_SAFE_INTEGER) === undefined ? undefined : policyBehind(readTip().height),
    /** The newest record's height and hash; height 0 in an empty ledger. */
    tip: readTip,
    /** Every record in order, with the hash that stands beside it. */
    *all(): Generator<{ readonly height: number; readonly body: Uint8Array; readonly hash: Uint8Array }> {
      for (const row of all.iterate()) {
        yield { height: Number(row["height"]), body: row["body"] as Uint8Array, hash: row["hash"] as Uint8Array };
      }
    },
  };
}

/** The owner of the network's side of every transfer. */
export const ISSUE = new Uint8Array(0);

function accountTable(database: Database) {
  const all = database.prepare("SELECT owner, part, balance FROM accounts ORDER BY owner, part");
  const ofNode = database.prepare("SELECT part, balance FROM accounts WHERE owner = ?");
  const entries = database.prepare(
    "SELECT t.height, t.part, t.amount, r.body FROM transfers t JOIN records r USING (height) WHERE t.node = ? ORDER BY t.height DESC LIMIT ?",
  );
  const transfers = database.prepare("SELECT height, node, part, amount FROM transfers ORDER BY height, part");
  return {
    all: (): AccountRow[] =>
      all.all().map((row) => ({
        node: row["owner"] as Uint8Array,
        part: row["part"] as AccountPart,
        balance: row["balance"] as bigint,
      })),
    /** A node's balances by part; a part without movement is zero. */
    of: (node: Uint8Array): Record<AccountPart, bigint> => {
      const found = new Map(ofNode.all(node).map((row) => [row["part"], row["balance"] as bigint]));
      return Object.fromEntries(ACCOUNT_PARTS.map((part) => [part, found.get(part) ?? 0n])) as Record<AccountPart, bigint>;
    },
    total: (node: Uint8Array): bigint => ofNode.all(node).reduce((sum, row) => sum + (row["balance"] as bigint), 0n),
    /** The newest movements on a node's account. */
    entries: (node: Uint8Array, limit: number): EntryRow[] =>
      entries.all(node, limit).map((row) => {
        const record = decodeRecord(row["body"] as Uint8Array);
        const part = row["part"] as AccountPart;
        return { height: Number(row["height"]), atMs: record.atMs, part, microPoints: row["amount"] as bigint, record };
      }),
    /** Every transfer in order, for the audit. */
    *transfers(): Generator<Transfer & { readonly height: number }> {
      for (const row of transfers.iterate()) {
        const part = row["part"] as AccountPart;
        yield { height: Number(row["height"]), node: row["node"] as Uint8Array, part, microPoints: row["amount"] as bigint };
      }
    },
  };
}

function nodeTable(database: Database) {
  const select = database.prepare("SELECT * FROM nodes WHERE key = ?");
  const all = database.prepare("SELECT * FROM nodes ORDER BY key");
  const upsert = database.prepare(`INSERT INTO nodes (key, descriptor, descriptor_hash) VALUES (?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET descriptor = excluded.descriptor, descriptor_hash = excluded.descriptor_hash`);
  const head = database.prepare("UPDATE nodes SET head_boot = ?, head_seq = ?, head_hash = ? WHERE key = ?");
  return {
    get: (key: Uint8Array): NodeRow | undefined => asNode(select.get(key)),
    all: (): NodeRow[] => all.all().flatMap((row) => asNode(row) ?? []),
    register: (key: Uint8Array, descriptor: Uint8Array, hash: Uint8Array): void => void upsert.run(key, descriptor, hash),
    setHead: (key: Uint8Array, to: ChainHead): void => void head.run(to.bootCount, to.seq, to.hash, key),
  };
}

function asNode(row: Record<string, unknown> | undefined): NodeRow | undefined {
  if (row === undefined) return undefined;
  const head =
    row["head_hash"] === null
      ? {}
      : { head: { bootCount: Number(row["head_boot"]), seq: Number(row["head_seq"]), hash: row["head_hash"] as Uint8Array } };
  return {
    key: row["key"] as Uint8Array,
    descriptor: row["descriptor"] as Uint8Array,
    descriptorHash: row["descriptor_hash"] as Uint8Array,
    ...head,
  };
}

function proofTable(database: Database) {
  const select = database.prepare(
    "SELECT hash, height, envelope FROM proofs JOIN receipts ON receipts.id = proofs.receipt WHERE node = ? AND boot_count = ? AND seq = ?",
  );
  const insertReceipt = database.prepare("INSERT INTO receipts (envelope) VALUES (?) RETURNING id");
  const insert = database.prepare("INSERT INTO proofs VALUES (?, ?, ?, ?, ?, ?)");
  const count = database.prepare("SELECT count(*) AS n FROM proofs");
  return {
    at: (node: Uint8Array, bootCount: number, seq: number): HeldProof | undefined => {
      const row = select.get(node, bootCount, seq);
      return row === undefined
        ? undefined
        : { hash: row["hash"] as Uint8Array, height: Number(row["height"]), receipt: row["envelope"] as Uint8Array };
    },
    /** Keeps one receipt, and the proofs that it answers. */
    insert: (
      node: Uint8Array,
      receipt: Uint8Array,
      proofs: readonly { readonly bootCount: number; readonly seq: number; readonly hash: Uint8Array; readonly height: number }[],
    ): void => {
      const id = insertReceipt.get(receipt)?.["id"] as bigint;
      for (const proof of proofs) insert.run(node, proof.bootCount, proof.seq, proof.hash, proof.height, id);
    },
    count: (): number => Number(count.get()?.["n"] ?? 0n),
  };
}

function beaconTable(database: Database) {
  const last = database.prepare("SELECT * FROM beacons ORDER BY height DESC LIMIT 1");
  const byHash = database.prepare("SELECT height, at_ms FROM beacons WHERE hash = ?");
  const insert = database.prepare("INSERT INTO beacons VALUES (?, ?, ?)");
  const prune = database.prepare("DELETE FROM beacons WHERE at_ms < ?");
  return {
    last: (): { readonly height: number; readonly hash: Uint8Array; readonly atMs: number } | undefined => {
      const row = last.get();
      if (row === undefined) return undefined;
      return { height: Number(row["height"]), hash: row["hash"] as Uint8Array, atMs: Number(row["at_ms"]) };
    },
    /** A beacon by its hash, while it is remembered. */
    byHash: (hash: Uint8Array): { readonly height: number; readonly atMs: number } | undefined => {
      const row = byHash.get(hash);
      return row === undefined ? undefined : { height: Number(row["height"]), atMs: Number(row["at_ms"]) };
    },
    insert: (height: number, hash: Uint8Array, atMs: number): void => void insert.run(height, hash, atMs),
    forgetBefore: (atMs: number): void => void prune.run(atMs),
  };
}

/** A blob that a node proved to have taken. */
export interface Placement {
  readonly node: Uint8Array;
  readonly blob: Uint8Array;
  readonly size: number;
  /** When it was asked to take it, in milliseconds since 1970. */
  readonly placedMs: number;
  /** Byte-seconds that the node was credited with for keeping it so far. */
  readonly claimed: bigint;
  /** The plan's item that it belongs to; undefined for modules and orders. */
  readonly item?: string;
}

function placementTable(database: Database) {
  const select = database.prepare("SELECT * FROM placements WHERE node = ? AND blob = ?");
  const ofNode = database.prepare("SELECT * FROM placements WHERE node = ?");
  const insert = database.prepare("INSERT OR REPLACE INTO placements VALUES (?, ?, ?, ?, ?, ?)");
  const claim = database.prepare("UPDATE placements SET claimed = claimed + ? WHERE node = ? AND blob = ?");
  const remove = database.prepare("DELETE FROM placements WHERE node = ? AND blob = ?");
  const ofBlob = database.prepare("SELECT 1 FROM placements WHERE blob = ? LIMIT 1");
  return {
    get: (node: Uint8Array, blob: Uint8Array): Placement | undefined => asPlacement(select.get(node, blob)),
    ofNode: (node: Uint8Array): Placement[] => ofNode.all(node).flatMap((row) => asPlacement(row) ?? []),
    insert: (placement: Placement): void =>
      void insert.run(
        placement.node,
        placement.blob,
        placement.size,
        placement.placedMs,
        placement.claimed,
        placement.item ?? null,
      ),
    addClaim: (node: Uint8Array, blob: Uint8Array, byteSeconds: bigint): void => void claim.run(byteSeconds, node, blob),
    remove: (node: Uint8Array, blob: Uint8Array): void => void remove.run(node, blob),
    /** Whether any node keeps the blob. */
    isPlaced: (blob: Uint8Array): boolean => ofBlob.get(blob) !== undefined,
  };
}

function asPlacement(row: Record<string, unknown> | undefined): Placement | undefined {
  if (row === undefined) return undefined;
  return {
    node: row["node"] as Uint8Array,
    blob: row["blob"] as Uint8Array,
    size: Number(row["size"]),
    placedMs: Number(row["placed_at"]),
    claimed: row["claimed"] as bigint,
    ...(row["item"] === null ? {} : { item: row["item"] as string }),
  };
}

/** A single assignment that somebody asked for with `bonusnode assign`. */
export interface OrderRow {
  readonly id: Uint8Array;
  readonly toml: string;
  readonly fileName: string;
  /** Why it could not be issued; absent while it waits and after it was. */
  readonly problem?: string;
  readonly assignment?: Uint8Array;
}

function orderTable(database: Database) {
  const waiting = database.prepare("SELECT * FROM orders WHERE assignment IS NULL AND problem IS NULL ORDER BY rowid");
  const select = database.prepare("SELECT * FROM orders WHERE id = ?");
  const insert = database.prepare("INSERT INTO orders VALUES (?, ?, ?, NULL, NULL)");
  const issued = database.prepare("UPDATE orders SET assignment = ? WHERE id = ?");
  const refused = database.prepare("UPDATE orders SET problem = ? WHERE id = ?");
  const asOrder = (row: Record<string, unknown>): OrderRow => ({
    id: row["id"] as Uint8Array,
    toml: row["toml"] as string,
    fileName: row["file_name"] as string,
    ...(row["problem"] === null ? {} : { problem: row["problem"] as string }),
    ...(row["assignment"] === null ? {} : { assignment: row["assignment"] as Uint8Array }),
  });
  return {
    add: (id: Uint8Array, toml: string, fileName: string): void => void insert.run(id, toml, fileName),
    get: (id: Uint8Array): OrderRow | undefined => {
      const row = select.get(id);
      return row === undefined ? undefined : asOrder(row);
    },
    waiting: (): OrderRow[] => waiting.all().map(asOrder),
    setIssued: (id: Uint8Array, assignment: Uint8Array): void => void issued.run(assignment, id),
    setProblem: (id: Uint8Array, problem: string): void => void refused.run(problem, id),
  };
}
