import { assert } from "../../base/index.ts";
import { decodeObject, encodeObject, type FailureReason, type Usage, type WireObject } from "../../protocol/index.ts";

/** The end of a task as it is journaled until its proof is settled: everything the proof says that only the run knows. */
export interface TaskOutcome {
  readonly result: "done" | "failed";
  readonly reason?: FailureReason;
  readonly detail?: string;
  readonly evidence: WireObject;
  readonly usage: Usage;
  readonly interval: { readonly bootCount: number; readonly fromMs: number; readonly toMs: number };
}

/** The bytes that the journal keeps. */
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
