import { mkdirSync, renameSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { BaseError, type BaseErrorCode, messageOf } from "./errors.ts";
import { DATABASE_BUSY_MS } from "./limits.ts";

/** A database that is on disk when a transaction returns. */
export interface Database {
  /** A statement, prepared once; integers come back as BigInt. */
  prepare(sql: string): StatementSync;
  /** Runs `work` as one transaction: all of it is on disk when this returns, or none of it ever happened. */
  transaction<Value>(work: () => Value): Value;
  close(): void;
}

/** How to open a database. */
export interface DatabaseOptions {
  /** File path; its folder is made when absent. */
  readonly path: string;
  /** One SQL script a schema version, oldest first; the ones the file lacks are run at opening. */
  readonly migrations: readonly string[];
  /** Only read; the file must exist. */
  readonly readOnly?: boolean;
  /** Read every page at opening and refuse a damaged file; for small databases. */
  readonly checkIntegrity?: boolean;
  /** The size, in pages of 4 KiB, past which writes answer `database-full`. Undefined: the disk is the limit. */
  readonly maxPages?: number;
}

/**
 * Opens an SQLite file in WAL mode with a sync at every commit. Throws `database-corrupt` for a file that is damaged or no
 * database, `database-full` where the disk has no room, `database-busy` where another process holds it, else `database-failed`.
 */
export function openDatabase(options: DatabaseOptions): Database {
  const { path, readOnly = false } = options;
  return named(path, () => {
    if (!readOnly) mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const database = new DatabaseSync(path, { readOnly, timeout: DATABASE_BUSY_MS });
    try {
      if (!readOnly) database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 400");
      database.exec("PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA cache_size = -2000");
      if (options.maxPages !== undefined) database.exec(`PRAGMA max_page_count = ${Math.trunc(options.maxPages)}`);
      if (options.checkIntegrity === true) checkIntegrity(database, path);
      if (!readOnly) migrate(database, options.migrations);
    } catch (thrown) {
      database.close();
      throw thrown;
    }
    return {
      prepare: (sql) => {
        const statement = database.prepare(sql);
        statement.setReadBigInts(true);
        return statement;
      },
      transaction: (work) => named(path, () => inTransaction(database, work)),
      close: () => database.close(),
    };
  });
}

/** Moves a damaged database and its side files out of the way, for a person to look at. Answers the new path. */
export function setDatabaseAside(path: string, suffix: string): string {
  const aside = `${path}.damaged-${suffix}`;
  renameSync(path, aside);
  for (const side of ["-wal", "-shm"]) {
    try {
      renameSync(`${path}${side}`, `${aside}${side}`);
    } catch {
      // It has no such side file.
    }
  }
  return aside;
}

function inTransaction<Value>(database: DatabaseSync, work: () => Value): Value {
  database.exec("BEGIN IMMEDIATE");
  try {
    const value = work();
    database.exec("COMMIT");
    return value;
  } catch (thrown) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw thrown;
  }
}

function migrate(database: DatabaseSync, migrations: readonly string[]): void {
  const row = database.prepare("PRAGMA user_version").get() as { user_version: number };
  if (row.user_version > migrations.length) {
    throw new BaseError(
      "database-failed",
      `it was written by a newer bonusnode (schema ${row.user_version}); install that version`,
    );
  }
  for (let version = row.user_version; version < migrations.length; version++) {
    inTransaction(database, () => database.exec(`${migrations[version]}; PRAGMA user_version = ${version + 1}`));
  }
}

function checkIntegrity(database: DatabaseSync, path: string): void {
  const row = database.prepare("PRAGMA quick_check(1)").get() as { quick_check: string } | undefined;
  if (row?.quick_check !== "ok")
    throw new BaseError("database-corrupt", `${path} is damaged: ${row?.quick_check ?? "unreadable"}`);
}

/** SQLite's primary result codes (https://www.sqlite.org/rescode.html) that callers tell apart. */
const CODES: ReadonlyMap<number, BaseErrorCode> = new Map([
  [5, "database-busy"],
  [6, "database-busy"],
  [11, "database-corrupt"],
  [13, "database-full"],
  [26, "database-corrupt"],
]);

function named<Value>(path: string, work: () => Value): Value {
  try {
    return work();
  } catch (thrown) {
    const { errcode, code } = thrown as { errcode?: number; code?: string };
    if (code === "ENOSPC") throw new BaseError("database-full", `${path}: no room on the disk`, { cause: thrown });
    if (errcode === undefined) throw thrown;
    throw new BaseError(CODES.get(errcode & 0xff) ?? "database-failed", `${path}: ${messageOf(thrown)}`, { cause: thrown });
  }
}
