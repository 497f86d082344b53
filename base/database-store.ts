import { renameSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementResultingChanges } from "node:sqlite";
import { BaseError, type BaseErrorCode, messageOf } from "./errors.ts";
import { makeFolder } from "./files-linux.ts";
import { DATABASE_BUSY_MS } from "./limits.ts";

type Row = Record<string, SQLOutputValue>;

/** A prepared statement. Its calls throw what opening the database throws. */
export interface Statement {
  run(...parameters: SQLInputValue[]): StatementResultingChanges;
  get(...parameters: SQLInputValue[]): Row | undefined;
  all(...parameters: SQLInputValue[]): Row[];
  /** The rows one by one, read as they are asked for. */
  iterate(...parameters: SQLInputValue[]): Generator<Row, void>;
}

/** A database that is on disk when a transaction returns. */
export interface Database {
  /** A statement, prepared once; integers come back as BigInt. */
  prepare(sql: string): Statement;
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
    if (!readOnly) makeFolder(dirname(path));
    const database = new DatabaseSync(path, { readOnly, timeout: DATABASE_BUSY_MS });
    try {
      if (!readOnly) database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 400");
      database.exec("PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA cache_size = -2000");
      if (options.maxPages !== undefined) database.exec(`PRAGMA max_page_count = ${Math.trunc(options.maxPages)}`);
      if (options.checkIntegrity === true) checkIntegrity(database, path);
      if (!readOnly) migrate(database, path, options.migrations);
    } catch (thrown) {
      database.close();
      throw thrown;
    }
    return {
      prepare: (sql) => prepareNamed(database, path, sql),
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

function prepareNamed(database: DatabaseSync, path: string, sql: string): Statement {
  const statement = named(path, () => database.prepare(sql));
  statement.setReadBigInts(true);
  return {
    run: (...parameters) => named(path, () => statement.run(...parameters.map(bindable))),
    get: (...parameters) => named(path, () => statement.get(...parameters.map(bindable))),
    all: (...parameters) => named(path, () => statement.all(...parameters.map(bindable))),
    *iterate(...parameters) {
      try {
        yield* statement.iterate(...parameters.map(bindable));
      } catch (thrown) {
        throw asBaseError(thrown, path);
      }
    },
  };
}

/** Empty bytes at an address of their own: those at none, Node 22 binds as NULL. */
const EMPTY = Buffer.allocUnsafeSlow(1).subarray(0, 0);

function bindable(parameter: SQLInputValue): SQLInputValue {
  return parameter instanceof Uint8Array && parameter.length === 0 ? EMPTY : parameter;
}

function migrate(database: DatabaseSync, path: string, migrations: readonly string[]): void {
  const row = database.prepare("PRAGMA user_version").get() as { user_version: number };
  if (row.user_version > migrations.length) {
    throw new BaseError(
      "database-failed",
      `${path} was written by a newer bonusnode (schema ${row.user_version}); install that version`,
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
    throw asBaseError(thrown, path);
  }
}

/** An error of SQLite or of the disk with our code and the file's name; any other as it is. */
function asBaseError(thrown: unknown, path: string): unknown {
  const { errcode, code } = (thrown ?? {}) as { errcode?: number; code?: string };
  if (code === "ENOSPC") return new BaseError("database-full", `${path}: no room on the disk`, { cause: thrown });
  if (errcode === undefined) return thrown;
  return new BaseError(CODES.get(errcode & 0xff) ?? "database-failed", `${path}: ${messageOf(thrown)}`, { cause: thrown });
}
