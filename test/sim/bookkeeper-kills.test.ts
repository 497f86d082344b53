/*
 * A process that appends to the ledger is killed with -9 in the middle, thirty times over, each time after a random number of commits. What
 * it said to be on disk is there, no transaction is there in part, and the audit agrees: from a printed seed.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import t from "tap";
import { makeSeededRandom } from "../../base/index.ts";
import { auditLedger } from "../../bookkeeper/ledger/audit.ts";
import { openLedger } from "../../bookkeeper/ledger/ledger-store.ts";
import { makeFastFolder } from "./bookkeeper-folder.ts";
import { printedSeed } from "./printed-seed.ts";

const CHILD = fileURLToPath(new URL("bookkeeper-ledger-child.ts", import.meta.url));
const ROUNDS = 30;

/** Runs the child until it has committed `commits` times; answers the height that it came to at least. */
async function runAndKill(path: string, seed: number, commits: number): Promise<number> {
  const child = spawn(process.execPath, [CHILD, path, String(seed)], { stdio: ["ignore", "pipe", "inherit"] });
  const gone = once(child, "exit");
  let height = 0;
  let seen = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    height = Number(line);
    seen += 1;
    if (seen === commits) child.kill("SIGKILL");
  }
  await gone;
  return height;
}

t.test("nothing that was on disk is lost, and nothing is there in part", async (t) => {
  const seed = printedSeed(t);
  const random = makeSeededRandom(seed);
  const path = join(makeFastFolder(t), "ledger.db");
  for (let round = 1; round <= ROUNDS; round++) {
    const height = await runAndKill(path, seed + round, 1 + Math.floor(random.fraction() * 60));
    const ledger = openLedger(path);
    const { problems, records } = auditLedger(ledger);
    const seqs = ledger.nodes.all().reduce((sum, { head }) => sum + (head?.seq ?? 0), 0);
    ledger.close();
    if (problems.length > 0 || records < height || records !== seqs + 1)
      t.fail(`round ${round}: ${records} records of at least ${height}, ${seqs} in chains: ${problems.join(", ")}`);
  }
  t.pass(`${ROUNDS} kills`);
});
