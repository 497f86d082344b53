import { type Random, toHex } from "../base/index.ts";
import { FIGURE_GROUPS, type Measurements, type TierStanding } from "../hal/index.ts";
import type { AgentState } from "./state-store.ts";

/** Measurements are taken anew after about this long, in milliseconds: a tenth less or more, so that a fleet does not do it at once. */
const MEASURED_FOR_MS = 30 * 86_400_000;

/** A run that came to another tier is followed by one that agrees or does not after this long, in milliseconds. */
const SECOND_RUN_MS = 10 * 60_000;

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
export type RecalledMeasurements = KeptMeasurements & { readonly isDue: boolean };

/**
 * The measurements of an earlier run, so that a restart need not load the machine again; undefined where there are none. They are due
 * again after a month, under other conditions, when a second run has to agree, and when they claim to come from the future (the clock
 * was set, or somebody tries his luck).
 */
export function recallMeasurements(state: AgentState, conditions: string, nowMs: number): RecalledMeasurements | undefined {
  const text = state.meta.get("measured");
  if (typeof text !== "string") return undefined;
  try {
    const saved = JSON.parse(text) as Saved;
    if (!FIGURE_GROUPS.every((group) => saved.measured[group] !== undefined)) return undefined;
    const isDue = saved.conditions !== conditions || !(nowMs >= saved.atMs && nowMs < saved.dueMs);
    return { ...saved, isDue };
  } catch {
    return undefined;
  }
}

/** Keeps measurements for later. One that failed, such as on a disk that was full, is tried again: nothing is kept. */
export function rememberMeasurements(state: AgentState, kept: KeptMeasurements, nowMs: number, random: Random): void {
  if (FIGURE_GROUPS.some((group) => kept.measured[group].kind === "failed")) return;
  const holdsMs = kept.standing?.candidate === undefined ? MEASURED_FOR_MS * (0.9 + 0.2 * random.fraction()) : SECOND_RUN_MS;
  const saved: Saved = { ...kept, atMs: nowMs, dueMs: Math.round(nowMs + holdsMs) };
  state.transaction(() => state.meta.set("measured", JSON.stringify(saved)));
}

/** A beacon's hash as measurements keep it. */
export function beaconName(hash: Uint8Array | undefined): string | undefined {
  return hash === undefined ? undefined : toHex(hash);
}
