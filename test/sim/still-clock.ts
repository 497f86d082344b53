import type { Clock } from "../../base/index.ts";

/** A clock on which no time passes: sleeps end only by their signal, or when the test says that the time has passed. */
export function makeStillClock(): Clock & { readonly elapse: () => void } {
  const waiting: (() => void)[] = [];
  return {
    wallMs: () => 0,
    monotonicMs: () => 0,
    sleep: (_durationMs, signal) =>
      new Promise((resolve, reject) => {
        signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
        waiting.push(resolve);
      }),
    elapse: () => {
      for (const wake of waiting.splice(0)) wake();
    },
  };
}
