import type { MemoryTask } from "./benchmark.ts";
import type { Phase } from "./cpu-plan.ts";

const MIB = 2 ** 20;

/** All buffers together: at least this, where memory allows, and at most. */
const MIN_WANTED_BYTES = 64 * MIB;
const MAX_WANTED_BYTES = 1024 * MIB;
/** Buffers are this often as large as the caches, so that next to nothing of one is still there when its turn comes again. */
const CACHES = 8;
/** Caches hold a part worth mentioning of buffers below this many of them. */
const FEW_CACHES = 2;
/** At most this part of what may be used. */
const MEMORY_SHARE = 1 / 8;
/** Copies between smaller buffers measure the cache. */
const MIN_THREAD_BYTES = 4 * MIB;

/** How memory is measured. */
export interface MemoryPlan {
  readonly phase: Phase;
  /** Bytes that one thread copies from, and those that it copies to, each. */
  readonly copyBytes: number;
  /** Whether the caches hold a good part of the buffers, because there is no memory for larger ones. */
  readonly isInCache: boolean;
}

/** Undefined where there is too little memory, or it is not known how much. */
export function planMemory(task: MemoryTask): MemoryPlan | undefined {
  const { threads, usableBytes, cacheBytes = 0, budgetMs } = task;
  if (usableBytes === undefined) return undefined;
  const wanted = Math.min(MAX_WANTED_BYTES, Math.max(MIN_WANTED_BYTES, cacheBytes * CACHES));
  const totalBytes = Math.min(wanted, usableBytes * MEMORY_SHARE);
  const copyBytes = Math.floor(totalBytes / 2 / threads / MIB) * MIB;
  if (copyBytes < MIN_THREAD_BYTES) return undefined;
  const sliceMs = Math.max(50, Math.min(150, Math.floor(budgetMs / 20)));
  return {
    phase: { name: "memory.copy", work: "copy", threads, warmUpMs: sliceMs, slices: 4, sliceMs },
    copyBytes,
    isInCache: copyBytes * 2 * threads < cacheBytes * FEW_CACHES,
  };
}
