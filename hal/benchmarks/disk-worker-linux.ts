/** The program of the disk's measuring thread. Only `disk-linux.ts` starts it. */
import { statfsSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import type { DiskTask } from "./benchmark.ts";
import { runDiskPlan } from "./disk-phases-linux.ts";
import { planDisk } from "./disk-plan.ts";
import { type DiskMessage, explainDiskError } from "./disk-report.ts";
import { openScratchFile } from "./disk-scratch-linux.ts";

if (parentPort !== null) {
  const parent = parentPort;
  measure(workerData as DiskTask, (message) => parent.postMessage(message));
}

function measure(task: DiskTask, say: (message: DiskMessage) => void): void {
  const { directory, budgetMs } = task;
  try {
    const file = openScratchFile(directory);
    try {
      const freeBytes = task.freeBytes ?? readFreeBytes(directory);
      const plan = planDisk(budgetMs, freeBytes);
      if (plan !== undefined) return runDiskPlan(plan, file, say);
      say({ kind: "absent", why: `only ${Math.floor(freeBytes / 1e6)} MB are free in ${directory}, too few to measure with` });
    } finally {
      file.close();
    }
  } catch (thrown) {
    say({ kind: "failed", ...explainDiskError(thrown as NodeJS.ErrnoException, directory) });
  }
}

/** What a process without privileges may still use. */
function readFreeBytes(directory: string): number {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
}
