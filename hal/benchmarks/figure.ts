/**
 * What a measurement gives: one whole number with a unit, how far apart its slices were, and the conditions under which it was
 * taken. Figures of different versions are not comparable.
 */
export interface Figure<Name extends string, Unit extends string, Conditions> {
  readonly name: Name;
  /** Raised whenever the kernel, the block size or the way of counting changes. */
  readonly version: number;
  /** The best slice, rounded down. A neighbour can only make a slice slower, so the best one is the nearest to the truth. */
  readonly value: number;
  readonly unit: Unit;
  /** Every slice in the order taken, in the same unit. */
  readonly slices: readonly number[];
  /** How much slower the worst slice was than the best, in percent. */
  readonly spreadPercent: number;
  readonly durationMs: number;
  readonly conditions: Conditions;
}

/** Rounds of the integer kernel on all threads together. */
export type CpuFigure = Figure<
  "cpu.integer",
  "Mop/s",
  {
    readonly threads: number;
    /** CPU time that really arrived, in thousandths of a core, over the whole measurement and all threads. */
    readonly gotMilliCpus: number;
    /** What other programs used meanwhile, in thousandths of a core; undefined where unknown. */
    readonly othersMilliCpus: number | undefined;
    /** Time that the hypervisor took while something here wanted to run, in thousandths of all time; undefined where unknown. */
    readonly stealPermille: number | undefined;
  }
>;

/** 4 KiB writes at scattered places of a file, each on stable storage before the next one starts. */
export type DiskFigure = Figure<
  "disk.durable-writes",
  "writes/s",
  {
    readonly blockBytes: number;
    readonly fileBytes: number;
    /** Whether the writes went around the page cache; either way each is followed by fdatasync. */
    readonly direct: boolean;
  }
>;

/** The best of some slices and their spread; zero of both where there is none. */
export function bestOf(rates: readonly number[]): {
  readonly value: number;
  readonly slices: readonly number[];
  readonly spreadPercent: number;
} {
  const slices = rates.map(Math.floor);
  const value = Math.max(0, ...slices);
  const worst = Math.min(value, ...slices);
  return { value, slices, spreadPercent: value === 0 ? 0 : Math.round(((value - worst) / value) * 100) };
}
