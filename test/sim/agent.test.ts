/**
 * The whole agent through hundreds of seeded lives: bad brokers, kills between any two transactions, full disks, cut links and states put
 * back to old copies. Whatever happened, every job ends with exactly one accepted proof, and no place in the chain was ever signed twice.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "tap";
import { printedSeed } from "../unit/agent/measure/seed.ts";
import { type AgentWorld, makeAgentWorld } from "./agent-world.ts";
import { CALM } from "./fake-link.ts";

/** What else goes wrong in a life: the agent's state, the bookkeeper's ledger, or one of two bookkeepers. */
const TROUBLES = ["state", "ledger", "bookkeeper"] as const;
type Trouble = (typeof TROUBLES)[number];

const SEEDS = Number(process.env["SEEDS"] ?? 300);

/** Work is done and proved, nobody hears of it, and a backup from before is put back: the same run seems to begin once more. */
async function liveTwice(world: AgentWorld): Promise<void> {
  world.copyState();
  world.broker.behave({ ...CALM, dropProofs: 1 });
  await world.run(4_000);
  for (let job = 0; job < 3; job++) world.bookkeeper.assign({ kind: "compute", spec: { forMs: 100 } });
  await world.run(3_000);
  world.restoreState();
}

/** One thing that happens to the agent, by chance. */
function happen(world: AgentWorld, trouble: Trouble): void | Promise<void> {
  const { random, broker, bookkeepers } = world;
  const pick = (count: number): number => Math.floor(random.fraction() * count);
  const someone = bookkeepers[pick(bookkeepers.length)];
  switch (pick(16)) {
    case 0:
      return world.kill();
    case 1:
    case 2:
      return world.light({ transactions: 1 + pick(8), when: (["before", "after", "full"] as const)[pick(3)] ?? "full" });
    case 3:
      return world.cut();
    case 4:
    case 5:
      return world.mend();
    case 6:
      return broker.disconnect();
    case 7:
      return world.fillDisk(pick(20_000));
    case 8:
    case 9:
      return worsen(world, trouble);
    case 10:
      return trouble === "state" ? liveTwice(world) : undefined;
    case 11:
      return broker.behave({ drop: 0.4, double: 0.3, fail: 0.2, maxDelayMs: 3_000 });
    case 12:
      return broker.behave({ drop: 0.05, dropProofs: pick(2), double: 0.05, fail: 0, maxDelayMs: 300 });
    default:
      for (let jobs = pick(6); jobs >= 0; jobs--) {
        const end = pick(6) === 0 ? "fail" : "done";
        const work = { kind: "compute", spec: { forMs: pick(8_000), end }, maxAttempts: 1 + pick(3) };
        if (someone?.isAway === false) someone.model.assign(work);
      }
  }
}

function worsen(world: AgentWorld, trouble: Trouble): void {
  const pick = Math.floor(world.random.fraction() * 6);
  const second = world.bookkeepers[1];
  if (trouble === "bookkeeper" && second !== undefined) second.isAway = !second.isAway;
  else if (trouble === "ledger") world.loseLedger();
  else if (pick === 0) world.loseState();
  else if (pick < 3) world.copyState();
  else world.restoreState();
}

async function live(directory: string, seed: number): Promise<string[]> {
  const trouble = TROUBLES[seed % TROUBLES.length] ?? "state";
  const world = makeAgentWorld({ directory, seed, bookkeepers: trouble === "bookkeeper" ? 2 : 1 });
  world.begin();
  await world.run(3_000);
  const steps = 8 + Math.floor(world.random.fraction() * 16);
  for (let step = 0; step < steps; step++) {
    await happen(world, trouble);
    await world.run(Math.floor(world.random.fraction() * 8_000));
  }
  world.heal();
  const wrong = [...world.violations];
  if ((await world.runUntilQuiet()) === undefined) wrong.push(`it never came to rest after trouble with its ${trouble}`);
  for (const { model } of world.bookkeepers) {
    wrong.push(...model.equivocations.map((place) => `equivocation at ${place}`), ...model.disbelieved);
    for (const job of model.jobs.values()) if (job.accepted !== 1) wrong.push(`a job was accepted ${job.accepted} times`);
  }
  world.kill();
  return [...new Set(wrong)];
}

test("every job is proved exactly once, whatever happens", async (t) => {
  const first = printedSeed(t);
  const seeds = process.env["SEED"] === undefined ? Array.from({ length: SEEDS }, (_, index) => first + index) : [first];
  // Syncing to a real disk would only cost time here: no power is cut.
  const directory = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "bonusnode-sim-"));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  for (const seed of seeds) {
    const own = join(directory, String(seed));
    const wrong = await live(own, seed);
    rmSync(own, { recursive: true, force: true });
    if (wrong.length > 0) t.fail(`seed ${seed}: ${wrong.join("; ")}`);
  }
  t.pass(`${seeds.length} lives`);
});
