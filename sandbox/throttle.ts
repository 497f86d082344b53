/** What a job used so far, and what its owner allows. */
export interface ShareState {
  readonly cpuMicros: bigint;
  /** Since the job began, pauses included. */
  readonly elapsedMs: number;
  /** The owner's share of all cores, 0 to 1; undefined where there is no limit. */
  readonly cpuShare: number | undefined;
  readonly cores: number;
}

/**
 * A share of nothing would never let a job end, not even to be stopped by its own limits: it is taken as this share of one core.
 */
const SMALLEST_RATE = 0.01;

/**
 * Whether a job has to stand still until the clock has caught up with it. A module has one thread: where the share comes to a
 * whole core or more it is never paused.
 */
export function isOverShare({ cpuMicros, elapsedMs, cpuShare, cores }: ShareState): boolean {
  const rate = Math.max((cpuShare ?? 1) * cores, SMALLEST_RATE);
  return cpuShare !== undefined && rate < 1 && Number(cpuMicros) / 1000 > rate * elapsedMs;
}
