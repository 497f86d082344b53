import type { Clock } from "../../base/index.ts";

/** A clock whose time passes only when a test says so. */
export interface SteppingClock extends Clock {
  /** Lets time pass: every sleep that ends by then ends in its order, and what it sets off settles before the next one. */
  advance(durationMs: number): Promise<void>;
  /** Sets the wall clock, which nothing else moves but the passing of time. */
  setWall(wallMs: number): void;
  /** How many sleep. */
  readonly sleeping: number;
  /** The same time for a program that can be killed: after that none of its sleeps ends. */
  forProgram(): Clock & { kill(): void };
}

interface Sleeper {
  readonly atMs: number;
  readonly order: number;
  readonly wake: () => void;
}

/** Lets everything that is ready run: promises that are settled, and input and output that has ended. */
export async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

/** A clock that stands at `wallMs`, its monotonic side somewhere else, as on a real machine. */
export function makeSteppingClock(wallMs = 1_790_000_000_000): SteppingClock {
  let nowMs = 12_345;
  let wallOffsetMs = wallMs - nowMs;
  let order = 0;
  const sleepers = new Set<Sleeper>();

  const next = (untilMs: number): Sleeper | undefined => {
    let first: Sleeper | undefined;
    for (const each of sleepers) {
      const isEarlier = first === undefined || each.atMs < first.atMs || (each.atMs === first.atMs && each.order < first.order);
      if (each.atMs <= untilMs && isEarlier) first = each;
    }
    return first;
  };

  const sleep: Clock["sleep"] = (durationMs, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason);
      order += 1;
      const onAbort = (): void => {
        sleepers.delete(sleeper);
        reject(signal?.reason);
      };
      const wake = (): void => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      };
      const sleeper = { atMs: nowMs + Math.max(0, durationMs), order, wake };
      sleepers.add(sleeper);
      signal?.addEventListener("abort", onAbort, { once: true });
    });

  const clock: Clock = { wallMs: () => Math.round(nowMs + wallOffsetMs), monotonicMs: () => nowMs, sleep };
  return {
    ...clock,
    advance: async (durationMs) => {
      const untilMs = nowMs + durationMs;
      await settled();
      for (let sleeper = next(untilMs); sleeper !== undefined; sleeper = next(untilMs)) {
        sleepers.delete(sleeper);
        nowMs = Math.max(nowMs, sleeper.atMs);
        sleeper.wake();
        await settled();
      }
      nowMs = untilMs;
    },
    setWall: (to) => {
      wallOffsetMs = to - nowMs;
    },
    get sleeping() {
      return sleepers.size;
    },
    forProgram: () => {
      let isAlive = true;
      return {
        ...clock,
        sleep: (durationMs, signal) =>
          isAlive
            ? sleep(durationMs, signal).then(() => (isAlive ? undefined : new Promise<void>(() => undefined)))
            : new Promise(() => undefined),
        kill: () => {
          isAlive = false;
        },
      };
    },
  };
}
