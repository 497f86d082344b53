import { found } from "../probe-result.ts";
import type { DiskBenchmark } from "./benchmark.ts";
import { BLOCK_BYTES, FILE_BYTES } from "./disk-slices-linux.ts";
import { bestOf } from "./figure.ts";
import { runSlices } from "./run-slices-linux.ts";

/** Measures how many durable writes a second the disk under a directory takes; about a second. */
export function makeDiskBenchmark(): DiskBenchmark {
  return async ({ directory }, run) => {
    let startMs = performance.now();
    const onStart = async (): Promise<void> => {
      startMs = performance.now();
    };
    const results = await runSlices([{ kind: "disk", directory }], { ...run, onStart });
    if (results.kind !== "found") return results;
    const { slices, setup } = results.value;
    return found({
      name: "disk.durable-writes",
      version: 1,
      unit: "writes/s",
      ...bestOf((slices[0] ?? []).map(({ count, elapsedMs }) => (count / elapsedMs) * 1000)),
      durationMs: Math.round(performance.now() - startMs),
      conditions: { blockBytes: BLOCK_BYTES, fileBytes: FILE_BYTES, direct: setup.direct ?? false },
    });
  };
}
