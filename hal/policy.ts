import { formatBytes } from "../base/index.ts";
import { formatMilliCpus } from "./amounts.ts";
import type { Tier } from "./tiers.ts";

/** Raised with every change of a threshold, so that a tier can be understood later. */
export const POLICY_VERSION = 1;

export type MetricName = "cpu.effective-cores" | "memory.usable" | "disk.free" | "disk.durable-writes";
export type MetricUnit = "milli-cores" | "bytes" | "writes/s";

/** One line of the policy: what is asked of a device. */
export interface MetricPolicy {
  readonly name: MetricName;
  /** The metric's name for people. */
  readonly label: string;
  readonly unit: MetricUnit;
  /** The least value that each tier asks. 0 asks nothing: the metric may even be unknown. */
  readonly thresholds: Readonly<Record<Tier, number>>;
}

const MIB = 2 ** 20;
const GIB = 2 ** 30;

/**
 * The thresholds. Those of memory lie an eighth below the size on the box (1 GiB, 8 GiB), because the kernel, the firmware and a
 * built-in GPU take their part before anybody can count it; a box of 128 MiB fails on purpose, there is no room in it beside Node.
 * Cores: one for the owner and one for work is Normal, several jobs at once are Super. Free disk: what a store needs to be worth
 * placing data on. Durable writes: a turning disk does some 100 a second and is enough for Normal; a job that checkpoints is not
 * bearable below, and 500 takes an SSD. The speed of the CPU is measured and published but asks nothing yet: a threshold needs
 * figures of real boards.
 */
export const TIER_POLICY: readonly MetricPolicy[] = [
  {
    name: "cpu.effective-cores",
    label: "Effective cores",
    unit: "milli-cores",
    thresholds: { Lite: 500, Normal: 2_000, Super: 4_000 },
  },
  {
    name: "memory.usable",
    label: "Usable memory",
    unit: "bytes",
    thresholds: { Lite: 128 * MIB, Normal: 896 * MIB, Super: 7 * GIB },
  },
  { name: "disk.free", label: "Free disk", unit: "bytes", thresholds: { Lite: 0, Normal: 8 * GIB, Super: 100 * GIB } },
  {
    name: "disk.durable-writes",
    label: "Durable writes",
    unit: "writes/s",
    thresholds: { Lite: 0, Normal: 50, Super: 500 },
  },
];

/** A device without a matching profile is taken for no more than this. */
export const TIER_WITHOUT_PROFILE: Tier = "Lite";

/**
 * CPU time that arrives counts as all that was promised from this share on, and below in proportion. The last tenth is the error of
 * reading it from clocks that tick a hundred times a second.
 */
export const FULL_CPU_SHARE = 0.9;

/** An amount with its unit, for people. */
export function formatMetric(value: number, unit: MetricUnit): string {
  if (unit === "bytes") return formatBytes(value);
  return unit === "milli-cores" ? formatMilliCpus(value) : `${value} ${unit}`;
}
