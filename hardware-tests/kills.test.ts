import { join } from "node:path";
import t from "tap";
import { runKills } from "../test/e2e/kills.ts";
import { makeMosquitto } from "./mosquitto.ts";

/*
 * The run of two hundred kills: agent and bookkeeper, as they are built, each killed with SIGKILL that often at moments drawn from a printed
 * seed, and Mosquitto with TLS now and then. SEED sets the seed, KILLS how often. It prints what it counted.
 */

const SEED = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const KILLS = Number(process.env["KILLS"] ?? 200);

t.setTimeout(1_800_000);

t.test(`killed ${KILLS} times each over Mosquitto, seed ${SEED}`, async (t) => {
  const directory = t.testdir();
  const broker = await makeMosquitto({
    directory: join(directory, "broker"),
    bookkeeperDirectory: join(directory, "field", "bookkeeper"),
  });
  const { audit, ...counts } = await runKills({
    directory: join(directory, "field"),
    seed: SEED,
    kills: KILLS,
    brokerKills: Math.ceil(KILLS / 10),
    broker,
    built: true,
    report: (line) => t.comment(line),
  });
  t.comment(JSON.stringify({ seed: SEED, ...counts, records: audit.records }));
  t.strictSame([counts.agentKills, counts.bookkeeperKills], [KILLS, KILLS]);
  t.ok(counts.accepted > 0, "there was work");
  t.equal(counts.receipted, counts.accepted, "accepted assignments = receipts");
  t.equal(counts.provedTwice, 0, "none proved twice");
  t.strictSame(counts.refusedProofs, [], "no proof refused");
  t.strictSame(audit.problems, [], "balances equal a replay, no duplicate in the ledger");
});
