import { formatBytes } from "../../base/index.ts";
import { formatMilliCpus } from "../amounts.ts";
import { figureOf, type Measurements, numberIn } from "../benchmarks/figure.ts";
import type { MachineFacts } from "../facts.ts";
import { known, type ProbeResult, whyMissing } from "../probe-result.ts";
import type { CpuFacts } from "../probes/cpu.ts";
import type { BoardMatch } from "../profiles/board-match.ts";
import { FULL_CPU_SHARE, type MetricName } from "./policy.ts";

/** The value of a metric, and what a person needs to understand it: what lowers it, or why it is unknown. */
export interface MetricValue {
  readonly value: number | undefined;
  readonly detail: string | undefined;
}

/** The value of every metric of the policy, in the policy's units. */
export function metricValues(
  facts: MachineFacts,
  measured: Measurements,
  board: ProbeResult<BoardMatch>,
): Readonly<Record<MetricName, MetricValue>> {
  return {
    "cpu.effective-cores": effectiveCores(facts, measured),
    "memory.usable": usableMemory(facts, (known(board)?.profile.limits.ram_reserve_mb ?? 0) * MIB),
    "disk.free": freeDisk(facts),
    "cpu.sustained": measuredValue(measured, "cpu.sustained"),
    "disk.durable-writes": measuredValue(measured, "disk.durable-writes"),
    "disk.random-read": measuredValue(measured, "disk.random-read"),
  };
}

function measuredValue(measured: Measurements, name: "cpu.sustained" | "disk.durable-writes" | "disk.random-read"): MetricValue {
  const figure = figureOf(measured, name);
  if (figure !== undefined) return { value: figure.value, detail: undefined };
  const group = name.startsWith("cpu.") ? measured.cpu : measured.disk;
  return { value: undefined, detail: whyMissing(group) ?? "not measured" };
}

/** The least of affinity, quota and what really arrived while all threads ran: a limit from outside shows in no file. */
function effectiveCores(facts: MachineFacts, measured: Measurements): MetricValue {
  const cpu = known(facts.cpu);
  if (cpu === undefined) return unknown(facts.cpu);
  const { effectiveMilliCpus: promised } = cpu;
  if (promised === undefined) return { value: undefined, detail: "the limits on this process cannot be read" };
  const conditions = figureOf(measured, "cpu.integer")?.conditions ?? {};
  const gotMilliCpus = numberIn(conditions, "gotMilliCpus");
  // Fewer threads than cores (a small memory) say nothing about the cores that had none.
  if (gotMilliCpus !== undefined && (numberIn(conditions, "threads") ?? 0) * 1000 >= promised) {
    // What this machine's other programs took is a busy moment, not a limit; what nobody here used was kept back from outside.
    const arrived = gotMilliCpus + (numberIn(conditions, "othersMilliCpus") ?? 0);
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

const MIB = 2 ** 20;

/** What the process may use, less what the board's profile keeps for the board's own work. */
function usableMemory(facts: MachineFacts, reserveBytes: number): MetricValue {
  const memory = known(facts.memory);
  if (memory === undefined) return unknown(facts.memory);
  const { usableBytes, cgroupLimitBytes, totalBytes } = memory;
  if (usableBytes === undefined) return { value: undefined, detail: "the limits on this process cannot be read" };
  const details = [
    cgroupLimitBytes === undefined
      ? undefined
      : `a control group allows ${formatBytes(cgroupLimitBytes)} of ${formatBytes(totalBytes)}`,
    reserveBytes === 0 ? undefined : `the board's profile keeps ${formatBytes(reserveBytes)} for itself`,
  ].filter((detail) => detail !== undefined);
  return { value: Math.max(0, usableBytes - reserveBytes), detail: details.length === 0 ? undefined : details.join(", ") };
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
