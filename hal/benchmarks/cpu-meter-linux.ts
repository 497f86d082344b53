import type { Host } from "../host.ts";
import { MAX_KERNEL_FILE_BYTES } from "../limits.ts";
import { known } from "../probe-result.ts";
import type { CpuLoad } from "./cpu-plan.ts";
import { type CpuTimes, cpuShares, parseCpuTimes } from "./cpu-times.ts";
import type { Conditions } from "./figure.ts";
import { readGovernor, readHottest, readLoadMilli } from "./surroundings.ts";

/** What stays the same during a measurement, read before it. */
export async function readConditions(host: Host): Promise<Conditions> {
  const [loadMilli, governor] = await Promise.all([readLoadMilli(host), readGovernor(host)]);
  return { loadMilli, governor, nodeVersion: process.versions.node, v8Version: process.versions.v8 };
}

/** Lets something run on that many threads, and tells where the CPU time went meanwhile and how hot it got. */
export async function meter<Value>(
  host: Host,
  threads: number,
  run: () => Promise<Value>,
): Promise<{ readonly value: Value; readonly load: CpuLoad; readonly durationMs: number }> {
  const before = await readTimes(host);
  const startMs = performance.now();
  const startUsage = process.cpuUsage();
  const value = await run();
  const durationMs = performance.now() - startMs;
  const used = process.cpuUsage(startUsage);
  const [after, milliCelsius] = await Promise.all([readTimes(host), readHottest(host)]);
  const shares = cpuShares(before, after);
  // The main thread's own moments count too, so that the sum can come out a little above what the threads could use.
  const gotMilliCpus = Math.min(threads * 1000, Math.round((used.user + used.system) / durationMs));
  const othersMilliCpus = shares && Math.max(0, shares.busyMilliCpus - gotMilliCpus);
  return { value, durationMs, load: { gotMilliCpus, othersMilliCpus, stealPermille: shares?.stealPermille, milliCelsius } };
}

async function readTimes(host: Host): Promise<CpuTimes | undefined> {
  const text = known(await host.readText("/proc/stat", MAX_KERNEL_FILE_BYTES));
  return text === undefined ? undefined : parseCpuTimes(text);
}
