import type { ProbeResult } from "../probe-result.ts";
import type { Figure } from "./figure.ts";

/** How one measurement is watched and stopped. */
export interface BenchmarkRun {
  readonly signal?: AbortSignal;
  /** Told how much of it is done, from 0 to 1. */
  readonly onProgress?: (fraction: number) => void;
}

/**
 * Takes the measurements of one group without blocking the event loop. Rejects only with the signal's reason; whatever else goes
 * wrong is its answer.
 */
export type Benchmark<Task> = (task: Task, run: BenchmarkRun) => Promise<ProbeResult<readonly Figure[]>>;

/** What the CPU measurement is given. */
export interface CpuTask {
  readonly threads: number;
  /** What the process may use by affinity and quota, in thousandths of a core; undefined where unknown. */
  readonly effectiveMilliCpus: number | undefined;
  readonly budgetMs: number;
}

/** What the measurement of the lasting speed is given. */
export interface SustainedTask extends Omit<CpuTask, "budgetMs"> {
  readonly sustainMs: number;
}

/** What the memory measurement is given. */
export interface MemoryTask extends CpuTask {
  /** Memory that this process may take, in bytes; undefined where unknown. */
  readonly usableBytes: number | undefined;
  /** Bytes of all caches of the last level together; undefined where unknown. */
  readonly cacheBytes: number | undefined;
}

/** What the disk measurement is given. The directory must exist; nothing is left in it. */
export interface DiskTask {
  readonly directory: string;
  readonly budgetMs: number;
  /** Bytes that count as free there; undefined: what the file system says. */
  readonly freeBytes?: number;
}

/** What a measurement is given that needs nothing but time. */
export interface TimedTask {
  readonly budgetMs: number;
}

/** The measurements of a machine, one a group; what is missing is left out. */
export interface Benchmarks {
  readonly cpu: Benchmark<CpuTask>;
  /** Belongs to the group `cpu`, and is taken only of a machine that all the rest makes a Super one. */
  readonly sustained?: Benchmark<SustainedTask>;
  readonly memory: Benchmark<MemoryTask>;
  readonly disk: Benchmark<DiskTask>;
  readonly gpu?: Benchmark<TimedTask>;
  readonly bandwidth?: Benchmark<TimedTask>;
}
