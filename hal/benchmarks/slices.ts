import type { ProbeFailure } from "../probe-result.ts";

/** What a worker thread is asked to do. */
export type SliceTask = { readonly kind: "cpu" } | { readonly kind: "disk"; readonly directory: string };

/** How often something was done in one slice, and how long the slice really was. */
export interface Slice {
  readonly count: number;
  readonly elapsedMs: number;
}

/** What a worker knows only after its preparation. */
export interface SliceSetup {
  /** Whether the disk is written around the page cache. */
  readonly direct?: boolean;
}

/** What a worker says to the thread that started it. */
export type SliceMessage =
  | { readonly kind: "ready"; readonly setup: SliceSetup }
  | { readonly kind: "slice"; readonly slice: Slice }
  | { readonly kind: "failed"; readonly code: ProbeFailure["code"]; readonly message: string };

/** A worker's line to the thread that started it. */
export interface SlicePort {
  /** Says that the preparation is done; resolves when all workers are that far. */
  ready(setup: SliceSetup): Promise<void>;
  slice(slice: Slice): void;
  fail(code: ProbeFailure["code"], message: string): void;
}
