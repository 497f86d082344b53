import type { Host } from "../host.ts";
import { CREW_GRACE_MS } from "../limits.ts";
import { absent, found } from "../probe-result.ts";
import type { Benchmark, MemoryTask } from "./benchmark.ts";
import { runPhase } from "./cpu-linux.ts";
import { readConditions } from "./cpu-meter-linux.ts";
import { takePhases } from "./cpu-plan.ts";
import { withCrew } from "./crew-linux.ts";
import type { Figure } from "./figure.ts";
import { planMemory } from "./memory-plan.ts";

/**
 * Measures how fast memory is copied, by all threads at once: a single core cannot use all channels of a large machine, and it is all
 * of them that jobs share. Bytes are counted once, although each is read and written.
 */
export function makeMemoryBenchmark(host: Host): Benchmark<MemoryTask> {
  return async (task, { signal, onProgress }) => {
    const { threads, effectiveMilliCpus, budgetMs } = task;
    const plan = planMemory(task);
    if (plan === undefined) return absent("too little memory is free to measure it");
    const { phase, copyBytes, isInCache } = plan;
    const startMs = performance.now();
    const own = { bufferBytes: copyBytes * threads, cacheBytes: task.cacheBytes };
    const conditions = { ...own, ...(await readConditions(host)) };
    const result = await withCrew({ threads, copyBytes, timeoutMs: budgetMs + CREW_GRACE_MS, signal }, (crew) => {
      const needs = {
        run: (each: typeof phase, onSlice: () => void) => runPhase(host, crew, each, onSlice),
        nowMs: () => performance.now(),
        onProgress,
      };
      return takePhases([phase], needs, { startMs, budgetMs, effectiveMilliCpus, conditions });
    });
    if (result.kind !== "found") return result;
    return found(result.value.map((figure) => (isInCache ? withDoubt(figure) : figure)));
  };
}

/** Says that the caches held a good part of what was copied, unless something else is to be said. */
function withDoubt(figure: Figure): Figure {
  const { conditions } = figure;
  return { ...figure, conditions: { ...conditions, doubtful: conditions["doubtful"] ?? "cache" } };
}
