import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Test } from "tap";

/** A folder for the ledgers of a test, in memory where the machine has that, so that thousands of syncs cost nothing. Gone after it. */
export function makeFastFolder(t: Test): string {
  const folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "bonusnode-test-"));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
