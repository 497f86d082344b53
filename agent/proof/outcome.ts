import { assert, messageOf } from "../../base/index.ts";
import {
  decodeObject,
  encodeObject,
  type FailureReason,
  MAX_MESSAGE_BYTES,
  NO_USAGE,
  type Usage,
  type WireObject,
} from "../../protocol/index.ts";

/** The end of a task as it is journaled until its proof is settled: everything the proof says that only the run knows. */
export interface TaskOutcome {
  readonly result: "done" | "failed";
  readonly reason?: FailureReason;
  readonly detail?: string;
  readonly evidence: WireObject;
  readonly usage: Usage;
  readonly interval: { readonly bootCount: number; readonly fromMs: number; readonly toMs: number };
}

/** What a proof says besides its evidence fits into this, in bytes. */
const CLAIMS_BYTES = 4_096;

/** Why an outcome cannot be journaled and proved as it is, a bug of the service that made it; undefined where it can. */
export function flawOf(outcome: TaskOutcome): string | undefined {
  try {
    const { length } = encodeOutcome(outcome);
    return length <= MAX_MESSAGE_BYTES - CLAIMS_BYTES ? undefined : `its evidence is too large for a proof: ${length} bytes`;
  } catch (thrown) {
    return `its evidence cannot be written: ${messageOf(thrown)}`;
  }
}

/** What is proved in place of an outcome that cannot be: that the work failed, and why. */
export function failedInstead(outcome: TaskOutcome, detail: string): TaskOutcome {
  return { result: "failed", reason: "internal", detail, evidence: {}, usage: NO_USAGE, interval: outcome.interval };
}

/** The bytes that the journal keeps. Throws a TypeError for values that no message may hold. */
export function encodeOutcome(outcome: TaskOutcome): Uint8Array {
  const usage: WireObject = { ...outcome.usage };
  return encodeObject({ ...outcome, usage, interval: { ...outcome.interval } });
}

/** What `encodeOutcome` wrote; the journal is our own, so anything else is a bug. */
export function decodeOutcome(bytes: Uint8Array): TaskOutcome {
  const decoded = decodeObject(bytes);
  assert(decoded.ok, "the journal holds an outcome that this version did not write");
  const { usage, interval, ...rest } = decoded.value as unknown as Omit<TaskOutcome, "usage"> & {
    usage: Record<string, number | bigint>;
  };
  const amounts = Object.fromEntries(Object.entries(usage).map(([name, value]) => [name, BigInt(value)]));
  return {
    ...rest,
    usage: amounts as unknown as Usage,
    interval: { bootCount: Number(interval.bootCount), fromMs: Number(interval.fromMs), toMs: Number(interval.toMs) },
  };
}
