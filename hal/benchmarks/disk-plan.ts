import {
  DISK_FILE_BYTES,
  DISK_FREE_SHARE,
  DISK_MIN_FILE_BYTES,
  DISK_ROUNDS,
  DISK_SMALL_BUDGET_MS,
  DISK_SMALL_FILE_BYTES,
} from "../limits.ts";

/** Bytes of one random access: a page, and what file systems and databases write at least. */
export const BLOCK_BYTES = 4096;

/** Bytes of one sequential access. */
export const CHUNK_BYTES = 1024 * 1024;

/** What a slice does to the file. Durable writes are each followed by fdatasync. */
export type DiskWork = "sequential-read" | "random-read" | "sequential-write" | "random-write" | "durable-writes";

/** Reads first, because every write slice ends with its data on the disk and the reads of the next round find it quiet. */
const ALL_WORK: readonly DiskWork[] = ["sequential-read", "random-read", "sequential-write", "random-write", "durable-writes"];

const SMALL_WORK: readonly DiskWork[] = ["random-read", "durable-writes"];

/** How a disk is measured within a time. */
export interface DiskPlan {
  /** Time for everything. A disk on which single accesses take long gets fewer rounds, at least one. */
  readonly budgetMs: number;
  /** Whole chunks. The file becomes smaller on a disk that cannot write it within `layoutMs`. */
  readonly fileBytes: number;
  /** Time for writing the file before anything is measured. */
  readonly layoutMs: number;
  /** In turns, so that a burst that a virtual disk allows, or a moment of a neighbour's work, does not fall upon one figure alone. */
  readonly rounds: number;
  readonly work: readonly DiskWork[];
  readonly sliceMs: number;
}

/** Share of the time for laying out the file, and for slices; the rest is for what ends late and for syncing between slices. */
const LAYOUT_SHARE = 0.2;
const SLICES_SHARE = 0.75;

/**
 * The plan for a time in milliseconds and the bytes that are free. Up to DISK_SMALL_BUDGET_MS only random reads and durable writes
 * are measured, on a smaller file. Undefined where a file of a DISK_FREE_SHAREth of the free bytes would be too small.
 */
export function planDisk(budgetMs: number, freeBytes: number): DiskPlan | undefined {
  const isSmall = budgetMs <= DISK_SMALL_BUDGET_MS;
  const wanted = Math.min(isSmall ? DISK_SMALL_FILE_BYTES : DISK_FILE_BYTES, freeBytes / DISK_FREE_SHARE);
  const fileBytes = Math.floor(wanted / CHUNK_BYTES) * CHUNK_BYTES;
  if (!(fileBytes >= DISK_MIN_FILE_BYTES)) return undefined;
  const work = isSmall ? SMALL_WORK : ALL_WORK;
  return {
    budgetMs,
    fileBytes,
    layoutMs: Math.floor(budgetMs * LAYOUT_SHARE),
    rounds: DISK_ROUNDS,
    work,
    sliceMs: Math.max(1, Math.floor((budgetMs * SLICES_SHARE) / (DISK_ROUNDS * work.length))),
  };
}

/**
 * Numbers below `count` in a scattered order that visits each once before it comes back: a linear congruential generator of full
 * period (Knuth, The Art of Computer Programming 3.2.1.2, theorem A) over the next power of two, leaving out what is too large.
 */
export function makeScatter(count: number): () => number {
  const mask = 2 ** Math.ceil(Math.log2(Math.max(2, count))) - 1;
  let state = 0;
  return () => {
    do state = (Math.imul(state, 1_664_525) + 1_013_904_223) & mask;
    while (state >= count);
    return state;
  };
}
