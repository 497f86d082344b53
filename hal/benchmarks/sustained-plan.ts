import { type Phase, ratesOf } from "./cpu-plan.ts";
import type { Slice } from "./crew.ts";
import type { Figure } from "./figure.ts";

const SLICE_MS = 200;
const SLICES_PER_SECOND = 1000 / SLICE_MS;
/** The best of so many seconds counts at either end, so that a single disturbed one does not decide. */
const SECONDS_AT_AN_END = 3;

/** The integer kernel on all threads without a pause. */
export function sustainedPhase(threads: number, sustainMs: number): Phase {
  const seconds = Math.max(2 * SECONDS_AT_AN_END, Math.round(sustainMs / 1000));
  const slices = seconds * SLICES_PER_SECOND;
  return { name: "cpu.sustained", work: "integer", threads, warmUpMs: 100, slices, sliceMs: SLICE_MS };
}

/** The last seconds against the first ones, in permille, at most 1000. Its slices are all seconds against the first ones. */
export function sustainedFrom(slices: readonly (readonly Slice[])[]): Omit<Figure, "durationMs" | "conditions"> {
  const rates = ratesOf("integer", slices);
  const seconds = Array.from({ length: Math.floor(rates.length / SLICES_PER_SECOND) }, (_, second) => {
    const own = rates.slice(second * SLICES_PER_SECOND, (second + 1) * SLICES_PER_SECOND);
    return own.reduce((sum, rate) => sum + rate, 0) / own.length;
  });
  const burst = Math.max(...seconds.slice(0, SECONDS_AT_AN_END));
  const permille = seconds.map((rate) => Math.round((rate / burst) * 1000));
  const value = Math.min(1000, Math.max(...permille.slice(-SECONDS_AT_AN_END)));
  const spreadPercent = Math.min(
    100,
    Math.round(((Math.max(...permille) - Math.min(...permille)) / Math.max(...permille)) * 100),
  );
  return { name: "cpu.sustained", version: 1, unit: "permille", value, slices: permille, spreadPercent };
}
