import type { Test } from "tap";

/** The seed of a randomised test, printed so that a failure can be played again: `SEED=123 tap FILE`. */
export function printedSeed(t: Test): number {
  const seed = Number(process.env["SEED"] ?? Date.now() % 2 ** 31);
  t.comment(`seed ${seed}`);
  return seed;
}
