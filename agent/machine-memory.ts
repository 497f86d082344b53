import type { Measurements } from "../hal/index.ts";
import type { AgentState } from "./state-store.ts";

/** Measurements are taken anew after this long, in milliseconds. */
const MEASURED_FOR_MS = 30 * 86_400_000;

/**
 * The measurements of an earlier start, so that a restart need not load the machine again. Undefined where there are none, where they are
 * older than 30 days, were taken under other conditions, or claim to come from the future (the clock was set, or somebody tries his luck).
 */
export function recallMeasurements(state: AgentState, conditions: string, nowMs: number): Measurements | undefined {
  const text = state.meta.get("measured");
  if (typeof text !== "string") return undefined;
  try {
    const saved = JSON.parse(text) as { conditions: string; atMs: number; measured: Measurements };
    const ageMs = nowMs - saved.atMs;
    return saved.conditions === conditions && ageMs >= 0 && ageMs < MEASURED_FOR_MS ? saved.measured : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps measurements for the next start. One that failed, such as on a disk that was full, is tried again then: nothing is kept. */
export function rememberMeasurements(state: AgentState, conditions: string, nowMs: number, measured: Measurements): void {
  if (measured.cpu.kind === "failed" || measured.disk.kind === "failed") return;
  state.transaction(() => state.meta.set("measured", JSON.stringify({ conditions, atMs: nowMs, measured })));
}
