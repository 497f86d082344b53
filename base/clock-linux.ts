import { setTimeout as sleepMs } from "node:timers/promises";
import type { Clock } from "./clock.ts";

/** The clock of this machine. */
export function makeSystemClock(): Clock {
  return {
    wallMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    sleep: (durationMs, signal) => sleepMs(durationMs, undefined, signal === undefined ? {} : { signal }),
  };
}
