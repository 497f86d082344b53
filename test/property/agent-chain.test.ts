/**
 * The chain and the outbox against a model bookkeeper, driven by any sequence of what can happen: jobs, time, kills at any transaction,
 * lost and doubled messages, old copies of the state, a database that may not grow. fast-check shrinks a failure to its shortest cause.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { test } from "tap";
import { type AgentWorld, makeAgentWorld } from "../sim/agent-world.ts";
import { printedSeed } from "../unit/agent/measure/seed.ts";

type Step =
  | { readonly do: "assign"; readonly jobs: number; readonly forMs: number; readonly fails: boolean }
  | { readonly do: "run"; readonly forMs: number }
  | { readonly do: "crash"; readonly transactions: number; readonly when: "before" | "after" | "full" }
  | { readonly do: "kill" | "copy" | "restore" | "lose" | "cut" | "mend" | "disconnect" | "worse" | "deaf" | "better" | "room" }
  | { readonly do: "squeeze"; readonly pages: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("assign" as const),
      jobs: fc.integer({ min: 1, max: 12 }),
      forMs: fc.integer({ min: 0, max: 5_000 }),
      fails: fc.boolean(),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("run" as const), forMs: fc.integer({ min: 1, max: 15_000 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("crash" as const),
      transactions: fc.integer({ min: 1, max: 6 }),
      when: fc.constantFrom("before" as const, "after" as const, "full" as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("squeeze" as const), pages: fc.integer({ min: 0, max: 6 }) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom(
        ...([
          "kill",
          "copy",
          "restore",
          "restore",
          "lose",
          "cut",
          "mend",
          "disconnect",
          "worse",
          "deaf",
          "deaf",
          "better",
          "room",
        ] as const),
      ),
    }),
  },
);

function take(world: AgentWorld, one: Step): void | Promise<void> {
  switch (one.do) {
    case "assign":
      for (let job = 0; job < one.jobs; job++)
        world.bookkeeper.assign({
          kind: "compute",
          maxAttempts: 2,
          spec: { forMs: one.forMs, end: one.fails ? "fail" : "done" },
        });
      return;
    case "run":
      return world.run(one.forMs);
    case "crash":
      return world.light({ transactions: one.transactions, when: one.when });
    case "squeeze":
      return world.squeeze(one.pages);
    case "room":
      return world.squeeze(undefined);
    case "kill":
      return world.kill();
    case "copy":
      return world.copyState();
    case "restore":
      return world.restoreState();
    case "lose":
      return world.loseState();
    case "cut":
      return world.cut();
    case "mend":
      return world.mend();
    case "disconnect":
      return world.broker.disconnect();
    case "worse":
      return world.broker.behave({ drop: 0.3, double: 0.3, fail: 0.2, maxDelayMs: 2_000 });
    case "deaf":
      return world.broker.behave({ drop: 0, dropProofs: 1, double: 0, fail: 0, maxDelayMs: 50 });
    case "better":
      return world.broker.behave({ drop: 0, double: 0.1, fail: 0, maxDelayMs: 50 });
  }
}

test("every job ends with one accepted proof, and no place in the chain is signed twice", async (t) => {
  const seed = printedSeed(t);
  const directory = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "bonusnode-chain-"));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.nat(), async (steps, chance) => {
      const own = join(directory, String(run++));
      const world = makeAgentWorld({ directory: own, seed: chance });
      world.begin();
      await world.run(2_000);
      for (const one of steps) await take(world, one);
      world.heal();
      const restedAfter = await world.runUntilQuiet();
      world.kill();
      rmSync(own, { recursive: true, force: true });
      const { jobs, equivocations, disbelieved } = world.bookkeeper;
      const wrong = [...new Set(world.violations), ...equivocations, ...disbelieved];
      for (const job of jobs.values()) if (job.accepted !== 1) wrong.push(`a job was accepted ${job.accepted} times`);
      if (restedAfter === undefined) wrong.push("it never came to rest");
      if (wrong.length > 0) throw new Error(wrong.join("; "));
    }),
    { numRuns: Number(process.env["RUNS"] ?? 200), seed },
  );
  t.pass("they do");
});
