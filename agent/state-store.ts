import { type Database, openDatabase } from "../base/index.ts";
import { proofTable } from "./proof/proof-table-store.ts";

export { type ChainPoint, isAfter, type Place, type ProofRow } from "./proof/proof-table-store.ts";

/**
 * The agent's state on disk: the journal of tasks, the chain of proofs with its outbox, what blobs are kept, and today's traffic.
 * Every function here is one synced transaction; what they answer is what would be found after a power cut.
 */

const SCHEMA = `
CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE tasks (
  id BLOB PRIMARY KEY,
  bookkeeper BLOB NOT NULL,
  role TEXT NOT NULL,
  digest BLOB NOT NULL,
  payload BLOB NOT NULL,
  expires_at INTEGER NOT NULL,
  state TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  outcome BLOB,
  finish_order INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX tasks_open ON tasks (state) WHERE state <> 'settled';
CREATE INDEX tasks_finished ON tasks (finish_order) WHERE finish_order IS NOT NULL;
CREATE TABLE proofs (
  boot_count INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  hash BLOB NOT NULL,
  task BLOB NOT NULL,
  envelope BLOB NOT NULL,
  status TEXT,
  reason TEXT,
  receipt BLOB,
  PRIMARY KEY (boot_count, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX proofs_waiting ON proofs (boot_count, seq) WHERE status IS NULL;
CREATE TABLE blobs (hash BLOB PRIMARY KEY, size INTEGER NOT NULL, counted_to INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE traffic (day INTEGER PRIMARY KEY, bytes INTEGER NOT NULL) STRICT;
`;

/** Where a task stands. `finished`: its outcome is on disk, its proof not yet signed. */
export type TaskState = "accepted" | "running" | "finished" | "proved" | "settled";

/** A task as journaled. */
export interface TaskRow {
  readonly id: Uint8Array;
  readonly bookkeeper: Uint8Array;
  readonly role: "assignment" | "challenge";
  /** SHA-256 of the payload: what tells a repetition from a conflict. */
  readonly digest: Uint8Array;
  /** The canonical claims of the assignment or challenge, already verified; empty once the task is settled. */
  readonly payload: Uint8Array;
  /** Seconds of the bookkeeper's time. */
  readonly expiresAt: number;
  readonly state: TaskState;
  readonly attempts: number;
  /** The outcome as `proof/outcome.ts` writes it; from `finished` on, until settled. */
  readonly outcome?: Uint8Array;
}

/** How many there are of what, and what it earned. */
export interface StateSummary {
  readonly openTasks: number;
  readonly waitingProofs: number;
  readonly acceptedProofs: number;
  readonly refusedProofs: number;
  readonly blobs: number;
  readonly blobBytes: number;
  /** The node's contribution as its bookkeeper last signed it, in micro-points. */
  readonly contribution?: bigint;
}

export type AgentState = ReturnType<typeof openAgentState>;

/** Opens the agent's state, damaged files being refused (`database-corrupt`). `maxPages` bounds it for tests of a full disk. */
export function openAgentState(path: string, options: { readonly readOnly?: boolean; readonly maxPages?: number } = {}) {
  const database = openDatabase({ path, migrations: [SCHEMA], checkIntegrity: options.readOnly !== true, ...options });
  const write = <Value>(work: () => Value): Value => database.transaction(work);
  const meta = metaTable(database);
  const tasks = taskTable(database);
  const proofs = proofTable(database);
  const blobs = blobTable(database);
  const traffic = trafficTable(database);

  return {
    /** Runs several of the calls below as one transaction. */
    transaction: write,
    meta,
    /** Adds to a counter that outlives what it counts. */
    count: (name: string, by: number): void => meta.set(name, ((meta.get(name) as bigint | undefined) ?? 0n) + BigInt(by)),
    tasks,
    proofs,
    blobs,
    traffic,
    /** Counts this start of the agent and answers the new count, which no earlier start had. */
    beginBoot: (atLeast = 1): number =>
      write(() => {
        const bootCount = Math.max(Number(meta.get("boot_count") ?? 0n) + 1, atLeast);
        meta.set("boot_count", BigInt(bootCount));
        return bootCount;
      }),
    summary: (): StateSummary => {
      const contribution = meta.get("contribution") as bigint | undefined;
      return {
        openTasks: tasks.openCount(),
        waitingProofs: proofs.waitingCount(),
        acceptedProofs: Number(meta.get("proofs_accepted") ?? 0n),
        refusedProofs: Number(meta.get("proofs_refused") ?? 0n),
        ...blobs.counts(),
        ...(contribution === undefined ? {} : { contribution }),
      };
    },
    close: () => database.close(),
  };
}

function metaTable(database: Database) {
  const select = database.prepare("SELECT value FROM meta WHERE name = ?");
  const upsert = database.prepare("INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value");
  return {
    get: (name: string): unknown => select.get(name)?.["value"],
    set: (name: string, value: bigint | string | Uint8Array): void => void upsert.run(name, value),
  };
}

function taskTable(database: Database) {
  const select = database.prepare("SELECT * FROM tasks WHERE id = ?");
  const open = database.prepare("SELECT * FROM tasks WHERE state IN ('accepted', 'running', 'finished') ORDER BY expires_at");
  const finished = database.prepare("SELECT * FROM tasks WHERE state = 'finished' ORDER BY finish_order");
  const insert = database.prepare("INSERT INTO tasks VALUES (?, ?, ?, ?, ?, ?, 'accepted', 0, NULL, NULL)");
  const begin = database.prepare("UPDATE tasks SET state = 'running', attempts = attempts + 1 WHERE id = ?");
  const finish = database.prepare(`UPDATE tasks SET state = 'finished', outcome = ?,
    finish_order = (SELECT coalesce(max(finish_order), 0) + 1 FROM tasks WHERE finish_order IS NOT NULL) WHERE id = ?`);
  const move = database.prepare("UPDATE tasks SET state = ? WHERE id = ?");
  const settle = database.prepare("UPDATE tasks SET state = 'settled', payload = zeroblob(0), outcome = NULL WHERE id = ?");
  const forget = database.prepare("DELETE FROM tasks WHERE state = 'settled' AND bookkeeper = ? AND expires_at < ?");
  const count = database.prepare("SELECT count(*) AS n FROM tasks WHERE state IN ('accepted', 'running', 'finished')");
  return {
    get: (id: Uint8Array): TaskRow | undefined => asTask(select.get(id)),
    /** Tasks whose proof is not signed yet, the most urgent first. */
    open: (): TaskRow[] => open.all().flatMap((row) => asTask(row) ?? []),
    /** Tasks whose outcome is journaled and whose proof is not signed yet, in the order in which they ended. */
    finished: (): TaskRow[] => finished.all().flatMap((row) => asTask(row) ?? []),
    insert: (task: Omit<TaskRow, "state" | "attempts" | "outcome">): void =>
      void insert.run(task.id, task.bookkeeper, task.role, task.digest, task.payload, task.expiresAt),
    /** Counts an attempt, before anything of it happens. */
    begin: (id: Uint8Array): void => void begin.run(id),
    finish: (id: Uint8Array, outcome: Uint8Array): void => void finish.run(outcome, id),
    move: (id: Uint8Array, state: TaskState): void => void move.run(state, id),
    /** A receipt ended it: what is kept is its id and digest, which tell a replay. */
    settle: (id: Uint8Array): void => void settle.run(id),
    /** Drops settled tasks of a bookkeeper that expired before the given second of that bookkeeper's time. */
    forgetExpiredBefore: (bookkeeper: Uint8Array, seconds: number): void => void forget.run(bookkeeper, Math.trunc(seconds)),
    openCount: (): number => Number(count.get()?.["n"] ?? 0n),
  };
}

function asTask(row: Record<string, unknown> | undefined): TaskRow | undefined {
  if (row === undefined) return undefined;
  return {
    id: row["id"] as Uint8Array,
    bookkeeper: row["bookkeeper"] as Uint8Array,
    role: row["role"] as TaskRow["role"],
    digest: row["digest"] as Uint8Array,
    payload: row["payload"] as Uint8Array,
    expiresAt: Number(row["expires_at"]),
    state: row["state"] as TaskState,
    attempts: Number(row["attempts"]),
    ...(row["outcome"] === null ? {} : { outcome: row["outcome"] as Uint8Array }),
  };
}

function blobTable(database: Database) {
  const select = database.prepare("SELECT size, counted_to FROM blobs WHERE hash = ?");
  const upsert = database.prepare(
    "INSERT INTO blobs VALUES (?, ?, ?) ON CONFLICT (hash) DO UPDATE SET counted_to = excluded.counted_to",
  );
  const remove = database.prepare("DELETE FROM blobs WHERE hash = ?");
  const all = database.prepare("SELECT hash FROM blobs");
  const sum = database.prepare("SELECT count(*) AS n, coalesce(sum(size), 0) AS bytes FROM blobs");
  return {
    /** Size in bytes, and the second of bookkeeper time up to which its byte-seconds were claimed. */
    get: (hash: Uint8Array): { readonly size: number; readonly countedTo: number } | undefined => {
      const row = select.get(hash);
      return row === undefined ? undefined : { size: Number(row["size"]), countedTo: Number(row["counted_to"]) };
    },
    put: (hash: Uint8Array, size: number, countedTo: number): void => void upsert.run(hash, size, Math.trunc(countedTo)),
    remove: (hash: Uint8Array): void => void remove.run(hash),
    hashes: (): Uint8Array[] => all.all().map((row) => row["hash"] as Uint8Array),
    counts: () => {
      const row = sum.get();
      return { blobs: Number(row?.["n"] ?? 0n), blobBytes: Number(row?.["bytes"] ?? 0n) };
    },
  };
}

function trafficTable(database: Database) {
  const select = database.prepare("SELECT bytes FROM traffic WHERE day = ?");
  const add = database.prepare(
    "INSERT INTO traffic VALUES (?, ?) ON CONFLICT (day) DO UPDATE SET bytes = bytes + excluded.bytes",
  );
  const prune = database.prepare("DELETE FROM traffic WHERE day < ?");
  return {
    /** Bytes used on a day, counted in days since 1970. */
    onDay: (day: number): number => Number(select.get(day)?.["bytes"] ?? 0n),
    add: (day: number, bytes: bigint): void => {
      prune.run(day - 31);
      add.run(day, bytes);
    },
  };
}
