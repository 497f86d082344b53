import type { Host } from "../host.ts";
import { CREW_GRACE_MS } from "../limits.ts";
import { found } from "../probe-result.ts";
import type { Benchmark, CpuTask } from "./benchmark.ts";
import { meter, readConditions } from "./cpu-meter-linux.ts";
import { type Phase, type PhaseRun, planCpu, takePhases } from "./cpu-plan.ts";
import { type Crew, withCrew } from "./crew-linux.ts";
import type { Figure } from "./figure.ts";

/**
 * Measures the processor: kernels that are the same program on every architecture, and what Node's own cryptography makes of it, on all
 * threads and on one. `host` tells what else the CPUs did meanwhile. Takes the budget of the task, and a fifth more where disturbed.
 */
export function makeCpuBenchmark(host: Host): Benchmark<CpuTask> {
  return async (task, { signal, onProgress }) => {
    const { threads, effectiveMilliCpus, budgetMs } = task;
    const startMs = performance.now();
    const conditions = await readConditions(host);
    const result = await withCrew({ threads, copyBytes: 0, timeoutMs: budgetMs + CREW_GRACE_MS, signal }, (crew) => {
      const run = (phase: Phase, onSlice: () => void): Promise<PhaseRun> => runPhase(host, crew, phase, onSlice);
      const needs = { run, nowMs: () => performance.now(), onProgress };
      // What starting the threads took is gone from the budget.
      const leftMs = Math.max(budgetMs / 2, budgetMs - (performance.now() - startMs));
      return takePhases(planCpu({ ...task, budgetMs: leftMs }), needs, { startMs, budgetMs, effectiveMilliCpus, conditions });
    });
    if (result.kind !== "found") return result;
    return found(threads === 1 ? result.value.flatMap(withTwin) : result.value);
  };
}

/** Runs a phase on a crew and watches the CPUs meanwhile. */
export async function runPhase(host: Host, crew: Crew, phase: Phase, onSlice: () => void): Promise<PhaseRun> {
  const { work, warmUpMs, slices, sliceMs, threads } = phase;
  const order = { work, warmUpMs, slices, sliceMs };
  const { value, load, durationMs } = await meter(host, threads, () => crew.run(order, threads, onSlice));
  return { slices: value, load, durationMs };
}

/** With one thread, "all" and "one" are the same figure. */
function withTwin(figure: Figure): readonly Figure[] {
  return [figure, { ...figure, name: `${figure.name}-1t` }];
}
