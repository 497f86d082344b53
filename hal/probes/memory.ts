/**
 * Memory: /proc/meminfo (proc_meminfo(5), values in KiB), swap areas (/proc/swaps, swapon(8)), compressed memory devices
 * (https://docs.kernel.org/admin-guide/blockdev/zram.html) and the limit of the control groups.
 */
import type { Host } from "../host.ts";
import { MAX_ATTRIBUTE_BYTES, MAX_SWAPS } from "../limits.ts";
import { failed, found, known, type ProbeResult } from "../probe-result.ts";
import { type CgroupLimits, readCgroupLimits } from "./cgroup.ts";
import { parseCount, readAttribute } from "./text.ts";

/** Memory in bytes. What is undefined is unknown, unless it says otherwise. */
export interface MemoryFacts {
  /** What the kernel manages: installed memory less what firmware, the kernel itself and a built-in GPU keep. */
  readonly totalBytes: number;
  /** What new work could take without swapping; undefined on kernels before 3.14. */
  readonly availableBytes: number | undefined;
  /** What the control groups allow; undefined: no limit below the machine's own. */
  readonly cgroupLimitBytes: number | undefined;
  /** The least of total and limit; undefined where the limit could not be read. */
  readonly usableBytes: number | undefined;
  /** All swap areas together; 0 where there is none. */
  readonly swapTotalBytes: number | undefined;
  readonly swapFreeBytes: number | undefined;
  /** The swap areas, in the kernel's order; undefined where it does not list them. */
  readonly swaps: readonly SwapArea[] | undefined;
  /** Compressed memory devices; undefined: the machine has none in use. */
  readonly zram: ZramFacts | undefined;
}

/** One swap area. `zram` swaps into compressed memory, `partition` stands for every other block device. */
export interface SwapArea {
  readonly kind: "partition" | "file" | "zram";
  readonly sizeBytes: number;
  readonly usedBytes: number;
}

/** All compressed memory devices together. */
export interface ZramFacts {
  /** What fits into them before compression. */
  readonly totalBytes: number;
  /** The memory that they take now; undefined on kernels before 4.1. */
  readonly usedMemoryBytes: number | undefined;
}

/** Reads memory and its limits and nothing else: for whoever asks often. */
export async function readMemoryNow(host: Host): Promise<ProbeResult<MemoryFacts>> {
  return readMemory(host, await readCgroupLimits(host));
}

/** Reads memory; the limits of the control groups come from their own probe. */
export async function readMemory(host: Host, cgroup: ProbeResult<CgroupLimits>): Promise<ProbeResult<MemoryFacts>> {
  const text = await host.readText("/proc/meminfo", MAX_ATTRIBUTE_BYTES);
  if (text.kind !== "found") return text;
  const { totalBytes, availableBytes, swapTotalBytes, swapFreeBytes } = parseMeminfo(text.value);
  if (totalBytes === undefined) return failed("malformed", "/proc/meminfo has no MemTotal");
  const limit = known(cgroup)?.memoryLimitBytes ?? Number.POSITIVE_INFINITY;
  const swaps = known(await host.readText("/proc/swaps", MAX_ATTRIBUTE_BYTES));
  return found({
    totalBytes,
    availableBytes,
    cgroupLimitBytes: limit < totalBytes ? limit : undefined,
    usableBytes: cgroup.kind === "failed" ? undefined : Math.min(totalBytes, limit),
    swapTotalBytes,
    swapFreeBytes,
    swaps: swaps === undefined ? undefined : parseSwaps(swaps),
    zram: await readZram(host),
  });
}

/** Amounts of /proc/meminfo in bytes; undefined where a line is missing or no amount. */
export type Meminfo = Readonly<Record<"totalBytes" | "availableBytes" | "swapTotalBytes" | "swapFreeBytes", number | undefined>>;

/** Reads a meminfo file. No machine has 0 bytes of memory, but many have no swap. */
export function parseMeminfo(text: string): Meminfo {
  const amounts = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [, name, kibibytes] = /^(\w{1,32}):[ \t]{0,32}(\d{1,12}) kB[ \t\r]{0,8}$/.exec(line) ?? [];
    if (name !== undefined && !amounts.has(name)) amounts.set(name, Number(kibibytes) * 1024);
  }
  const unlessNone = (bytes: number | undefined): number | undefined => (bytes === 0 ? undefined : bytes);
  return {
    totalBytes: unlessNone(amounts.get("MemTotal")),
    availableBytes: unlessNone(amounts.get("MemAvailable")),
    swapTotalBytes: amounts.get("SwapTotal"),
    swapFreeBytes: amounts.get("SwapFree"),
  };
}

/** The lines of /proc/swaps: name, type, size and use in KiB, priority. At most MAX_SWAPS; lines that are none are left out. */
export function parseSwaps(text: string): readonly SwapArea[] {
  const areas = text.split("\n").flatMap((line): SwapArea[] => {
    const [name, type, size, used] = line.trim().split(/\s+/);
    const sizeKibibytes = parseKibibytes(size);
    const usedKibibytes = parseKibibytes(used);
    if ((type !== "partition" && type !== "file") || sizeKibibytes === undefined || usedKibibytes === undefined) return [];
    const isZram = type === "partition" && /^\/dev\/zram\d+$/.test(name ?? "");
    return [{ kind: isZram ? "zram" : type, sizeBytes: sizeKibibytes * 1024, usedBytes: usedKibibytes * 1024 }];
  });
  return areas.slice(0, MAX_SWAPS);
}

function parseKibibytes(text: string | undefined): number | undefined {
  return text !== undefined && text.length <= 12 ? parseCount(text) : undefined;
}

/** A device that was never set up has size 0 and does not count. */
async function readZram(host: Host): Promise<ZramFacts | undefined> {
  const names = (known(await host.list("/sys/block")) ?? []).filter((name) => /^zram\d+$/.test(name)).slice(0, MAX_SWAPS);
  let totalBytes = 0;
  let usedMemoryBytes: number | undefined = 0;
  for (const name of names) {
    const size = parseCount(await readAttribute(host, `/sys/block/${name}/disksize`));
    if (size === undefined || size === 0) continue;
    totalBytes += size;
    // The third number of mm_stat is the memory that the device takes, compressed data and the keeping of it.
    const used = parseCount((await readAttribute(host, `/sys/block/${name}/mm_stat`))?.split(/\s+/)[2]);
    usedMemoryBytes = used === undefined || usedMemoryBytes === undefined ? undefined : usedMemoryBytes + used;
  }
  return totalBytes === 0 ? undefined : { totalBytes, usedMemoryBytes };
}
