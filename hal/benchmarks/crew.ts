import type { ProbeFailure } from "../probe-result.ts";
import type { WorkName } from "./cpu-works.ts";

/** What a measuring thread is started with. */
export interface CrewTask {
  /** Bytes that the work `copy` copies from, and those that it copies to, each; 0 where it is not asked for. */
  readonly copyBytes: number;
}

/** What a measuring thread is told to do next. */
export interface Order {
  readonly work: WorkName;
  /** Running before the first slice, until it is compiled and the caches are filled. */
  readonly warmUpMs: number;
  readonly slices: number;
  readonly sliceMs: number;
}

/** How many rounds were done in one slice, and how long the slice really was. */
export interface Slice {
  readonly rounds: number;
  readonly elapsedMs: number;
}

/** What a measuring thread says: once `ready`, then a `slice` for each slice of each order. */
export type CrewMessage =
  | { readonly kind: "ready" }
  | { readonly kind: "slice"; readonly slice: Slice }
  | { readonly kind: "failed"; readonly code: ProbeFailure["code"]; readonly message: string };
