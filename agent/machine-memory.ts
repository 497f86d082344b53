import { type Random, toHex } from "../base/index.ts";
import { FIGURE_GROUPS, type Measurements, type TierStanding } from "../hal/index.ts";
import type { AgentState } from "./state-store.ts";

/** Measurements are taken anew after about this long, in milliseconds: a tenth less or more, so that a fleet does not do it at once. */
const MEASURED_FOR_MS = 30 * 86_400_000;

/** A run that came to another tier is followed by one that agrees or does not after this long, in milliseconds. */
const SECOND_RUN_MS = 10 * 60_000;

/** What failed is tried again after about this long, in milliseconds: an endpoint that is away must not cost a device its days and its disk. */
const RETRY_MS = 6 * 3_600_000;

/** The measurements that count, and where they leave the node. */
export interface KeptMeasurements {
  /** What the machine was when they were taken, in words that are only compared. */
  readonly conditions: string;
  readonly measured: Measurements;
  readonly standing: TierStanding | undefined;
  /** Hash of the latest beacon before they began, as hexadecimal. */
  readonly measuredAfter: string | undefined;
}

type Saved = KeptMeasurements & { readonly atMs: number; readonly dueMs: number };

/** The measurements of an earlier run, and whether they still hold. */
export type RecalledMeasurements = KeptMeasurements & {
  readonly isDue: boolean;
  /** A group of them failed, such as on a disk that was full. */
  readonly hasFailed: boolean;
};

/**
 * The measurements of an earlier run, so that a restart need not load the machine again; undefined where there are none. They are due
 * again after a month, under other conditions, when a second run has to agree, some hours after one that failed, and when they claim to
 * come from the future (the clock was set, or somebody tries his luck).
 */
export function recallMeasurements(state: AgentState, conditions: string, nowMs: number): RecalledMeasurements | undefined {
  const text = state.meta.get("measured");
  if (typeof text !== "string") return undefined;
  try {
    const saved = JSON.parse(text) as Saved;
    if (!FIGURE_GROUPS.every((group) => saved.measured[group] !== undefined)) return undefined;
    const isDue = saved.conditions !== conditions || !(nowMs >= saved.atMs && nowMs < saved.dueMs);
    return { ...saved, isDue, hasFailed: hasFailure(saved.measured) };
  } catch {
    return undefined;
  }
}

/** Whether a group of measurements failed, which may go better the next time. */
export function hasFailure(measured: Measurements): boolean {
  return FIGURE_GROUPS.some((group) => measured[group].kind === "failed");
}

/** Keeps measurements until they are due again. */
export function rememberMeasurements(state: AgentState, kept: KeptMeasurements, nowMs: number, random: Random): void {
  const usualMs = hasFailure(kept.measured) ? RETRY_MS : MEASURED_FOR_MS;
  const holdsMs = kept.standing?.candidate === undefined ? usualMs * (0.9 + 0.2 * random.fraction()) : SECOND_RUN_MS;
  const saved: Saved = { ...kept, atMs: nowMs, dueMs: Math.round(nowMs + holdsMs) };
  state.transaction(() => state.meta.set("measured", JSON.stringify(saved)));
}

/** A beacon's hash as measurements keep it. */
export function beaconName(hash: Uint8Array | undefined): string | undefined {
  return hash === undefined ? undefined : toHex(hash);
}
