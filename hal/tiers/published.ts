/**
 * What can be said of a machine from what it publishes about itself: whoever reads a descriptor has the figures, not the machine. Used
 * by bookkeepers; the words are those of the descriptor.
 */
import { formatMetric, type MetricName, TIER_POLICY, tierOfMetric } from "./policy.ts";
import { lowerTier, TIERS, type Tier } from "./tiers.ts";

/** What a node publishes of its machine. Amounts as in the descriptor. */
export interface PublishedMachine {
  readonly tier: Tier;
  readonly facts: {
    readonly arch: string;
    readonly logicalCpus: number;
    readonly effectiveMilliCpus: number;
    readonly memoryBytes: bigint;
    readonly diskFreeBytes: bigint;
    readonly diskKind?: string | undefined;
  };
  readonly measured: readonly {
    readonly name: string;
    readonly value: bigint;
    readonly conditions: { readonly threads?: number | undefined; readonly gotMilliCpus?: number | undefined };
  }[];
}

/** What a published machine is good for at most, by the rules in force here. */
export interface PublishedVerdict {
  /** Never above the tier that it claims. */
  readonly tier: Tier;
  /** Why it is taken for less than it claims, for people; empty where it is not. */
  readonly reasons: readonly string[];
}

/** Figures that no machine of today has; whoever claims one made it up. */
const MOST = { integerPerThread: 20_000n, memoryBytes: 2n ** 46n, durableWrites: 2_000_000n, randomReads: 5_000_000n } as const;

/** More than one thread's speed on each core: what turbo clocks and hyper-threading allow, and a noisy single run. */
const PARALLEL_SLACK = 1.5;

/** Judges what a machine publishes: whether it agrees with itself, and which tier its figures carry. Pure. */
export function judgePublished(machine: PublishedMachine): PublishedVerdict {
  const values = publishedValues(machine);
  const lies = contradictions(machine);
  if (lies.length > 0) return { tier: TIERS[0], reasons: lies };
  let tier = machine.tier;
  const reasons: string[] = [];
  for (const policy of TIER_POLICY) {
    const { value } = values[policy.name];
    // A device that stood higher before keeps its tier down to nine tenths of what it asks, and nobody else knows where it stood.
    const carries = tierOfMetric(value, policy, machine.tier) ?? TIERS[0];
    if (TIERS.indexOf(carries) >= TIERS.indexOf(machine.tier)) continue;
    tier = lowerTier(tier, carries);
    const shown = value === undefined ? "nothing published" : formatMetric(value, policy.unit);
    reasons.push(
      `${policy.label}: ${shown}; ${machine.tier} needs ${formatMetric(policy.thresholds[machine.tier], policy.unit)}.`,
    );
  }
  return { tier, reasons };
}

function publishedValues({
  facts,
  measured,
}: PublishedMachine): Readonly<Record<MetricName, { readonly value: number | undefined }>> {
  const figure = (name: string): { readonly value: number | undefined } => {
    const value = measured.find((candidate) => candidate.name === name)?.value;
    return { value: value === undefined ? undefined : Number(value) };
  };
  return {
    "cpu.effective-cores": { value: facts.effectiveMilliCpus },
    "cpu.sustained": figure("cpu.sustained"),
    "memory.usable": { value: Number(facts.memoryBytes) },
    "disk.free": { value: Number(facts.diskFreeBytes) },
    "disk.durable-writes": figure("disk.durable-writes"),
    "disk.random-read": figure("disk.random-read"),
  };
}

/** What cannot all be true of one machine. */
function contradictions({ facts, measured }: PublishedMachine): readonly string[] {
  const amountOf = (name: string): bigint | undefined => measured.find((figure) => figure.name === name)?.value;
  const found: string[] = [];
  const { logicalCpus, effectiveMilliCpus, memoryBytes, arch, diskKind, diskFreeBytes } = facts;
  if (effectiveMilliCpus > logicalCpus * 1000) found.push(`${effectiveMilliCpus / 1000} effective cores of ${logicalCpus}.`);
  if (memoryBytes > MOST.memoryBytes) found.push(`${memoryBytes} bytes of memory.`);
  if (/^mips/.test(arch)) found.push("A MIPS processor, for which there is no agent.");
  if (diskKind === "ram" && diskFreeBytes > memoryBytes) found.push("More disk in memory than there is memory.");
  const [single, all] = [amountOf("cpu.integer-1t"), amountOf("cpu.integer")];
  const threads = measured.find((figure) => figure.name === "cpu.integer")?.conditions.threads ?? logicalCpus;
  if (threads > 2 * logicalCpus) found.push(`${threads} threads measured on ${logicalCpus} CPUs.`);
  if ((single ?? (all ?? 0n) / BigInt(Math.max(1, threads))) > MOST.integerPerThread) found.push("A processor faster than any.");
  if (
    single !== undefined &&
    all !== undefined &&
    Number(all) > Number(single) * Math.min(threads, logicalCpus) * PARALLEL_SLACK
  ) {
    found.push(`All ${threads} threads together are more than ${threads} times as fast as one.`);
  }
  if ((amountOf("disk.durable-writes") ?? 0n) > MOST.durableWrites) found.push("A disk that writes faster than any.");
  if ((amountOf("disk.random-read") ?? 0n) > MOST.randomReads) found.push("A disk that reads faster than any.");
  if ((amountOf("cpu.sustained") ?? 0n) > 1_100n) found.push("A processor that gets faster the longer it runs.");
  return found.map((text) => `What it says of itself cannot be: ${text}`);
}
