/**
 * The processors and how much of them this process can get: /proc/cpuinfo, /sys/devices/system/cpu
 * (https://docs.kernel.org/admin-guide/cputopology.html), Cpus_allowed_list of /proc/self/status (proc_pid_status(5)), and the
 * quota of the control groups.
 */
import type { Host } from "../host.ts";
import { MAX_ATTRIBUTE_BYTES, MAX_CPUS, MAX_KERNEL_FILE_BYTES } from "../limits.ts";
import { failed, found, known, type ProbeResult } from "../probe-result.ts";
import type { CgroupLimits } from "./cgroup.ts";
import { type Cpuinfo, parseCpuinfo } from "./cpuinfo.ts";
import { cleanText, parseCpuList, readAttribute } from "./text.ts";

/** The processors. What is undefined is unknown. */
export interface CpuFacts extends Omit<Cpuinfo, "processors"> {
  /** Hardware threads that are online. */
  readonly logicalCpus: number;
  /** Cores behind them: fewer where a core runs two threads. */
  readonly cores: number | undefined;
  /** Online CPUs that this process may run on. */
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
  const online = await readOnline(host);
  const logicalCpus = online?.size ?? processors;
  const cores = online === undefined ? undefined : await countCores(host, online);
  const allowedCpus = await countAllowed(host, online, logicalCpus);
  const quotaMilliCpus = known(cgroup)?.quotaMilliCpus;
  const isKnown = cgroup.kind !== "failed" && allowedCpus !== undefined;
  return found({
    ...described,
    arch: cleanText(await readAttribute(host, "/proc/sys/kernel/arch"))?.slice(0, 32) ?? described.arch,
    logicalCpus,
    cores,
    allowedCpus,
    quotaMilliCpus,
    effectiveMilliCpus: isKnown ? Math.min(allowedCpus * 1000, quotaMilliCpus ?? Number.POSITIVE_INFINITY) : undefined,
  });
}

/** The list of CPUs that a process may run on, from its status file; undefined where it is not there. */
export function parseAllowedCpus(status: string): ReadonlySet<number> | undefined {
  const line = /^Cpus_allowed_list:\s*(\S+)\s*$/m.exec(status)?.[1];
  return line === undefined ? undefined : parseCpuList(line, MAX_CPUS);
}

async function readOnline(host: Host): Promise<ReadonlySet<number> | undefined> {
  const text = await readAttribute(host, "/sys/devices/system/cpu/online");
  const online = text === undefined ? undefined : parseCpuList(text, MAX_CPUS);
  return online === undefined || online.size === 0 ? undefined : online;
}

/** Each core shows the same list of its threads in every one of them, so the lists that differ are the cores. */
async function countCores(host: Host, online: ReadonlySet<number>): Promise<number | undefined> {
  const cores = new Set<string>();
  for (const cpu of online) {
    const topology = `/sys/devices/system/cpu/cpu${cpu}/topology`;
    const threads =
      (await readAttribute(host, `${topology}/core_cpus_list`)) ??
      (await readAttribute(host, `${topology}/thread_siblings_list`)) ??
      (await readAttribute(host, `${topology}/thread_siblings`));
    if (threads === undefined) return undefined;
    cores.add(threads);
  }
  return cores.size;
}

/** The mask often names CPUs that could be plugged in one day, so only those online count. */
async function countAllowed(
  host: Host,
  online: ReadonlySet<number> | undefined,
  logicalCpus: number,
): Promise<number | undefined> {
  const status = await host.readText("/proc/self/status", MAX_ATTRIBUTE_BYTES);
  // A kernel without this line is one without CPU affinity (a single processor).
  if (status.kind === "absent" || (status.kind === "found" && !/^Cpus_allowed/m.test(status.value))) return logicalCpus;
  const allowed = status.kind === "found" ? parseAllowedCpus(status.value) : undefined;
  if (allowed === undefined) return undefined;
  const usable = online === undefined ? allowed.size : [...allowed].filter((cpu) => online.has(cpu)).length;
  return usable === 0 ? undefined : Math.min(usable, logicalCpus);
}
