import type { ProcessUsage } from "../base/index.ts";
import type { JobEnd } from "./death.ts";
import type { SandboxJob } from "./job.ts";
import { PAGE_BYTES, RUNTIME_GROWTH_BYTES, RUNTIME_MAPPED_BYTES } from "./limits.ts";

/** Pages of linear memory that a job may have. */
export function memoryPages(job: SandboxJob): number {
  return Math.floor(job.limits.memoryBytes / PAGE_BYTES);
}

/** What a job may make the runtime hold, beyond what it holds idle: linear memory, and the input in its copies. */
function jobBytes(job: SandboxJob): number {
  const copies = 4;
  return memoryPages(job) * PAGE_BYTES + copies * job.module.length + job.stdin.length + job.limits.outputBytes;
}

/** RLIMIT_DATA for a job, in bytes, in a jail whose idle runtime has `idleBytes` mapped writable. */
export function mappedBytesFor(job: SandboxJob, idleBytes: number): number {
  return idleBytes + jobBytes(job) + RUNTIME_MAPPED_BYTES;
}

/** Usage since `start`; the peak is of the whole life, because memory is not used up. */
export function usageSince(start: ProcessUsage, now: ProcessUsage): ProcessUsage {
  return {
    cpuMicros: now.cpuMicros - start.cpuMicros,
    memoryByteSeconds: now.memoryByteSeconds - start.memoryByteSeconds,
    peakMemoryBytes: now.peakMemoryBytes,
  };
}

/** Which limit the meter shows to be broken, if any. `start` is what was read when the job was handed over. */
export function findBrokenLimit(job: SandboxJob, start: ProcessUsage, now: ProcessUsage): JobEnd | undefined {
  if (now.cpuMicros - start.cpuMicros > BigInt(job.limits.cpuMs) * 1000n) {
    return { kind: "stopped", reason: "cpu-time", detail: `used more than ${job.limits.cpuMs} ms of CPU time` };
  }
  if (Number(now.peakMemoryBytes - start.peakMemoryBytes) > jobBytes(job) + RUNTIME_GROWTH_BYTES) {
    return { kind: "stopped", reason: "memory", detail: `the runtime came to hold ${now.peakMemoryBytes} bytes` };
  }
  return undefined;
}
