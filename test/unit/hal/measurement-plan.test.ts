/** What is measured within a budget, what is measured again, and what counts as disturbed: everything that needs no real clock. */
import { test } from "tap";
import { type CpuLoad, doubtOf, type Phase, planCpu, ratesOf, takePhases } from "../../../hal/benchmarks/cpu-plan.ts";
import type { Slice } from "../../../hal/benchmarks/crew.ts";
import { planMemory } from "../../../hal/benchmarks/memory-plan.ts";
import { parseLoadMilli, readGovernor, readHottest, readLoadMilli } from "../../../hal/benchmarks/surroundings.ts";
import { sustainedFrom, sustainedPhase } from "../../../hal/benchmarks/sustained-plan.ts";
import { makeSimHost, makeTree } from "../../sim/machine-tree.ts";

const costOf = (phases: readonly Phase[]): number =>
  phases.reduce((sum, { warmUpMs, slices, sliceMs }) => sum + warmUpMs + slices * sliceMs, 0);

test("the plan stays within its budget, and the tier's own figure comes first with long slices", (t) => {
  for (const budgetMs of [1000, 2000, 4000, 6000]) {
    for (const threads of [1, 2, 64]) {
      const phases = planCpu({ threads, effectiveMilliCpus: undefined, budgetMs });
      t.equal(phases[0]?.name, "cpu.integer");
      t.ok((phases[0]?.sliceMs ?? 0) >= 200 && (phases[0]?.slices ?? 0) >= 2);
      t.equal(phases.length, threads === 1 ? 5 : 10);
      t.equal(new Set(phases.map(({ name }) => name)).size, phases.length);
      t.ok(costOf(phases) <= budgetMs * 0.9, `${costOf(phases)} of ${budgetMs} ms`);
      t.ok(phases.every((phase) => phase.slices >= 1 && phase.sliceMs >= 10 && phase.warmUpMs >= 0));
      t.ok(phases.every((phase) => phase.threads === (phase.name.endsWith("-1t") ? 1 : threads)));
    }
  }
  const free = planCpu({ threads: 2, effectiveMilliCpus: 2000, budgetMs: 6000 });
  t.ok(free.every(({ slices }) => slices >= 3));
  const throttled = planCpu({ threads: 2, effectiveMilliCpus: 1500, budgetMs: 2000 });
  t.ok(
    throttled.every(({ sliceMs }) => sliceMs >= 100),
    "no slice shorter than the period of a quota",
  );
  t.end();
});

const QUIET: CpuLoad = { gotMilliCpus: 2000, othersMilliCpus: 0, stealPermille: 0, milliCelsius: undefined };

test("what disturbs a measurement", (t) => {
  t.equal(doubtOf(QUIET, 2, 2000), undefined);
  t.equal(doubtOf({ ...QUIET, stealPermille: 50 }, 2, 2000), undefined);
  t.equal(doubtOf({ ...QUIET, stealPermille: 51 }, 2, 2000), "steal");
  t.equal(doubtOf({ ...QUIET, stealPermille: undefined }, 2, undefined), undefined);
  t.equal(doubtOf({ ...QUIET, gotMilliCpus: 1600 }, 2, 2000), undefined);
  t.equal(doubtOf({ ...QUIET, gotMilliCpus: 1599 }, 2, 2000), "busy");
  t.equal(doubtOf({ ...QUIET, gotMilliCpus: 500 }, 1, 500), undefined, "a quota explains what is missing");
  t.equal(doubtOf({ ...QUIET, gotMilliCpus: 1000 }, 2, 1500), "busy", "but no more than that");
  t.end();
});

/** Phases against a clock that only they move: each takes its planned time `slowness` times over. */
function makeScene(loads: readonly Partial<CpuLoad>[], slowness = 1) {
  let nowMs = 0;
  const ran: string[] = [];
  const fractions: number[] = [];
  const needs = {
    nowMs: () => nowMs,
    onProgress: (fraction: number) => fractions.push(fraction),
    run: async (phase: Phase, onSlice: () => void) => {
      const durationMs = costOf([phase]) * slowness;
      nowMs += durationMs;
      const load = { ...QUIET, ...loads[ran.length] };
      ran.push(phase.name);
      const slice: Slice = { rounds: 1e6 * ran.length, elapsedMs: 1000 };
      for (let count = 0; count < phase.slices; count++) onSlice();
      return { slices: [Array.from({ length: phase.slices }, () => slice)], load, durationMs };
    },
  };
  return { needs, ran, fractions, nowMs: () => nowMs };
}

const PHASES: readonly Phase[] = ["a", "b", "c"].map((name) => ({
  ...{ name, work: "integer", threads: 2 },
  ...{ warmUpMs: 0, slices: 2, sliceMs: 100 },
}));
const OPTIONS = { startMs: 0, budgetMs: 700, effectiveMilliCpus: 2000, conditions: { governor: "performance" } };

test("a quiet machine is measured once", async (t) => {
  const scene = makeScene([]);
  const figures = await takePhases(PHASES, scene.needs, OPTIONS);
  t.same(scene.ran, ["a", "b", "c"]);
  t.same(scene.fractions.at(-1), 1);
  t.match(figures[0], { name: "a", value: 1, unit: "Mop/s", slices: [1, 1], durationMs: 200 });
  t.same(figures[0]?.conditions, { threads: 2, ...QUIET, governor: "performance", doubtful: undefined });
});

test("what was disturbed is measured once more, and the better one counts", async (t) => {
  const once = makeScene([{ stealPermille: 100 }]);
  const better = await takePhases(PHASES, once.needs, OPTIONS);
  t.same(once.ran, ["a", "a", "b", "c"]);
  t.match(better[0], { value: 2, conditions: { doubtful: undefined } });
  t.same(once.fractions.at(-1), 1);

  const still = makeScene([{ gotMilliCpus: 1000 }, { gotMilliCpus: 1000 }]);
  t.match((await takePhases(PHASES, still.needs, OPTIONS))[0], { value: 2, conditions: { doubtful: "busy" } });
  t.same(still.ran, ["a", "a", "b", "c"], "but never twice more");
});

test("nothing takes longer than the budget and a fifth", async (t) => {
  const busy = { gotMilliCpus: 500 };
  const scene = makeScene(Array(12).fill(busy), 2);
  const figures = await takePhases(PHASES, scene.needs, { ...OPTIONS, budgetMs: 700 });
  t.same(scene.ran, ["a", "b"], "no time to repeat anything, nor for the last");
  t.equal(figures.length, 2);
  const tight = makeScene([]);
  const fewer = await takePhases(PHASES, tight.needs, { ...OPTIONS, budgetMs: 420 });
  t.same(
    fewer.map(({ slices }) => slices.length),
    [2, 2, 1],
    "fewer slices rather than no figure",
  );
  t.ok(tight.nowMs() <= 504);
});

test("rates count all threads together", (t) => {
  const slices = [[{ rounds: 2e6, elapsedMs: 1000 }], [{ rounds: 1e6, elapsedMs: 500 }]];
  t.same(ratesOf("integer", slices), [4]);
  t.same(ratesOf("sha256", slices), [256]);
  t.same(ratesOf("ed25519-native", [[{ rounds: 5, elapsedMs: 500 }]]), [10]);
  t.same(ratesOf("copy", []), []);
  t.end();
});

test("how much memory is copied", (t) => {
  const MIB = 2 ** 20;
  const task = { threads: 2, effectiveMilliCpus: 2000, budgetMs: 6000, usableBytes: 16_384 * MIB, cacheBytes: 32 * MIB };
  const bytesOf = (changes: object): number | undefined => {
    const plan = planMemory({ ...task, ...changes });
    return plan && plan.copyBytes * 2 * { ...task, ...changes }.threads;
  };
  t.equal(bytesOf({}), 256 * MIB, "eight caches");
  t.equal(bytesOf({ cacheBytes: undefined }), 64 * MIB);
  t.equal(bytesOf({ cacheBytes: 1024 * MIB }), 1024 * MIB);
  t.equal(bytesOf({ usableBytes: 256 * MIB }), 32 * MIB, "at most an eighth of what may be used");
  t.equal(bytesOf({ usableBytes: 64 * MIB }), undefined);
  t.equal(bytesOf({ usableBytes: undefined }), undefined);
  t.equal(planMemory(task)?.isInCache, false);
  t.equal(planMemory({ ...task, cacheBytes: 1024 * MIB, usableBytes: 8192 * MIB })?.isInCache, true);
  t.equal(planMemory({ ...task, budgetMs: 2000 })?.phase.sliceMs, 100);
  t.end();
});

test("the lasting speed against the first seconds", (t) => {
  t.match(sustainedPhase(4, 60_000), { threads: 4, slices: 300, sliceMs: 200 });
  t.equal(sustainedPhase(4, 0).slices, 30, "six seconds at least");
  const seconds = (rates: readonly number[]): readonly Slice[] =>
    rates.flatMap((rate) => Array.from({ length: 5 }, () => ({ rounds: rate * 1e6, elapsedMs: 1000 })));
  t.match(sustainedFrom([seconds([90, 100, 100, 80, 70, 69])]), {
    name: "cpu.sustained",
    unit: "permille",
    value: 800,
    slices: [900, 1000, 1000, 800, 700, 690],
    spreadPercent: 31,
  });
  t.equal(sustainedFrom([seconds([90, 90, 90, 100, 100, 100])]).value, 1000, "never above the burst");
  t.end();
});

test("what else a figure may depend on", async (t) => {
  t.equal(parseLoadMilli("0.52 0.58 0.59 1/467 12345\n"), 520);
  t.equal(parseLoadMilli("12.00 1.00 1.00 3/467 1\n"), 12_000);
  for (const text of ["", "x", "0.5", "nan 1 1"]) t.equal(parseLoadMilli(text), undefined, text);
  const host = makeSimHost(
    makeTree({
      "/proc/loadavg": "1.25 0.58 0.59 1/467 12345\n",
      "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "schedutil\n",
      "/sys/class/thermal/thermal_zone0/temp": "41000\n",
      "/sys/class/thermal/thermal_zone1/temp": "52500\n",
      "/sys/class/thermal/thermal_zone2/temp": "-274000\n",
      "/sys/class/thermal/cooling_device0/temp": "99000\n",
    }),
  );
  t.equal(await readLoadMilli(host), 1250);
  t.equal(await readGovernor(host), "schedutil");
  t.equal(await readHottest(host), 52_500);
  const empty = makeSimHost(makeTree({}));
  t.same([await readLoadMilli(empty), await readGovernor(empty), await readHottest(empty)], [undefined, undefined, undefined]);
});
