import { writeSync } from "node:fs";
import { makeDiskBenchmark } from "../../../hal/benchmarks/disk-linux.ts";

/** Measures the disk under a directory again and again, and prints a line for each step. */
const [directory = ""] = process.argv.slice(2);
for (;;) {
  const result = await makeDiskBenchmark()(
    { directory, budgetMs: 1500 },
    { onProgress: (fraction) => writeSync(1, `${fraction}\n`) },
  );
  if (result.kind !== "found") throw new Error(JSON.stringify(result));
}
