import { formatBytes } from "../../base/index.ts";
import { formatMilliCpus } from "../amounts.ts";
import { TIERS, type Tier } from "./tiers.ts";

/** Raised with every change of a threshold or weight, so that a tier can be understood later. */
export const POLICY_VERSION = 2;

export type MetricName =
  | "cpu.effective-cores"
  | "cpu.sustained"
  | "memory.usable"
  | "disk.free"
  | "disk.durable-writes"
  | "disk.random-read";
export type MetricUnit = "milli-cores" | "permille" | "bytes" | "writes/s" | "IOPS";

/** One line of the policy: what is asked of a device. */
export interface MetricPolicy {
  readonly name: MetricName;
  /** The metric's name for people. */
  readonly label: string;
  readonly unit: MetricUnit;
  /** The least value that each tier asks. 0 asks nothing: the metric may even be unknown. */
  readonly thresholds: Readonly<Record<Tier, number>>;
  /** How much of the power value this metric is, in thousandths; all together are 1000. */
  readonly powerWeight: number;
}

const MIB = 2 ** 20;
const GIB = 2 ** 30;

/**
 * The thresholds. Those of memory lie an eighth below the size on the box (1 GiB, 8 GiB), because the kernel, the firmware and a
 * built-in GPU take their part before anybody can count it; a box of 128 MiB fails on purpose, there is no room in it beside Node.
 * Cores: one for the owner and one for work is Normal, several jobs at once are Super. Free disk: what a store needs to be worth
 * placing data on. Durable writes: a turning disk does some 100 a second and is enough for Normal; a job that checkpoints is not
 * bearable below, and 500 takes an SSD. Random reads: 80 a second is what a turning disk does, 5 000 takes an SSD that is no
 * card. Sustained: a machine that throttles below 85 % of its burst is none for work that lasts; it is measured for Super only. The
 * speed of the CPU and of the network is measured and published but asks nothing yet: a threshold needs figures of real boards, and
 * the network an endpoint that not every owner has.
 *
 * The power value weighs what running the device costs its owner and what it can do: cores first, then memory, then disk.
 */
export const TIER_POLICY: readonly MetricPolicy[] = [
  {
    name: "cpu.effective-cores",
    label: "Effective cores",
    unit: "milli-cores",
    thresholds: { Lite: 500, Normal: 2_000, Super: 4_000 },
    powerWeight: 500,
  },
  {
    name: "cpu.sustained",
    label: "Sustained speed",
    unit: "permille",
    thresholds: { Lite: 0, Normal: 0, Super: 850 },
    powerWeight: 0,
  },
  {
    name: "memory.usable",
    label: "Usable memory",
    unit: "bytes",
    thresholds: { Lite: 128 * MIB, Normal: 896 * MIB, Super: 7 * GIB },
    powerWeight: 200,
  },
  {
    name: "disk.free",
    label: "Free disk",
    unit: "bytes",
    thresholds: { Lite: 0, Normal: 8 * GIB, Super: 100 * GIB },
    powerWeight: 100,
  },
  {
    name: "disk.durable-writes",
    label: "Durable writes",
    unit: "writes/s",
    thresholds: { Lite: 0, Normal: 50, Super: 500 },
    powerWeight: 100,
  },
  {
    name: "disk.random-read",
    label: "Random reads",
    unit: "IOPS",
    thresholds: { Lite: 0, Normal: 80, Super: 5_000 },
    powerWeight: 100,
  },
];

/**
 * Hysteresis: a device keeps the tier that it has down to this share of what the tier asks, in thousandths, so that a figure near a
 * threshold does not move it to and fro.
 */
export const KEEPS_PERMILLE = 900;

/** The power value of a device that just reaches Normal in everything. */
export const NORMAL_POWER = 1_000;

/** A metric adds to the power value up to this many times what Normal asks: one large disk does not make a server. */
export const MAX_POWER_RATIO = 8;

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
  if (unit === "permille") return `${Math.floor(value / 10)} %`;
  return unit === "milli-cores" ? formatMilliCpus(value) : `${value} ${unit}`;
}

/** The power value of a device with these metrics, a whole number; what is unknown adds nothing. */
export function powerOf(values: Readonly<Record<MetricName, { readonly value: number | undefined }>>): number {
  const parts = TIER_POLICY.filter(({ powerWeight }) => powerWeight > 0).map(({ name, thresholds, powerWeight }) => {
    const ratio = Math.min(MAX_POWER_RATIO, (values[name].value ?? 0) / thresholds.Normal);
    return (ratio * powerWeight * NORMAL_POWER) / 1000;
  });
  return Math.floor(parts.reduce((sum, part) => sum + part, 0));
}

/** The highest tier whose threshold a value reaches; undefined below Lite. An unknown value is no better than the lowest tier that asks. */
export function tierOfMetric(value: number | undefined, policy: MetricPolicy, standing: Tier | undefined): Tier | undefined {
  const reaches = (tier: Tier): boolean => {
    const keeps = standing !== undefined && TIERS.indexOf(tier) <= TIERS.indexOf(standing);
    const threshold = policy.thresholds[tier];
    return threshold === 0 || (value !== undefined && value * 1000 >= threshold * (keeps ? KEEPS_PERMILLE : 1000));
  };
  const reached = TIERS.filter(reaches).at(-1);
  return value === undefined ? (reached ?? TIERS[0]) : reached;
}
