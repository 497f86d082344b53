import { formatBytes } from "../base/index.ts";
import { formatMilliCpus } from "./amounts.ts";
import type { CpuFigure, DiskFigure } from "./benchmarks/figure.ts";
import type { MachineFacts } from "./facts.ts";
import { FULL_CPU_SHARE, type MetricName } from "./policy.ts";
import { known, type ProbeResult, whyMissing } from "./probe-result.ts";
import type { CpuFacts } from "./probes/cpu.ts";

/** What was measured. `absent` tells why a measurement was left out. */
export interface Measurements {
  readonly cpu: ProbeResult<CpuFigure>;
  readonly disk: ProbeResult<DiskFigure>;
}

/** The value of a metric, and what a person needs to understand it: what lowers it, or why it is unknown. */
export interface MetricValue {
  readonly value: number | undefined;
  readonly detail: string | undefined;
}

/** The value of every metric of the policy, in the policy's units. */
export function metricValues(facts: MachineFacts, measured: Measurements): Readonly<Record<MetricName, MetricValue>> {
  return {
    "cpu.effective-cores": effectiveCores(facts, measured),
    "memory.usable": usableMemory(facts),
    "disk.free": freeDisk(facts),
    "disk.durable-writes": { value: known(measured.disk)?.value, detail: whyMissing(measured.disk) },
  };
}

/** The least of affinity, quota and what really arrived while all threads ran: a limit from outside shows in no file. */
function effectiveCores(facts: MachineFacts, measured: Measurements): MetricValue {
  const cpu = known(facts.cpu);
  if (cpu === undefined) return unknown(facts.cpu);
  const { effectiveMilliCpus: promised } = cpu;
  if (promised === undefined) return { value: undefined, detail: "the limits on this process cannot be read" };
  const figure = known(measured.cpu);
  // Fewer threads than cores (a small memory) say nothing about the cores that had none.
  if (figure !== undefined && figure.conditions.threads * 1000 >= promised) {
    const { gotMilliCpus, othersMilliCpus = 0 } = figure.conditions;
    // What this machine's other programs took is a busy moment, not a limit; what nobody here used was kept back from outside.
    const arrived = gotMilliCpus + othersMilliCpus;
    const counts = Math.floor(arrived / FULL_CPU_SHARE);
    if (counts < promised) {
      const detail = `only ${formatMilliCpus(arrived)} of ${formatMilliCpus(promised)} arrived while measuring`;
      return { value: counts, detail };
    }
  }
  return { value: promised, detail: whatLowersCpu(cpu) };
}

function whatLowersCpu(cpu: CpuFacts): string | undefined {
  const { quotaMilliCpus, allowedCpus = cpu.logicalCpus, logicalCpus } = cpu;
  if (quotaMilliCpus !== undefined && quotaMilliCpus < allowedCpus * 1000) {
    return `a control group allows ${formatMilliCpus(quotaMilliCpus)} of ${logicalCpus}`;
  }
  return allowedCpus < logicalCpus ? `this process may run on ${allowedCpus} of ${logicalCpus} CPUs` : undefined;
}

function usableMemory(facts: MachineFacts): MetricValue {
  const memory = known(facts.memory);
  if (memory === undefined) return unknown(facts.memory);
  const { usableBytes, cgroupLimitBytes, totalBytes } = memory;
  if (usableBytes === undefined) return { value: undefined, detail: "the limits on this process cannot be read" };
  if (cgroupLimitBytes === undefined) return { value: usableBytes, detail: undefined };
  return { value: usableBytes, detail: `a control group allows ${formatBytes(cgroupLimitBytes)} of ${formatBytes(totalBytes)}` };
}

function freeDisk(facts: MachineFacts): MetricValue {
  const volume = known(facts.volume);
  if (volume === undefined) return unknown(facts.volume);
  if (volume.readOnly) return { value: 0, detail: `${volume.mountPoint} is mounted read-only` };
  if (volume.kind === "ram") return { value: 0, detail: `${volume.path} lies in memory and does not outlive a restart` };
  return { value: volume.freeBytes, detail: undefined };
}

function unknown(result: ProbeResult<unknown>): MetricValue {
  return { value: undefined, detail: whyMissing(result) };
}
