/** Memory: /proc/meminfo (proc_meminfo(5), values in KiB) and the limit of the control groups. */
import type { Host } from "../host.ts";
import { MAX_ATTRIBUTE_BYTES } from "../limits.ts";
import { failed, found, known, type ProbeResult } from "../probe-result.ts";
import type { CgroupLimits } from "./cgroup.ts";

/** Memory in bytes. */
export interface MemoryFacts {
  /** What the kernel manages: installed memory less what firmware, the kernel itself and a built-in GPU keep. */
  readonly totalBytes: number;
  /** What new work could take without swapping; undefined on kernels before 3.14. */
  readonly availableBytes: number | undefined;
  /** What the control groups allow; undefined: no limit below the machine's own. */
  readonly cgroupLimitBytes: number | undefined;
  /** The least of total and limit; undefined where the limit could not be read. */
  readonly usableBytes: number | undefined;
}

/** Reads memory; the limits of the control groups come from their own probe. */
export async function readMemory(host: Host, cgroup: ProbeResult<CgroupLimits>): Promise<ProbeResult<MemoryFacts>> {
  const text = await host.readText("/proc/meminfo", MAX_ATTRIBUTE_BYTES);
  if (text.kind !== "found") return text;
  const { totalBytes, availableBytes } = parseMeminfo(text.value);
  if (totalBytes === undefined) return failed("malformed", "/proc/meminfo has no MemTotal");
  const limit = known(cgroup)?.memoryLimitBytes ?? Number.POSITIVE_INFINITY;
  return found({
    totalBytes,
    availableBytes,
    cgroupLimitBytes: limit < totalBytes ? limit : undefined,
    usableBytes: cgroup.kind === "failed" ? undefined : Math.min(totalBytes, limit),
  });
}

/** The amounts of a meminfo file in bytes; undefined where a line is missing or no amount. */
export function parseMeminfo(text: string): Record<"totalBytes" | "availableBytes", number | undefined> {
  const bytesOf = (name: string): number | undefined => {
    const kibibytes = new RegExp(`^${name}:\\s*(\\d{1,12}) kB\\s*$`, "m").exec(text)?.[1];
    return kibibytes === undefined || Number(kibibytes) === 0 ? undefined : Number(kibibytes) * 1024;
  };
  return { totalBytes: bytesOf("MemTotal"), availableBytes: bytesOf("MemAvailable") };
}
