import * as v from "valibot";
import { decodeToml, type Result, type TomlProblem } from "../base/index.ts";
import type { Tier, Usage } from "../protocol/index.ts";

const rate = v.pipe(v.number(), v.integer("a whole number of micro-points"), v.minValue(0), v.maxValue(1e12));
const weight = v.pipe(v.number(), v.integer("a whole number of millionths"), v.minValue(0), v.maxValue(1e9));

const policySchema = v.strictObject({
  version: v.pipe(v.number(), v.integer(), v.minValue(1)),
  weights: v.strictObject({ online: weight, work: weight }),
  usage: v.strictObject({ cpu_second: rate, memory_gib_second: rate, traffic_mb: rate, disk_gib_hour: rate }),
  bonus: v.strictObject({ measure: rate, store: rate, compute: rate }),
  online: v.strictObject({ Lite: rate, Normal: rate, Super: rate }),
});

/** A version of the rules by which work becomes contribution. */
export type Policy = v.InferOutput<typeof policySchema>;

/** Reads a policy file's text; each problem names the file, the line and the key. */
export function parsePolicy(text: string, fileName: string): Result<Policy, readonly TomlProblem[]> {
  return decodeToml(text, fileName, policySchema);
}

const MILLION = 1_000_000n;
const GIB = 2n ** 30n;

/** P_W by what was used: the four parts in micro-points, weighted by W_T, each rounded down. */
export interface WorkValue {
  readonly cpu: bigint;
  readonly memory: bigint;
  readonly traffic: bigint;
  readonly disk: bigint;
}

/** P_W(C, M, B, D) of a finished task. */
export function valueOfWork(usage: Usage, policy: Policy): WorkValue {
  const weigh = (amount: bigint, microPoints: number, per: bigint): bigint =>
    (amount * BigInt(microPoints) * BigInt(policy.weights.work)) / (per * MILLION);
  return {
    cpu: weigh(usage.cpuMicros, policy.usage.cpu_second, MILLION),
    memory: weigh(usage.memoryByteSeconds, policy.usage.memory_gib_second, GIB),
    traffic: weigh(usage.upBytes + usage.downBytes, policy.usage.traffic_mb, MILLION),
    disk: weigh(usage.diskByteSeconds, policy.usage.disk_gib_hour, GIB * 3600n),
  };
}

/** P_B of a finished task of a kind, in micro-points, weighted by W_T. Kinds that the policy does not know earn none. */
export function bonusOf(kind: string, policy: Policy): bigint {
  const rates: Readonly<Record<string, number>> = policy.bonus;
  const microPoints = Object.hasOwn(rates, kind) ? (rates[kind] ?? 0) : 0;
  return (BigInt(microPoints) * BigInt(policy.weights.work)) / MILLION;
}

/** P_O of a time online, in micro-points, weighted by W_O. */
export function valueOfPresence(durationMs: number, tier: Tier, policy: Policy): bigint {
  return (BigInt(durationMs) * BigInt(policy.online[tier]) * BigInt(policy.weights.online)) / (3_600_000n * MILLION);
}
