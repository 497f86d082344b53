import { extname } from "node:path";
import { Worker } from "node:worker_threads";

/**
 * Starts a measuring thread: `cpu-worker-linux` or `disk-worker-linux`, with what it is to do. The compiler does not rewrite names in
 * strings, so the program's extension is that of this file: .ts here, .js when built.
 */
export function startMeasuringThread(name: "cpu-worker-linux" | "disk-worker-linux", task: object): Worker {
  const worker = new Worker(new URL(`./${name}${extname(import.meta.url)}`, import.meta.url), {
    workerData: task,
    // The program's own flags (a debugger's port, a test runner's hooks) and environment are none of the thread's business.
    execArgv: ["--disable-warning=ExperimentalWarning"],
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 4 },
  });
  // Errors reach whoever listens for messages; one that comes after nobody does must not end the program.
  worker.on("error", () => undefined);
  return worker;
}
