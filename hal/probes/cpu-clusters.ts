/** Kinds of cores in one machine: big and little ones on ARM, performance and efficiency cores on x86. */
import type { Host } from "../host.ts";
import { MAX_CPU_CLUSTERS, MAX_CPUS } from "../limits.ts";
import type { CpuFrequency } from "./cpu-frequency.ts";
import type { ListedProcessor } from "./cpuinfo.ts";
import { parseCpuList, readAttribute } from "./text.ts";

/** All online CPUs of one kind. What is undefined is unknown. */
export interface CpuCluster {
  readonly model: string | undefined;
  /** What an x86 machine with two kinds of cores calls them; undefined elsewhere. */
  readonly role: "performance" | "efficiency" | undefined;
  readonly logicalCpus: number;
  readonly cores: number | undefined;
  /** The lowest and highest clock rate of any of them. */
  readonly minHz: number | undefined;
  readonly maxHz: number | undefined;
}

/** What tells one kind of core from another. */
export interface ClusterTraces {
  readonly online: ReadonlySet<number>;
  readonly processors: readonly ListedProcessor[];
  readonly coreOf: ReadonlyMap<number, string>;
  readonly frequencies: ReadonlyMap<number, CpuFrequency>;
  readonly roles: ReadonlyMap<number, "performance" | "efficiency">;
  /** Whether the highest clock rate tells kinds apart: not on x86, whose best cores of one kind may clock a little higher. */
  readonly isClockTelling: boolean;
}

/**
 * Sorts the online CPUs into kinds by model, role and highest clock rate; in the order of their lowest CPU number. Pure. Where the
 * clock rates would make more than MAX_CPU_CLUSTERS kinds, they do not count.
 */
export function describeClusters(traces: ClusterTraces): readonly CpuCluster[] {
  const { online, processors, frequencies, roles, isClockTelling } = traces;
  const listed = new Map(processors.map((processor) => [processor.number, processor]));
  const kindOf = (cpu: number, withClock: boolean): string => {
    const { model, part } = listed.get(cpu) ?? {};
    return [model, part, roles.get(cpu), withClock ? frequencies.get(cpu)?.maxHz : undefined].join("|");
  };
  const cpus = [...online].sort((a, b) => a - b);
  const fine = Map.groupBy(cpus, (cpu) => kindOf(cpu, isClockTelling));
  const kinds = fine.size <= MAX_CPU_CLUSTERS ? fine : Map.groupBy(cpus, (cpu) => kindOf(cpu, false));
  return [...kinds.values()].slice(0, MAX_CPU_CLUSTERS).map((members) => {
    const [first = 0] = members;
    const cores = new Set(members.flatMap((cpu) => traces.coreOf.get(cpu) ?? []));
    return {
      model: listed.get(first)?.model,
      role: roles.get(first),
      logicalCpus: members.length,
      cores: cores.size === 0 ? undefined : cores.size,
      ...frequencyRange(members.flatMap((cpu) => frequencies.get(cpu) ?? [])),
    };
  });
}

/** The lowest and highest clock rate of some CPUs; undefined where none of them tells. */
export function frequencyRange(clocks: readonly CpuFrequency[]): Pick<CpuFrequency, "minHz" | "maxHz"> {
  const least = (values: readonly (number | undefined)[], pick: (a: number, b: number) => number): number | undefined =>
    values.reduce((best, value) => (best === undefined || value === undefined ? (best ?? value) : pick(best, value)), undefined);
  return {
    minHz: least(
      clocks.map(({ minHz }) => minHz),
      Math.min,
    ),
    maxHz: least(
      clocks.map(({ maxHz }) => maxHz),
      Math.max,
    ),
  };
}

/**
 * Which CPUs of an x86 machine are which: the kernel has one performance counter device for each kind
 * (tools/perf/Documentation/intel-hybrid.txt). Empty on a machine with one kind.
 */
export async function readRoles(host: Host): Promise<ReadonlyMap<number, "performance" | "efficiency">> {
  const cpusOf = async (device: string): Promise<readonly number[]> => {
    const text = await readAttribute(host, `/sys/devices/${device}/cpus`);
    return [...((text === undefined ? undefined : parseCpuList(text, MAX_CPUS)) ?? [])];
  };
  return new Map([
    ...(await cpusOf("cpu_core")).map((cpu) => [cpu, "performance"] as const),
    ...(await cpusOf("cpu_atom")).map((cpu) => [cpu, "efficiency"] as const),
  ]);
}
