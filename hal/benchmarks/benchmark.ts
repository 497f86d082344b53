import type { ProbeResult } from "../probe-result.ts";
import type { CpuFigure, DiskFigure } from "./figure.ts";

/** How one measurement is watched and stopped. */
export interface BenchmarkRun {
  readonly signal?: AbortSignal;
  /** Told how much of it is done, from 0 to 1. */
  readonly onProgress?: (fraction: number) => void;
}

/**
 * Takes one measurement without blocking the event loop. Rejects only with the signal's reason; whatever else goes wrong is its
 * answer.
 */
export type Benchmark<Task, Result> = (task: Task, run: BenchmarkRun) => Promise<ProbeResult<Result>>;

export type CpuBenchmark = Benchmark<{ readonly threads: number }, CpuFigure>;

/** The directory must exist; nothing is left in it. */
export type DiskBenchmark = Benchmark<{ readonly directory: string }, DiskFigure>;
