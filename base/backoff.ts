import type { Random } from "./random.ts";

/** How long to wait between attempts: doubling from `baseMs` to `capMs`. */
export interface BackoffShape {
  readonly baseMs: number;
  readonly capMs: number;
}

/**
 * The wait before attempt number `attempt` (0 for the first retry), in milliseconds. The upper half of the wait is random, so
 * that ten thousand boxes that lost one broker do not come back in the same second.
 */
export function backoffMs(attempt: number, shape: BackoffShape, random: Random): number {
  const ceiling = Math.min(shape.capMs, shape.baseMs * 2 ** Math.min(attempt, 32));
  return Math.round(ceiling / 2 + (ceiling / 2) * random.fraction());
}
