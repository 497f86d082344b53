/** Microseconds on the clock that never jumps (CLOCK_MONOTONIC); only differences mean something. */
export function microsNow(): number {
  return Number(process.hrtime.bigint() / 1000n);
}
