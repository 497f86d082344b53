import type { Host } from "../host.ts";
import { CREW_GRACE_MS } from "../limits.ts";
import { found } from "../probe-result.ts";
import type { Benchmark, SustainedTask } from "./benchmark.ts";
import { runPhase } from "./cpu-linux.ts";
import { readConditions } from "./cpu-meter-linux.ts";
import { doubtOf } from "./cpu-plan.ts";
import { withCrew } from "./crew-linux.ts";
import { readHottest } from "./surroundings.ts";
import { sustainedFrom, sustainedPhase } from "./sustained-plan.ts";

/**
 * Measures what remains of the speed when all threads work on without a pause: a chip that gets too hot, or a host that lends speed for
 * a moment only, slows down. Takes as long as the task says, which is to be a good deal more than six seconds.
 */
export function makeSustainedBenchmark(host: Host): Benchmark<SustainedTask> {
  return async ({ threads, effectiveMilliCpus, sustainMs }, { signal, onProgress }) => {
    const phase = sustainedPhase(threads, sustainMs);
    const startMilliCelsius = await readHottest(host);
    const conditions = await readConditions(host);
    const result = await withCrew({ threads, copyBytes: 0, timeoutMs: sustainMs + CREW_GRACE_MS, signal }, (crew) => {
      let done = 0;
      return runPhase(host, crew, phase, () => onProgress?.(++done / phase.slices));
    });
    if (result.kind !== "found") return result;
    const { slices, load, durationMs } = result.value;
    const doubtful = doubtOf(load, threads, effectiveMilliCpus);
    const all = { threads, startMilliCelsius, ...load, ...conditions, doubtful };
    return found([{ ...sustainedFrom(slices), durationMs: Math.round(durationMs), conditions: all }]);
  };
}
