import { SLICE_MS, SLICES, WARM_UP_MS } from "../limits.ts";
import { CHECK_ROUNDS, CHECK_VALUE, type CpuKernel, makeCpuKernel } from "./cpu-kernel.ts";
import type { SlicePort } from "./slices.ts";

/** Rounds between two looks at the clock: half a millisecond on a fast core, some ten on the slowest. */
const CHUNK_ROUNDS = 250_000;

/** The work of one thread of the CPU measurement: warms up, waits for the others, then counts rounds in each slice. */
export async function runCpuSlices(port: SlicePort): Promise<void> {
  if (makeCpuKernel()(CHECK_ROUNDS, 1) !== CHECK_VALUE) return port.fail("malformed", "this CPU computes the kernel wrongly");
  const kernel = makeCpuKernel();
  runFor(kernel, WARM_UP_MS);
  await port.ready({});
  for (let slice = 0; slice < SLICES; slice++) port.slice(runFor(kernel, SLICE_MS));
}

function runFor(kernel: CpuKernel, durationMs: number): { readonly count: number; readonly elapsedMs: number } {
  const startMs = performance.now();
  let elapsedMs = 0;
  let count = 0;
  for (let seed = 1; elapsedMs < durationMs; elapsedMs = performance.now() - startMs) {
    seed = kernel(CHUNK_ROUNDS, seed);
    count += CHUNK_ROUNDS;
  }
  return { count, elapsedMs };
}
