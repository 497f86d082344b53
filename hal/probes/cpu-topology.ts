/**
 * Which CPUs are threads of one core and which cores share a socket: /sys/devices/system/cpu/cpuN/topology
 * (https://docs.kernel.org/admin-guide/cputopology.html). Kernels before 2.6.25 write sets of CPUs as masks only; where a kernel has
 * no topology at all, x86's cpuinfo still numbers sockets and cores.
 */
import type { Host } from "../host.ts";
import { CPUS_AT_ONCE, MAX_CPUS } from "../limits.ts";
import { known } from "../probe-result.ts";
import type { ListedProcessor } from "./cpuinfo.ts";
import { parseCount, parseCpuList, readAttribute } from "./text.ts";

/** How the online CPUs are put together. What is undefined is unknown. */
export interface CpuTopology {
  readonly cores: number | undefined;
  readonly sockets: number | undefined;
  /** The most threads that a core has online. */
  readonly threadsPerCore: number | undefined;
  /** The core of each CPU, as a name that only its own threads have. Empty where cores are unknown. */
  readonly coreOf: ReadonlyMap<number, string>;
}

/** Reads the topology of the online CPUs. `listed` are the processors of cpuinfo. */
export async function readTopology(
  host: Host,
  online: ReadonlySet<number>,
  listed: readonly ListedProcessor[],
): Promise<CpuTopology> {
  const inCpuinfo = new Map(listed.map((processor) => [processor.number, processor]));
  const cpus = await inBatches([...online], CPUS_AT_ONCE, async (cpu) => {
    const directory = `/sys/devices/system/cpu/cpu${cpu}/topology`;
    const processor = inCpuinfo.get(cpu);
    return {
      cpu,
      core: (await readThreads(host, directory, online)) ?? coreInCpuinfo(processor),
      socket: parseCount(await readAttribute(host, `${directory}/physical_package_id`)) ?? processor?.socket,
    };
  });
  const coreOf = new Map(cpus.flatMap(({ cpu, core }) => (core === undefined ? [] : [[cpu, core] as const])));
  const sockets = new Set(cpus.map(({ socket }) => socket));
  const isComplete = coreOf.size === online.size;
  const threads = [...Map.groupBy(coreOf.values(), (core) => core).values()].map((same) => same.length);
  return {
    cores: isComplete ? threads.length : undefined,
    sockets: sockets.has(undefined) || (sockets.size > 1 && (await mayBeClusters(host, online))) ? undefined : sockets.size,
    threadsPerCore: isComplete ? threads.reduce((most, count) => Math.max(most, count), 1) : undefined,
    coreOf: isComplete ? coreOf : new Map(),
  };
}

/** The online threads of a CPU's core, as a name for that core; undefined where the kernel does not tell. */
async function readThreads(host: Host, directory: string, online: ReadonlySet<number>): Promise<string | undefined> {
  for (const name of ["core_cpus_list", "thread_siblings_list", "core_cpus", "thread_siblings"]) {
    const text = await readAttribute(host, `${directory}/${name}`);
    if (text === undefined) continue;
    const threads = name.endsWith("_list") ? parseCpuList(text, MAX_CPUS) : parseCpuMask(text, MAX_CPUS);
    const running = [...(threads ?? [])].filter((cpu) => online.has(cpu));
    if (running.length > 0) return running.sort((a, b) => a - b).join(",");
  }
  return undefined;
}

function coreInCpuinfo(processor: ListedProcessor | undefined): string | undefined {
  if (processor?.core === undefined || processor.socket === undefined) return undefined;
  return `core ${processor.core} of socket ${processor.socket}`;
}

/**
 * Before Linux 6.0 a machine described by a device tree numbered its clusters as packages, and most such machines have one socket
 * and several clusters. ACPI and x86 always meant sockets.
 */
async function mayBeClusters(host: Host, online: ReadonlySet<number>): Promise<boolean> {
  const [cpu] = online;
  return known(await host.readLink(`/sys/devices/system/cpu/cpu${cpu}/of_node`)) !== undefined;
}

/**
 * A set of CPUs as the kernel writes masks: hexadecimal words of 32 bits, the highest first, `00000000,00000101` (cpuset(7), "Mask
 * format"). Undefined where it is no such mask or names a CPU from `maxCpus` on.
 */
export function parseCpuMask(text: string, maxCpus: number): ReadonlySet<number> | undefined {
  const words = text.trim().split(",");
  // Only the highest word may be short.
  if (!words.every((word, at) => /^[0-9a-f]{1,8}$/i.test(word) && (at === 0 || word.length === 8))) return undefined;
  const cpus = new Set<number>();
  for (const [at, word] of words.reverse().entries()) {
    const bits = Number.parseInt(word, 16);
    for (let bit = 0; bit < 32; bit++) {
      if (((bits >>> bit) & 1) === 0) continue;
      if (at * 32 + bit >= maxCpus) return undefined;
      cpus.add(at * 32 + bit);
    }
  }
  return cpus;
}

/** Runs `work` for every item, at most `size` at the same time; the answers come in the order of the items. */
export async function inBatches<Item, Answer>(
  items: readonly Item[],
  size: number,
  work: (item: Item) => Promise<Answer>,
): Promise<readonly Answer[]> {
  const answers: Answer[] = [];
  for (let at = 0; at < items.length; at += size) {
    answers.push(...(await Promise.all(items.slice(at, at + size).map(work))));
  }
  return answers;
}
