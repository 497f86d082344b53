import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { BaseError, messageOf } from "./errors.ts";
import { makeFolder } from "./files-linux.ts";

/** A state directory held by this process. */
export interface DirectoryLock {
  release(): void;
}

/** A database that nothing refers to is collected, and its lock let go with it: whoever holds one need not keep what it got. */
const held = new Set<DatabaseSync>();

/**
 * Takes a state directory for this process. Throws `lock-held`, naming the process that has it, or `file-unreadable` where nothing can
 * be written. The kernel holds the lock (an open exclusive SQLite transaction, which is a POSIX record lock), so it ends with the process
 * however that dies, and no stale lock file can keep a box from starting.
 */
export function lockDirectory(directory: string): DirectoryLock {
  const holderFile = join(directory, "lock.pid");
  let database: DatabaseSync | undefined;
  try {
    makeFolder(directory);
    database = new DatabaseSync(join(directory, "lock"), { timeout: 0 });
    database.exec("BEGIN EXCLUSIVE");
    writeFileSync(holderFile, `${process.pid}\n`, { mode: 0o600 });
  } catch (thrown) {
    database?.close();
    if ((thrown as { errcode?: number }).errcode !== SQLITE_BUSY) {
      throw new BaseError("file-unreadable", `cannot lock ${directory}: ${messageOf(thrown)}`, { cause: thrown });
    }
    throw new BaseError(
      "lock-held",
      `${directory} is in use by another bonusnode (process ${holderOf(holderFile)}); stop it first`,
    );
  }
  const taken = database;
  held.add(taken);
  return {
    release: () => {
      held.delete(taken);
      taken.close();
    },
  };
}

/** SQLite's result code (https://www.sqlite.org/rescode.html) for a lock that somebody else holds. */
const SQLITE_BUSY = 5;

function holderOf(path: string): string {
  try {
    return readFileSync(path, "utf8").trim() || "unknown";
  } catch {
    return "unknown";
  }
}
