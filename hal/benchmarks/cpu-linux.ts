import type { Host } from "../host.ts";
import { MAX_KERNEL_FILE_BYTES } from "../limits.ts";
import { found, known } from "../probe-result.ts";
import type { CpuBenchmark } from "./benchmark.ts";
import { type CpuTimes, cpuShares, parseCpuTimes } from "./cpu-times.ts";
import { bestOf } from "./figure.ts";
import { runSlices } from "./run-slices-linux.ts";

/** Measures integer speed on that many threads at once; about 1.2 seconds. `host` tells what else the CPUs did meanwhile. */
export function makeCpuBenchmark(host: Host): CpuBenchmark {
  return async ({ threads }, run) => {
    let before: CpuTimes | undefined;
    let startMs = performance.now();
    let startUsage = process.cpuUsage();
    const onStart = async (): Promise<void> => {
      before = await readTimes(host);
      startMs = performance.now();
      startUsage = process.cpuUsage();
    };
    const tasks = Array.from({ length: threads }, () => ({ kind: "cpu" }) as const);
    const results = await runSlices(tasks, { ...run, onStart });
    if (results.kind !== "found") return results;
    const durationMs = performance.now() - startMs;
    const used = process.cpuUsage(startUsage);
    const shares = cpuShares(before, await readTimes(host));
    // The main thread's own moments count too, so that the sum can come out a little above what the threads could use.
    const gotMilliCpus = Math.min(threads * 1000, Math.round((used.user + used.system) / durationMs));
    const { slices } = results.value;
    const rates = (slices[0] ?? []).map((_, index) =>
      slices.reduce((sum, own) => sum + (own[index]?.count ?? 0) / (own[index]?.elapsedMs ?? 1) / 1000, 0),
    );
    return found({
      name: "cpu.integer",
      version: 1,
      unit: "Mop/s",
      ...bestOf(rates),
      durationMs: Math.round(durationMs),
      conditions: {
        threads,
        gotMilliCpus,
        othersMilliCpus: shares && Math.max(0, shares.busyMilliCpus - gotMilliCpus),
        stealPermille: shares?.stealPermille,
      },
    });
  };
}

async function readTimes(host: Host): Promise<CpuTimes | undefined> {
  const text = known(await host.readText("/proc/stat", MAX_KERNEL_FILE_BYTES));
  return text === undefined ? undefined : parseCpuTimes(text);
}
