import { writeFileSync } from "node:fs";
import { makeDiskBenchmark } from "../hal/benchmarks/disk-linux.ts";

/** Joins a control group (its cgroup.procs, where one is named), measures the disk under a directory, and prints the answer as JSON. */
const [directory = "", group = ""] = process.argv.slice(2);
if (group !== "") writeFileSync(group, String(process.pid));
// More than is free, so that only the disk itself says when it is full.
const result = await makeDiskBenchmark()({ directory, budgetMs: 4000, freeBytes: 1e12 }, {});
process.stdout.write(`${JSON.stringify(result)}\n`);
