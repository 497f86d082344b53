import { oneLine } from "../../base/index.ts";
import type { Measurements } from "../benchmarks/figure.ts";
import type { MachineFacts } from "../facts.ts";
import { MAX_REASON_TEXT, MAX_REASONS } from "../limits.ts";
import { known, type ProbeResult, whyMissing } from "../probe-result.ts";
import type { BoardMatch } from "../profiles/board-match.ts";
import { metricValues } from "./metrics.ts";
import {
  formatMetric,
  type MetricName,
  type MetricPolicy,
  type MetricUnit,
  POLICY_VERSION,
  powerOf,
  TIER_POLICY,
  TIER_WITHOUT_PROFILE,
  tierOfMetric,
} from "./policy.ts";
import { lowerTier, nextTier, TIERS, type Tier } from "./tiers.ts";

/** One metric against the policy. */
export interface MetricVerdict {
  readonly name: MetricName;
  /** The metric's name for people. */
  readonly label: string;
  readonly unit: MetricUnit;
  /** Undefined: unknown, and so no better than the metric's lowest tier. */
  readonly value: number | undefined;
  /** What lowers the value, or why it is unknown. */
  readonly detail: string | undefined;
  /** The highest tier that this metric reaches; undefined where it does not even reach Lite. */
  readonly tier: Tier | undefined;
  readonly thresholds: Readonly<Record<Tier, number>>;
  /** What the tier above this metric's asks; undefined above Super. */
  readonly neededForNext: number | undefined;
}

/** What the tier of a device is decided from. */
export interface TierInput {
  readonly facts: MachineFacts;
  readonly measured: Measurements;
  readonly board: ProbeResult<BoardMatch>;
  /** What the owner allows at most; undefined: no limit. */
  readonly ownerMaxTier?: Tier | undefined;
  /** The tier that the measurements came to before; it is kept down to nine tenths of what it asks. */
  readonly standing?: Tier | undefined;
  /** What earlier runs came to counts on in place of this run, until a second one agrees with it. */
  readonly held?: Tier | undefined;
}

/** The tier of a device, and why not the next. */
export interface TierDecision {
  readonly policyVersion: number;
  /** Undefined: this device is not supported, and the reasons say why. */
  readonly tier: Tier | undefined;
  /** Which of the three keeps it from the next tier, the measured values first where several do; undefined at Super. */
  readonly limitedBy: "measured" | "profile" | "owner" | undefined;
  readonly measuredTier: Tier | undefined;
  /** What the device can do in one number: 1000 just reaches Normal in everything. */
  readonly power: number;
  readonly profileTier: Tier;
  readonly ownerTier: Tier;
  readonly metrics: readonly MetricVerdict[];
  /** Short sentences for people, the most important first: at most MAX_REASONS of at most MAX_REASON_TEXT characters. */
  readonly reasons: readonly string[];
}

/** The lowest of what was measured, what the board's profile allows and what the owner allows. Pure. */
export function decideTier(input: TierInput): TierDecision {
  const values = metricValues(input.facts, input.measured, input.board);
  const metrics = TIER_POLICY.map((policy) => judge(policy, values[policy.name], input.standing));
  const refusals = whyUnsupported(input.facts);
  const thisRun = refusals.length > 0 ? undefined : metrics.map((metric) => metric.tier).reduce(lowest, "Super");
  const measuredTier = thisRun === undefined ? undefined : (input.held ?? thisRun);
  const profileTier = known(input.board)?.profile.limits.max_tier ?? TIER_WITHOUT_PROFILE;
  const ownerTier = input.ownerMaxTier ?? "Super";
  const power = powerOf(values);
  const common = { policyVersion: POLICY_VERSION, measuredTier, power, profileTier, ownerTier, metrics };
  if (measuredTier === undefined) {
    const reasons = [...refusals, ...metrics.filter((metric) => metric.tier === undefined).map((metric) => shortfall(metric))];
    return { ...common, tier: undefined, limitedBy: "measured", reasons: bounded(reasons) };
  }
  const tier = lowerTier(measuredTier, lowerTier(profileTier, ownerTier));
  const next = nextTier(tier);
  if (next === undefined) {
    return { ...common, tier, limitedBy: undefined, reasons: ["Every metric reaches Super, and nothing lowers it."] };
  }
  const limits: readonly (readonly ["measured" | "profile" | "owner", Tier, () => readonly string[]])[] = [
    ["measured", measuredTier, () => (thisRun === tier ? shortfalls(metrics, tier) : [heldReason(thisRun, tier)])],
    ["profile", profileTier, () => [profileReason(input.board, tier)]],
    ["owner", ownerTier, () => [`The owner allows at most ${tier}.`]],
  ];
  const limiting = limits.filter(([, limit]) => limit === tier);
  return { ...common, tier, limitedBy: limiting[0]?.[0], reasons: bounded(limiting.flatMap(([, , reasons]) => reasons())) };
}

function judge(
  policy: MetricPolicy,
  { value, detail }: { value: number | undefined; detail: string | undefined },
  standing: Tier | undefined,
): MetricVerdict {
  const { name, label, unit, thresholds } = policy;
  const tier = tierOfMetric(value, policy, standing);
  const above = tier === undefined ? TIERS[0] : nextTier(tier);
  return { name, label, unit, value, detail, tier, thresholds, neededForNext: above && thresholds[above] };
}

function lowest(left: Tier | undefined, right: Tier | undefined): Tier | undefined {
  return left === undefined || right === undefined ? undefined : lowerTier(left, right);
}

function shortfalls(metrics: readonly MetricVerdict[], tier: Tier): readonly string[] {
  const limiting = metrics.filter((metric) => metric.tier === tier);
  // It is only measured where nothing else stands in the way, so that beside others it says nothing.
  const told = limiting.filter(({ name, value }) => name !== "cpu.sustained" || value !== undefined);
  return (told.length > 0 ? told : limiting).map((metric) => shortfall(metric));
}

function heldReason(thisRun: Tier | undefined, tier: Tier): string {
  return `The last run came to ${thisRun}; it stays ${tier} until a second run agrees.`;
}

/** "Effective cores: 0.5 cores (a control group allows 0.5 cores of 2); Normal needs 2 cores." */
function shortfall(metric: MetricVerdict): string {
  const { label, value, unit, detail, tier, neededForNext } = metric;
  const shown = value === undefined ? "unknown" : formatMetric(value, unit);
  const above = tier === undefined ? TIERS[0] : nextTier(tier);
  const need = above === undefined || neededForNext === undefined ? "" : `; ${above} needs ${formatMetric(neededForNext, unit)}`;
  return `${label}: ${shown}${detail === undefined ? "" : ` (${detail})`}${need}.`;
}

function profileReason(board: ProbeResult<BoardMatch>, tier: Tier): string {
  if (board.kind !== "found") return `No board profile, so at most ${tier}: ${whyMissing(board)}.`;
  const { board: about, limits } = board.value.profile;
  return `The board profile "${about.name}" allows at most ${tier}.${limits.why === undefined ? "" : ` ${limits.why}`}`;
}

/** What no figure can make up for. */
function whyUnsupported(facts: MachineFacts): readonly string[] {
  const cpu = known(facts.cpu);
  const reasons: string[] = [];
  if (/^mips/.test(cpu?.arch ?? "")) {
    reasons.push("This is a MIPS processor, for which there is no current Node; use a device with an x86-64, ARM or RISC-V one.");
  } else if (cpu?.fpu === false) {
    reasons.push("This processor computes no floating point in hardware, which Node needs; use a device with one that does.");
  }
  return reasons;
}

/** Paths may hold any character, and a descriptor carries none that plays tricks on a terminal. */
function bounded(reasons: readonly string[]): readonly string[] {
  return reasons
    .slice(0, MAX_REASONS)
    .map((reason) => (reason.length <= MAX_REASON_TEXT ? reason : `${reason.slice(0, MAX_REASON_TEXT - 1)}…`))
    .map((reason) => oneLine(reason, MAX_REASON_TEXT));
}
