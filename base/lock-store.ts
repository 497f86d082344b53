import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { BaseError, messageOf } from "./errors.ts";

/** A state directory held by this process. */
export interface DirectoryLock {
  release(): void;
}

/**
 * Takes a state directory for this process, or throws `lock-held` naming the process that has it. The kernel holds the lock (an
 * open exclusive SQLite transaction, which is a POSIX record lock), so it ends with the process however that dies, and no stale
 * lock file can keep a box from starting.
 */
export function lockDirectory(directory: string): DirectoryLock {
  const holderFile = join(directory, "lock.pid");
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const database = new DatabaseSync(join(directory, "lock"), { timeout: 0 });
  try {
    database.exec("BEGIN EXCLUSIVE");
  } catch (thrown) {
    database.close();
    if ((thrown as { errcode?: number }).errcode !== 5) {
      throw new BaseError("file-unreadable", `cannot lock ${directory}: ${messageOf(thrown)}`, { cause: thrown });
    }
    throw new BaseError(
      "lock-held",
      `${directory} is in use by another bonusnode (process ${holderOf(holderFile)}); stop it first`,
    );
  }
  writeFileSync(holderFile, `${process.pid}\n`, { mode: 0o600 });
  return { release: () => database.close() };
}

function holderOf(path: string): string {
  try {
    return readFileSync(path, "utf8").trim() || "unknown";
  } catch {
    return "unknown";
  }
}
