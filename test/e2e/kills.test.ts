import { writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { freePort } from "./field.ts";
import { makeEmbeddedKillable, runKills } from "./kills.ts";

/*
 * Agent, bookkeeper and broker are real processes on a real disk, killed with SIGKILL at moments drawn from a printed seed (SEED sets it,
 * KILLS how often). Whatever the moment: nothing accepted is lost, nothing is counted twice, and the books replay to the unit.
 */

const SEED = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const KILLS = Number(process.env["KILLS"] ?? 12);

t.setTimeout(1_800_000);

t.test(`killed at random, seed ${SEED}`, async (t) => {
  const directory = t.testdir();
  writeFileSync(join(directory, "password"), "secret\n");
  const report = await runKills({
    directory,
    seed: SEED,
    kills: KILLS,
    brokerKills: Math.ceil(KILLS / 6),
    broker: makeEmbeddedKillable(await freePort()),
    report: (line) => t.comment(line),
  });
  const { audit, ...counts } = report;
  t.comment(JSON.stringify({ seed: SEED, ...counts, records: audit.records }));
  t.equal(report.agentKills, KILLS);
  t.equal(report.bookkeeperKills, KILLS);
  t.ok(report.accepted > 0, "there was work");
  t.equal(report.receipted, report.accepted, "accepted assignments = receipts");
  t.equal(report.provedTwice, 0, "none proved twice");
  t.strictSame(report.refusedProofs, [], "no proof refused");
  t.strictSame(audit.problems, [], "balances equal a replay, no duplicate in the ledger");
});
