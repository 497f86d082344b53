import { assert, type Database } from "../../base/index.ts";
import type { Proof } from "../../protocol/index.ts";
import type { Policy } from "../policy.ts";
import type { AccountTable } from "./accounts-store.ts";
import {
  asStored,
  decodeRecord,
  encodeRecord,
  hashRecord,
  type LedgerRecord,
  type PolicyRecord,
  policyOf,
  type RecordedUnder,
  type StoredRecord,
  transfersOf,
} from "./records.ts";

/** A record in its place. */
export interface RecordRow extends StoredRecord {
  readonly height: number;
  readonly hash: Uint8Array;
}

/** The end of the chain of records. Height 0 in an empty ledger. */
export interface Tip {
  readonly height: number;
  readonly hash: Uint8Array;
}

export type RecordTable = ReturnType<typeof openRecordTable>;

/** The records in the ledger's database. */
export function openRecordTable(database: Database, accounts: AccountTable) {
  const last = database.prepare("SELECT height, hash FROM records ORDER BY height DESC LIMIT 1");
  const insert = database.prepare("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?)");
  const one = database.prepare("SELECT * FROM records WHERE height = ?");
  const policyAt = database.prepare("SELECT * FROM records WHERE type = 'policy' AND height <= ? ORDER BY height DESC LIMIT 1");
  const everyPolicy = database.prepare("SELECT * FROM records WHERE type = 'policy' ORDER BY height");
  const all = database.prepare("SELECT * FROM records ORDER BY height");
  const policies = new Map<number, Policy>();
  // What one transaction has read already. Another connection may write between two of them.
  let tip: Tip | undefined;
  let inForce: Policy | undefined;

  const policyBehind = (height: number): Policy => {
    const row = policyAt.get(height);
    assert(row !== undefined, "the ledger has no policy");
    const at = Number(row["height"]);
    const known = policies.get(at) ?? policyOf(decodeRecord(asStored(row)) as PolicyRecord);
    policies.set(at, known);
    return known;
  };
  const recordedAt = (height: number): RecordedUnder => {
    const row = one.get(height);
    assert(row !== undefined, `the ledger has no record ${height}`);
    return { record: decodeRecord(asStored(row)), policy: policyBehind(height) };
  };
  const readTip = (): Tip => {
    const row = last.get();
    return row === undefined
      ? { height: 0, hash: new Uint8Array(32) }
      : { height: Number(row["height"]), hash: row["hash"] as Uint8Array };
  };

  return {
    /** A transaction begins: what the last one knew may be old. */
    begin: (): void => {
      tip = undefined;
      inForce = undefined;
    },
    /**
     * Appends a record and books its transfers. Inside a transaction. Answers its height and what was credited in all. `proof`: the
     * claims of a proof record, where the caller has decoded them.
     */
    append: (record: LedgerRecord, proof?: Proof): { readonly height: number; readonly credited: bigint } => {
      tip ??= readTip();
      const stored = encodeRecord(record);
      const height = tip.height + 1;
      const hash = hashRecord(tip.hash, stored);
      insert.run(height, stored.type, stored.node, stored.atMs, stored.claims, stored.attachment, hash);
      tip = { height, hash };
      if (record.type === "policy") {
        inForce = undefined;
        return { height, credited: 0n };
      }
      inForce ??= policyBehind(height);
      return { height, credited: accounts.post(height, transfersOf(record, inForce, recordedAt, proof)) };
    },
    at: recordedAt,
    /** The policy in force, or undefined in an empty ledger. */
    currentPolicy: (): Policy | undefined =>
      policyAt.get(Number.MAX_SAFE_INTEGER) === undefined ? undefined : policyBehind(Number.MAX_SAFE_INTEGER),
    /** Every policy that ever counted, the first one first. */
    policies: (): PolicyRecord[] => everyPolicy.all().map((row) => decodeRecord(asStored(row)) as PolicyRecord),
    /** The newest record's height and hash. */
    tip: readTip,
    /** When the newest record was written, in milliseconds since 1970; undefined in an empty ledger. */
    lastMs: (): number | undefined => {
      const { height } = readTip();
      const row = one.get(height);
      return row === undefined ? undefined : Number(row["at_ms"]);
    },
    /** Every record in order, as it is stored. */
    *all(): Generator<RecordRow> {
      for (const row of all.iterate()) yield { height: Number(row["height"]), hash: row["hash"] as Uint8Array, ...asStored(row) };
    },
  };
}
