/**
 * The CPUs, CPU time and memory that control groups leave to this process: the least that any group between it and the root allows.
 * Version 1 (https://docs.kernel.org/scheduler/sched-bwc.html, admin-guide/cgroup-v1/memory.html and cpusets.html), version 2
 * (https://docs.kernel.org/admin-guide/cgroup-v2.html) and both at once.
 */
import type { Host } from "../host.ts";
import { MAX_CGROUP_DEPTH, MAX_CPUS, MAX_KERNEL_FILE_BYTES } from "../limits.ts";
import { failed, found, type ProbeResult } from "../probe-result.ts";
import { type Mount, readMounts } from "./mounts.ts";
import { parseCount, parseCpuList } from "./text.ts";

/** What is undefined is not limited. */
export interface CgroupLimits {
  /** CPU time per time, in thousandths of a core. */
  readonly quotaMilliCpus: number | undefined;
  /** May be larger than the machine's memory, which is the kernel's other way to say "no limit" in version 1. */
  readonly memoryLimitBytes: number | undefined;
  /** Numbers of the CPUs that may be used; some of them may be offline. */
  readonly cpus: ReadonlySet<number> | undefined;
}

/** The group that a process is in, in one hierarchy. */
export interface Membership {
  /** Names of the controllers; none for version 2. */
  readonly controllers: readonly string[];
  readonly path: string;
}

const NO_LIMITS: CgroupLimits = { quotaMilliCpus: undefined, memoryLimitBytes: undefined, cpus: undefined };

/** Reads the limits. A machine without control groups has none. `failed` when one that is there cannot be read or understood. */
export async function readCgroupLimits(host: Host): Promise<ProbeResult<CgroupLimits>> {
  const membership = await host.readText("/proc/self/cgroup", MAX_KERNEL_FILE_BYTES);
  if (membership.kind === "absent") return found(NO_LIMITS);
  if (membership.kind === "failed") return membership;
  const mounts = await readMounts(host);
  if (mounts.kind === "absent") return found(NO_LIMITS);
  if (mounts.kind === "failed") return mounts;
  const groups = parseMembership(membership.value);
  const isWhole = membership.value === "" || membership.value.endsWith("\n");
  if (!isWhole || groups.length !== membership.value.split("\n").length - 1) {
    return failed("malformed", "/proc/self/cgroup is cut off, or not what the kernel documents");
  }
  const hidden = findHiddenGroup(groups, mounts.value);
  if (hidden !== undefined) return failed("unreadable", `the ${hidden} control group of this process cannot be seen`);
  const cpuQuotas: ProbeResult<number | undefined>[] = [];
  const memoryLimits: ProbeResult<number | undefined>[] = [];
  for (const directory of directoriesOf(groups, mounts.value, "")) {
    cpuQuotas.push(await readLimit(host, [`${directory}/cpu.max`], ([text]) => parseCpuMax(text)));
    memoryLimits.push(await readLimit(host, [`${directory}/memory.max`], ([text]) => parseMemoryLimit(text)));
  }
  for (const directory of directoriesOf(groups, mounts.value, "cpu")) {
    const files = [`${directory}/cpu.cfs_quota_us`, `${directory}/cpu.cfs_period_us`];
    cpuQuotas.push(await readLimit(host, files, ([quota, period]) => parseCfsQuota(quota, period)));
  }
  for (const directory of directoriesOf(groups, mounts.value, "memory")) {
    memoryLimits.push(await readLimit(host, [`${directory}/memory.limit_in_bytes`], ([text]) => parseMemoryLimit(text)));
  }
  const quota = least(cpuQuotas);
  const memory = least(memoryLimits);
  if (quota.kind !== "found") return quota;
  if (memory.kind !== "found") return memory;
  const cpus = await readCpuSet(host, groups, mounts.value);
  if (cpus.kind !== "found") return cpus;
  return found({ quotaMilliCpus: quota.value, memoryLimitBytes: memory.value, cpus: cpus.value });
}

/** The lines of /proc/self/cgroup (cgroups(7)): `hierarchy-id:controllers:path`, version 2 with id 0 and no controllers. */
export function parseMembership(text: string): readonly Membership[] {
  return text.split("\n").flatMap((line) => {
    const parts = /^\d+:([^:]*):(\/.*)$/.exec(line);
    if (parts?.[1] === undefined || parts[2] === undefined) return [];
    return { controllers: parts[1].split(",").filter((name) => name !== ""), path: parts[2] };
  });
}

/**
 * The controller whose limits on this process cannot be seen: its group is not the root and nothing is mounted, or the other way
 * round. Undefined where all can be.
 */
function findHiddenGroup(groups: readonly Membership[], mounts: readonly Mount[]): "cpu" | "memory" | undefined {
  const unified = groups.find((group) => group.controllers.length === 0);
  const hasUnified = mounts.some((mount) => mount.fileSystem === "cgroup2");
  return (["cpu", "memory"] as const).find((controller) => {
    const own = groups.find((group) => group.controllers.includes(controller));
    const isMounted = mounts.some((mount) => mount.fileSystem === "cgroup" && mount.options.includes(controller));
    if (own !== undefined) return !isMounted && own.path !== "/";
    if (isMounted) return true;
    return unified === undefined ? hasUnified : !hasUnified && unified.path !== "/";
  });
}

/** `max 100000` or `50000 100000` (microseconds of CPU time in each period) in thousandths of a core; null: no limit. */
export function parseCpuMax(text: string | undefined): number | null | undefined {
  const parts = /^(max|\d{1,15}) (\d{1,15})$/.exec(text?.trim() ?? "");
  if (parts === null) return undefined;
  return parts[1] === "max" ? null : milliCpus(Number(parts[1]), Number(parts[2]));
}

/** Version 1's two files in thousandths of a core; a quota of -1 is no limit (null). */
export function parseCfsQuota(quota: string | undefined, period: string | undefined): number | null | undefined {
  if (quota?.trim() === "-1") return null;
  return milliCpus(parseCount(quota), parseCount(period));
}

/** A limit in bytes; null for `max`. Version 1 writes "no limit" as a number near 2^63. */
export function parseMemoryLimit(text: string | undefined): number | null | undefined {
  const trimmed = text?.trim() ?? "";
  if (trimmed === "max" || trimmed === "-1") return null;
  if (!/^\d{1,20}$/.test(trimmed)) return undefined;
  return Number(trimmed) > Number.MAX_SAFE_INTEGER ? null : Number(trimmed);
}

function milliCpus(quotaMicros: number | undefined, periodMicros: number | undefined): number | undefined {
  if (quotaMicros === undefined || periodMicros === undefined || quotaMicros === 0 || periodMicros === 0) return undefined;
  return Math.max(1, Math.floor((quotaMicros * 1000) / periodMicros));
}

/**
 * The directories of a controller's groups (`""`: those of version 2), from the process's own to the root of what is mounted. In a
 * container the path counts from the host's root while only a part is mounted; `..` in it means that its own group is not visible.
 */
function directoriesOf(groups: readonly Membership[], mounts: readonly Mount[], controller: string): readonly string[] {
  const mount = mounts.find((candidate) =>
    controller === ""
      ? candidate.fileSystem === "cgroup2"
      : candidate.fileSystem === "cgroup" && candidate.options.includes(controller),
  );
  const group = groups.find((candidate) =>
    controller === "" ? candidate.controllers.length === 0 : candidate.controllers.includes(controller),
  );
  if (mount === undefined || group === undefined) return [];
  const below = mount.root !== "/" && group.path.startsWith(mount.root) ? group.path.slice(mount.root.length) : group.path;
  const parts = below.split("/").filter((part) => part !== "");
  const visible = parts.includes("..") ? [] : parts.slice(0, MAX_CGROUP_DEPTH);
  return Array.from({ length: visible.length + 1 }, (_, up) =>
    [mount.mountPoint, ...visible.slice(0, visible.length - up)].join("/"),
  );
}

/** One group's limit: undefined when it has none; the root group, for one, has no such file. */
async function readLimit(
  host: Host,
  paths: readonly string[],
  parse: (texts: readonly string[]) => number | null | undefined,
): Promise<ProbeResult<number | undefined>> {
  const texts: string[] = [];
  for (const path of paths) {
    const text = await host.readText(path, MAX_KERNEL_FILE_BYTES);
    if (text.kind === "absent") return found(undefined);
    if (text.kind === "failed") return text;
    // The kernel ends the line; without that, 50000 of 100000 may have become 50000 of 1000.
    if (!text.value.endsWith("\n")) return failed("malformed", `${path} is cut off`);
    texts.push(text.value);
  }
  const limit = parse(texts);
  if (limit === undefined) return failed("malformed", `${paths.join(", ")}: not a limit that the kernel documents`);
  return found(limit ?? undefined);
}

/**
 * The CPUs of the nearest group that has its own set. It lies within those of the groups above, and only one of the two versions
 * has the controller. Version 1's older files name CPUs that may be offline, and lose their prefix where it is mounted as `cpuset`.
 */
async function readCpuSet(
  host: Host,
  groups: readonly Membership[],
  mounts: readonly Mount[],
): Promise<ProbeResult<ReadonlySet<number> | undefined>> {
  const files = [
    ...directoriesOf(groups, mounts, "cpuset").flatMap((directory) =>
      ["cpuset.effective_cpus", "cpuset.cpus", "cpus"].map((name) => `${directory}/${name}`),
    ),
    ...directoriesOf(groups, mounts, "").map((directory) => `${directory}/cpuset.cpus.effective`),
  ];
  for (const file of files) {
    const text = await host.readText(file, MAX_KERNEL_FILE_BYTES);
    if (text.kind === "absent") continue;
    if (text.kind === "failed") return text;
    const cpus = parseCpuList(text.value, MAX_CPUS);
    if (cpus === undefined) return failed("malformed", `${file}: not a list of CPUs`);
    if (cpus.size > 0) return found(cpus);
  }
  return found(undefined);
}

function least(limits: readonly ProbeResult<number | undefined>[]): ProbeResult<number | undefined> {
  let lowest: number | undefined;
  for (const limit of limits) {
    if (limit.kind !== "found") return limit;
    if (limit.value !== undefined) lowest = Math.min(lowest ?? limit.value, limit.value);
  }
  return found(lowest);
}
