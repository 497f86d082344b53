import { writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { openLedger } from "../../bookkeeper/index.ts";
import { readBalance } from "./books.ts";
import { type Field, freePort, makeField } from "./field.ts";
import { BUSY_PLAN, makeEmbeddedKillable, PLAN_FILES } from "./kills.ts";
import { type PrintedEvent, type Program, type ProgramOptions, startProgram } from "./program.ts";
import { jumpClock, TEN_YEARS_MS, withShiftedClock } from "./shifted-clock.ts";

/*
 * Boxes without a battery wake up in 1970, and clocks get set by ten years in the middle of the work. Real programs with a shifted wall
 * clock go on having their proofs accepted, and the ledger's time only goes forward.
 */

t.setTimeout(240_000);

const KINDS = ["measure", "store", "compute"] as const;

/** A field with its broker running; the programs are the caller's to start. */
async function makeStage(t: Test, agents: number) {
  const directory = t.testdir();
  writeFileSync(join(directory, "password"), "secret\n");
  const port = await freePort();
  const broker = makeEmbeddedKillable(port);
  const field = await makeField({
    directory,
    agents,
    broker: broker.access,
    plan: BUSY_PLAN.replace("PORT", String(port)),
    planFiles: PLAN_FILES,
  });
  await broker.start();
  t.teardown(() => broker.kill());
  const start = (verb: "agent" | "bookkeeper", config: string, options: ProgramOptions = {}): Program => {
    const program = startProgram([verb, "--config", config, "--json", "--log-level", "error"], options);
    t.teardown(() => program.end("SIGKILL"));
    return program;
  };
  return {
    field,
    startBookkeeper: (options?: ProgramOptions) => start("bookkeeper", field.bookkeeper.config, options),
    startAgent: (index: number, options?: ProgramOptions) => start("agent", field.agents[index]?.config ?? "", options),
  };
}

/** Waits until the bookkeeper has accepted one more proof of each kind from a node. */
async function untilAllKinds(bookkeeper: Program, node: string | undefined, when: string): Promise<void> {
  const isOf = (kind: string) => (event: PrintedEvent) =>
    event.type === "verified" && event["outcome"] === "done" && event["node"] === node && event["kind"] === kind;
  await Promise.all(KINDS.map((kind) => bookkeeper.waitForNext(isOf(kind), `a ${kind} proof was accepted ${when}`)));
}

/** A proof's record bears the time at which the proof came, and others may be written while it waits for its batch. Milliseconds. */
const WAITING_MS = 2_000;

/** What must be true of the books whatever the clocks did. Times of records lie between the two, and do not go back. */
function checkBooks(t: Test, field: Field, beganMs: number): void {
  const { audit, refusedProofs, provedTwice } = readBalance(field);
  t.strictSame(audit.problems, [], "the audit finds nothing");
  t.strictSame(refusedProofs, [], "no proof was refused");
  t.equal(provedTwice, 0);
  const ledger = openLedger(join(field.bookkeeper.directory, "ledger.db"), { readOnly: true });
  const times = [...ledger.records.all()].map((row) => Number(row.atMs));
  ledger.close();
  t.strictSame(
    times.filter((atMs, index) => atMs < (times[index - 1] ?? beganMs) - WAITING_MS),
    [],
    "no record is older than the one before it",
  );
  t.ok((times.at(-1) ?? 0) <= Date.now() + 1_000, "none is of the future");
}

t.test("agents in 1970, ten years ahead and ten years behind, with a bookkeeper whose clock is right", async (t) => {
  const beganMs = Date.now() - 1_000;
  const { field, startBookkeeper, startAgent } = await makeStage(t, 2);
  const [old, jumping] = field.agents.map(({ id }) => id);
  const bookkeeper = startBookkeeper();
  const oldAgent = startAgent(0, withShiftedClock({ offsetMs: -Date.now(), jumpsMs: [0] }));
  const jumpingAgent = startAgent(1, withShiftedClock({ jumpsMs: [TEN_YEARS_MS, -2 * TEN_YEARS_MS] }));
  await Promise.all([
    untilAllKinds(bookkeeper, old, "with a clock at 1970"),
    untilAllKinds(bookkeeper, jumping, "before the first jump"),
  ]);
  t.equal(await jumpClock(oldAgent), 1970, "it still believes in 1970");
  const year = new Date().getUTCFullYear();
  t.ok((await jumpClock(jumpingAgent)) >= year + 9, "ten years ahead");
  await untilAllKinds(bookkeeper, jumping, "ten years ahead");
  t.ok((await jumpClock(jumpingAgent)) <= year - 9, "ten years behind");
  await Promise.all([
    untilAllKinds(bookkeeper, jumping, "ten years behind"),
    untilAllKinds(bookkeeper, old, "with a clock at 1970, still"),
  ]);
  for (const agent of [oldAgent, jumpingAgent]) {
    t.strictSame(
      agent.events.filter(({ type }) => type === "refused" || type === "trouble" || type === "offline"),
      [],
      "it never went away, and took all it was given",
    );
    t.strictSame(await agent.end("SIGTERM"), { code: 0, signal: null });
  }
  t.strictSame(await bookkeeper.end("SIGTERM"), { code: 0, signal: null });
  checkBooks(t, field, beganMs);
});

t.test("a bookkeeper whose clock jumps by ten years, and one that wakes up ten years ago", async (t) => {
  const beganMs = Date.now() - 1_000;
  const { field, startBookkeeper, startAgent } = await makeStage(t, 1);
  const node = field.agents[0]?.id;
  const agent = startAgent(0);
  const bookkeeper = startBookkeeper(withShiftedClock({ jumpsMs: [TEN_YEARS_MS, -2 * TEN_YEARS_MS] }));
  await untilAllKinds(bookkeeper, node, "before the first jump");
  for (const when of ["ten years ahead", "ten years behind"]) {
    await jumpClock(bookkeeper);
    await untilAllKinds(bookkeeper, node, when);
  }
  t.strictSame(await bookkeeper.end("SIGTERM"), { code: 0, signal: null });
  const again = startBookkeeper(withShiftedClock({ offsetMs: -TEN_YEARS_MS, jumpsMs: [0] }));
  await untilAllKinds(again, node, "after a start ten years ago");
  t.ok((await jumpClock(again)) <= new Date().getUTCFullYear() - 9, "its clock was wrong");
  t.strictSame(
    [...bookkeeper.events, ...again.events].filter(({ type }) => type === "proof-refused" || type === "trouble"),
    [],
  );
  t.strictSame(await agent.end("SIGTERM"), { code: 0, signal: null });
  t.strictSame(await again.end("SIGTERM"), { code: 0, signal: null });
  checkBooks(t, field, beganMs);
});
