/**
 * The processors and how much of them this process can get: /proc/cpuinfo, /sys/devices/system/cpu
 * (https://docs.kernel.org/admin-guide/cputopology.html), Cpus_allowed_list of /proc/self/status (proc_pid_status(5)), and the
 * quota and CPU set of the control groups.
 */
import type { Host } from "../host.ts";
import { CPUS_AT_ONCE, MAX_ATTRIBUTE_BYTES, MAX_CPUS, MAX_KERNEL_FILE_BYTES } from "../limits.ts";
import { failed, found, known, type ProbeResult } from "../probe-result.ts";
import type { CgroupLimits } from "./cgroup.ts";
import { type CpuCache, readCaches } from "./cpu-caches.ts";
import { type CpuCluster, describeClusters, frequencyRange, readRoles } from "./cpu-clusters.ts";
import { readFrequencies } from "./cpu-frequency.ts";
import { inBatches, readTopology } from "./cpu-topology.ts";
import { type Cpuinfo, type ListedProcessor, parseCpuinfo } from "./cpuinfo.ts";
import { cleanText, parseCpuList, readAttribute } from "./text.ts";

/** The processors. What is undefined is unknown. */
export interface CpuFacts extends Omit<Cpuinfo, "processors"> {
  readonly byteOrder: "little" | "big" | undefined;
  /** Hardware threads that are online. */
  readonly logicalCpus: number;
  /** Cores behind them: fewer where a core runs two threads. */
  readonly cores: number | undefined;
  /** Sockets, or what a hypervisor shows as sockets. */
  readonly sockets: number | undefined;
  /** The most threads that a core has online. */
  readonly threadsPerCore: number | undefined;
  /** Kinds of cores, in the order of their CPU numbers; one on most machines. */
  readonly clusters: readonly CpuCluster[];
  /** Nearest to the core first; empty where the kernel describes none. */
  readonly caches: readonly CpuCache[];
  /** The lowest and highest clock rate of any online CPU. */
  readonly minHz: number | undefined;
  readonly maxHz: number | undefined;
  /** The scaling governors in use, sorted; empty where the kernel does not scale clocks. */
  readonly governors: readonly string[];
  /** Online CPUs that this process may run on: its affinity and its control group's CPU set allow them. */
  readonly allowedCpus: number | undefined;
  /** What the control groups allow, in thousandths of a core; undefined: no quota. */
  readonly quotaMilliCpus: number | undefined;
  /** The least of both, in thousandths of a core; undefined where one of them could not be read. */
  readonly effectiveMilliCpus: number | undefined;
}

/** Reads the processors; the limits of the control groups come from their own probe. */
export async function readCpu(host: Host, cgroup: ProbeResult<CgroupLimits>): Promise<ProbeResult<CpuFacts>> {
  const text = await host.readText("/proc/cpuinfo", MAX_KERNEL_FILE_BYTES);
  if (text.kind !== "found") return text;
  const cpuinfo = parseCpuinfo(text.value);
  if (cpuinfo === undefined) return failed("malformed", "/proc/cpuinfo names no processor");
  const { processors, ...described } = cpuinfo;
  const online = await readOnline(host, processors);
  const [topology, caches, frequencies, roles, kernel, allowedCpus] = await Promise.all([
    readTopology(host, online, processors),
    readCaches(host, online),
    readFrequencies(host, online),
    readRoles(host),
    readKernelArch(host, described.arch),
    countAllowed(host, online, known(cgroup)?.cpus),
  ]);
  const { coreOf, ...counts } = topology;
  const clocks = [...frequencies.values()];
  const quotaMilliCpus = known(cgroup)?.quotaMilliCpus;
  const isKnown = cgroup.kind !== "failed" && allowedCpus !== undefined;
  // Only the flags of x86 tell of hypervisors.
  const isClockTelling = described.hypervisor === undefined;
  return found({
    ...described,
    ...kernel,
    logicalCpus: online.size,
    ...counts,
    clusters: describeClusters({ online, processors, coreOf, frequencies, roles, isClockTelling }),
    caches,
    ...frequencyRange(clocks),
    governors: [...new Set(clocks.flatMap(({ governor }) => governor ?? []))].sort(),
    allowedCpus,
    quotaMilliCpus,
    effectiveMilliCpus: isKnown ? Math.min(allowedCpus * 1000, quotaMilliCpus ?? Number.POSITIVE_INFINITY) : undefined,
  });
}

/** The list of CPUs that a process may run on, from its status file; undefined where it is not there. */
export function parseAllowedCpus(status: string): ReadonlySet<number> | undefined {
  const line = /^Cpus_allowed_list:[ \t]*(\S+)[ \t]*$/m.exec(status)?.[1];
  return line === undefined ? undefined : parseCpuList(line, MAX_CPUS);
}

/** The list of the kernel, or the processors of cpuinfo without those that a kernel too old for the list marks as offline. */
async function readOnline(host: Host, listed: readonly ListedProcessor[]): Promise<ReadonlySet<number>> {
  const text = await readAttribute(host, "/sys/devices/system/cpu/online");
  const online = text === undefined ? undefined : parseCpuList(text, MAX_CPUS);
  if (online !== undefined && online.size > 0) return online;
  const numbers = listed.map(({ number }) => number);
  const states = await inBatches(numbers, CPUS_AT_ONCE, (cpu) => readAttribute(host, `/sys/devices/system/cpu/cpu${cpu}/online`));
  const running = numbers.filter((_, at) => states[at] !== "0");
  return new Set(running.length === 0 ? numbers : running);
}

/** What the kernel says about itself, which is exact; cpuinfo's `arch` where it is too old to say. */
async function readKernelArch(host: Host, arch: string | undefined): Promise<Pick<CpuFacts, "arch" | "byteOrder">> {
  const own = cleanText(await readAttribute(host, "/proc/sys/kernel/arch"))?.slice(0, 32);
  const order = await readAttribute(host, "/sys/kernel/cpu_byteorder");
  const byteOrder = order === "little" || order === "big" ? order : undefined;
  return { arch: own ?? arch, byteOrder: byteOrder ?? (isAlwaysLittle(own, arch) ? "little" : undefined) };
}

/** Linux runs x86 and RISC-V little-endian only; other kernels carry the order in their own name, which cpuinfo does not give. */
function isAlwaysLittle(own: string | undefined, arch: string | undefined): boolean {
  return (
    /^(x86_64|i[3-6]86|riscv(32|64)|loongarch64)$/.test(own ?? arch ?? "") || /^(aarch64|armv\w{1,4}l|ppc64le)$/.test(own ?? "")
  );
}

/** The mask often names CPUs that could be plugged in one day, so only those online count. */
async function countAllowed(
  host: Host,
  online: ReadonlySet<number>,
  cpuset: ReadonlySet<number> | undefined,
): Promise<number | undefined> {
  const status = await host.readText("/proc/self/status", MAX_ATTRIBUTE_BYTES);
  // A kernel without this line is one without CPU affinity (a single processor), if the file is there up to its last line.
  const isFree =
    status.kind === "absent" ||
    (status.kind === "found" && !/^Cpus_allowed/m.test(status.value) && /^nonvoluntary_ctxt_switches:/m.test(status.value));
  const affinity = status.kind === "found" ? parseAllowedCpus(status.value) : undefined;
  if (affinity === undefined && !isFree) return undefined;
  const usable = [...online].filter((cpu) => (affinity?.has(cpu) ?? true) && (cpuset?.has(cpu) ?? true)).length;
  return usable === 0 ? undefined : usable;
}
