import type { Clock } from "../base/index.ts";

/**
 * The bookkeeper's time: the system's at the start, carried on by the monotonic clock, and never before `floorMs` (the latest time that is
 * on disk). A clock that is stepped while it runs, or set back before a restart, cannot make honest work look impossible. Whole
 * milliseconds, and never before 1970.
 */
export function makeLedgerTime(clock: Clock, floorMs: number): Clock {
  const startMs = Math.max(clock.wallMs(), floorMs, 0);
  const startedAt = clock.monotonicMs();
  return { ...clock, wallMs: () => Math.round(startMs + (clock.monotonicMs() - startedAt)) };
}
