import { FIGURE_GROUPS, type Figure } from "./benchmarks/figure.ts";
import type { MachineProbe } from "./machine.ts";
import { known } from "./probe-result.ts";
import type { DiskKind } from "./probes/disks.ts";
import type { GpuFacts } from "./probes/gpus.ts";
import type { InterfaceFacts } from "./probes/network.ts";
import type { MetricName } from "./tiers/policy.ts";
import type { Tier } from "./tiers/tiers.ts";

/** One measured figure, without its slices. */
export type MeasuredFigure = Omit<Figure, "slices">;

/** The few facts that a device tells others about itself. What is undefined is unknown. */
export interface MachineSummary {
  /** Id of the board's profile. */
  readonly board: string | undefined;
  readonly tier: Tier | undefined;
  readonly reasons: readonly string[];
  readonly arch: string | undefined;
  readonly cpuModel: string | undefined;
  readonly logicalCpus: number | undefined;
  readonly effectiveMilliCpus: number | undefined;
  /** Memory that this process may use, less what the board's profile keeps. */
  readonly memoryBytes: number | undefined;
  readonly diskFreeBytes: number | undefined;
  readonly diskKind: DiskKind | undefined;
  /** Graphics processors that are hardware and have a driver. */
  readonly gpus: number;
  /** Speed of the fastest link that is up. */
  readonly linkBitsPerSecond: number | undefined;
  readonly measured: readonly MeasuredFigure[];
  /** Version of the rules of tiers, and what the device can do by them: 1000 just reaches Normal. */
  readonly policyVersion: number;
  readonly power: number;
}

/** What a signed descriptor is made of. Pure. */
export function summariseMachine(probe: MachineProbe): MachineSummary {
  const { facts, measured, decision } = probe;
  const cpu = known(facts.cpu);
  const volume = known(facts.volume);
  const valueIn = (name: MetricName): number | undefined => decision.metrics.find((metric) => metric.name === name)?.value;
  return {
    board: known(probe.board)?.profile.id,
    tier: decision.tier,
    reasons: decision.reasons,
    arch: cpu?.arch,
    cpuModel: cpu?.model,
    logicalCpus: cpu?.logicalCpus,
    effectiveMilliCpus: valueIn("cpu.effective-cores"),
    memoryBytes: valueIn("memory.usable"),
    diskFreeBytes: volume?.freeBytes,
    diskKind: volume?.kind,
    gpus: usableGpus(known(facts.gpus) ?? []).length,
    linkBitsPerSecond: fastestLink(known(facts.interfaces) ?? []),
    policyVersion: decision.policyVersion,
    power: decision.power,
    measured: FIGURE_GROUPS.flatMap((group) => known(measured[group]) ?? []).map(({ slices: _slices, ...figure }) => figure),
  };
}

/** The graphics processors that work could run on: hardware that a driver holds. */
export function usableGpus(gpus: readonly GpuFacts[]): readonly GpuFacts[] {
  return gpus.filter((gpu) => gpu.kind === "hardware" && gpu.driver !== undefined);
}

/** Speed of the fastest physical link that is up, in bits per second; undefined where none tells one. */
export function fastestLink(interfaces: readonly InterfaceFacts[]): number | undefined {
  const speeds = interfaces
    .filter((facts) => facts.up && facts.kind === "physical")
    .flatMap((facts) => facts.linkBitsPerSecond ?? []);
  return speeds.length === 0 ? undefined : Math.max(...speeds);
}
