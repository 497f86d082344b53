import { globSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { readBalance } from "../test/e2e/books.ts";
import { freePort, makeField } from "../test/e2e/field.ts";
import { makeStage, settle } from "../test/e2e/kills.ts";
import { makeMosquitto } from "./mosquitto.ts";

/*
 * A box whose clock was never set, as the whole process sees it: Node, TLS and SQLite. libfaketime gives the agent another wall clock than
 * the broker and the bookkeeper have, at 1970 first, and makes it jump by ten years and back while the agent works.
 */

const PLAN = `
[[items]]
name = "watch"
every = "1s"
measure = { method = "tcp", targets = ["127.0.0.1:PORT"], count = 1, timeout = "1s" }
[[items]]
name = "keep"
every = "3s"
store = { size = "4KiB", keep = "8s", challenge_every = "2s" }
`;

const CLOCKS = ["@1970-01-01 00:10:00", "+3650d", "-3650d", "+0d"];

t.setTimeout(300_000);

t.test("an agent at 1970, and one whose clock jumps by ten years", async (t) => {
  const directory = join(t.testdir(), "field");
  const broker = await makeMosquitto({
    directory: join(directory, "..", "broker"),
    bookkeeperDirectory: join(directory, "bookkeeper"),
  });
  const plan = PLAN.replace("PORT", String(await freePort()));
  const field = await makeField({ directory, agents: 1, broker: broker.access, plan });
  await broker.admit(field);
  await broker.start();
  t.teardown(() => broker.kill());
  const clockFile = join(directory, "clock");
  const setClock = (text: string): void => writeFileSync(clockFile, `${text}\n`);
  setClock(CLOCKS[0] ?? "");
  const [library] = globSync("/usr/lib/*/faketime/libfaketimeMT.so.1");
  if (library === undefined) throw new Error("libfaketime is not installed");
  const env = {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: clockFile,
    FAKETIME_NO_CACHE: "1",
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
  };
  const stage = makeStage(field, { built: true, agentEnv: env });
  t.teardown(() => Promise.all([stage.agent.stop(), stage.bookkeeper.stop()]));
  const agent = stage.agent.program();
  const accepted = (): number =>
    agent.events.filter((event) => event.type === "receipt" && event["status"] === "accepted").length;
  for (const clock of CLOCKS) {
    setClock(clock);
    const before = accepted();
    await agent.waitFor(() => accepted() >= before + 3, `proofs were accepted at ${clock}`);
    t.pass(`proofs are accepted at ${clock}`);
  }
  await settle(field, stage);
  const { audit, ...counts } = readBalance(field);
  t.comment(JSON.stringify({ ...counts, records: audit.records }));
  t.equal(counts.receipted, counts.accepted, "accepted assignments = receipts");
  t.strictSame([counts.provedTwice, counts.refusedProofs, audit.problems], [0, [], []]);
});
