/** Counting what arrives, and which part of it says how fast the link is. */

import { SAMPLE_MS } from "./limits.ts";
import type { Count } from "./protocol.ts";
import { RESULT_SLICES } from "./protocol.ts";

/** What had arrived at a moment; both count from the first byte's arrival. */
export interface Sample {
  readonly atMs: number;
  readonly bytes: number;
}

/** Counts the bytes of all streams of one direction. */
export interface Tally {
  readonly bytes: number;
  /** Counts bytes at a moment of a clock that never jumps. Moments do not go back. */
  add(bytes: number, nowMs: number): void;
  /** What counts, where the first stream ended, or time was up, at this moment. */
  finish(nowMs: number): Count;
}

/** A tally that notes at most one sample every SAMPLE_MS, so that ten seconds are at most a thousand. */
export function makeTally(): Tally {
  const samples: Sample[] = [];
  let startMs: number | undefined;
  let bytes = 0;
  return {
    get bytes() {
      return bytes;
    },
    add: (more, nowMs) => {
      // The first arrival starts the clock and is not counted: nobody knows when its bytes began to come.
      if (startMs === undefined) {
        startMs = nowMs;
        samples.push({ atMs: 0, bytes: more });
      }
      bytes += more;
      const atMs = nowMs - startMs;
      if (atMs >= (samples.at(-1)?.atMs ?? 0) + SAMPLE_MS) samples.push({ atMs, bytes });
    },
    finish: (nowMs) => {
      const last = { atMs: startMs === undefined ? 0 : nowMs - startMs, bytes };
      return countSamples([...samples, last]);
    },
  };
}

/** How much of the time, from its start, is not counted: TCP is still finding the rate, and a shaper's bucket is still full. */
const START_FRACTION = 0.25;

/**
 * What the samples of one direction say. The first quarter of the time is the start and does not count; what is left is divided into
 * five slices. Samples are in order of time.
 */
export function countSamples(samples: readonly Sample[]): Count {
  const last = samples.at(-1) ?? { atMs: 0, bytes: 0 };
  const total = { totalBytes: last.bytes, totalUs: Math.round(last.atMs * 1000) };
  const fromMs = last.atMs * START_FRACTION;
  const lengthMs = last.atMs - fromMs;
  if (lengthMs <= 0) return { ...total, countedBytes: 0, countedUs: 0, slices: [] };
  const slices = Array.from({ length: RESULT_SLICES }, (_, index) => {
    const bytes =
      bytesAt(samples, fromMs + ((index + 1) * lengthMs) / RESULT_SLICES) -
      bytesAt(samples, fromMs + (index * lengthMs) / RESULT_SLICES);
    return Math.round((bytes * 8) / (lengthMs / RESULT_SLICES));
  });
  return {
    ...total,
    countedBytes: Math.round(last.bytes - bytesAt(samples, fromMs)),
    countedUs: Math.round(lengthMs * 1000),
    slices,
  };
}

/** Goodput in kbit/s; 0 where nothing was counted. */
export function kilobitsPerSecond(count: Count): number {
  return count.countedUs === 0 ? 0 : Math.round((count.countedBytes * 8_000) / count.countedUs);
}

/** What had arrived by a moment, on a straight line between the samples around it. */
function bytesAt(samples: readonly Sample[], atMs: number): number {
  const index = samples.findIndex((sample) => sample.atMs >= atMs);
  const after = samples[index] ?? samples.at(-1);
  const before = samples[index - 1];
  if (after === undefined) return 0;
  if (before === undefined || after.atMs === before.atMs) return after.bytes;
  return before.bytes + ((after.bytes - before.bytes) * (atMs - before.atMs)) / (after.atMs - before.atMs);
}

/** The middle of some values, rounded; undefined where there is none. */
export function medianOf(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = sorted[Math.floor(sorted.length / 2)];
  return middle === undefined ? undefined : Math.round(middle);
}

/** Medians of up to five runs of values in their order. */
export function medianSlices(values: readonly number[]): readonly number[] {
  const slices = Math.min(RESULT_SLICES, values.length);
  return Array.from({ length: slices }, (_, index) => {
    const part = values.slice(Math.floor((index * values.length) / slices), Math.floor(((index + 1) * values.length) / slices));
    return medianOf(part) ?? 0;
  });
}
