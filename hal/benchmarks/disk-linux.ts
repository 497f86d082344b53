import { on } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Worker } from "node:worker_threads";
import { messageOf } from "../../base/index.ts";
import { DISK_GRACE_MS } from "../limits.ts";
import { absent, failed, found, type ProbeResult } from "../probe-result.ts";
import type { Benchmark, BenchmarkRun, DiskTask } from "./benchmark.ts";
import { type DiskMessage, type DiskReport, type DiskSetup, type DiskSlice, diskFigures } from "./disk-report.ts";
import type { Figure } from "./figure.ts";
import { startMeasuringThread } from "./measuring-thread-linux.ts";

/**
 * Measures the disk under a directory in a thread of its own: sequential and random reads and writes, and durable writes with the
 * time that each takes. The file that it needs has no name, so nothing is left of it however this ends. Answers `absent` where too
 * little is free, and `failed` with what to do about it where the directory takes no file.
 */
export function makeDiskBenchmark(): Benchmark<DiskTask> {
  return async (task, run) => {
    run.signal?.throwIfAborted();
    const timeoutMs = task.budgetMs + DISK_GRACE_MS;
    const timeout = AbortSignal.timeout(timeoutMs);
    const stop = run.signal === undefined ? timeout : AbortSignal.any([run.signal, timeout]);
    let worker: Worker | undefined;
    try {
      worker = startMeasuringThread("disk-worker-linux", task);
      const inbox = on(worker, "message", { signal: stop, close: ["exit"] }) as AsyncIterable<readonly [DiskMessage]>;
      return await collect(inbox, run);
    } catch (thrown) {
      run.signal?.throwIfAborted();
      if (timeout.aborted)
        return failed("timeout", `the disk under ${task.directory} gave no result within ${timeoutMs / 1000} s`);
      return failed("unreadable", `cannot measure in ${task.directory}: ${messageOf(thrown)}`);
    } finally {
      // Its end closes the file. A thread that hangs in the kernel (a dying disk) ends when the kernel lets it go.
      if (worker !== undefined) await Promise.race([worker.terminate(), sleep(END_MS, undefined, { ref: false })]);
    }
  };
}

/** How long the end of the thread is waited for, in milliseconds. */
const END_MS = 100;

async function collect(inbox: AsyncIterable<readonly [DiskMessage]>, run: BenchmarkRun): Promise<ProbeResult<readonly Figure[]>> {
  const startMs = performance.now();
  const slices: DiskSlice[] = [];
  let setup: DiskSetup | undefined;
  for await (const [message] of inbox) {
    if (message.kind === "absent") return absent(message.why);
    if (message.kind === "failed") return failed(message.code, message.message);
    if (message.kind === "ready") setup = message.setup;
    if (message.kind === "slice") slices.push(message.slice);
    if (message.kind === "done" && setup !== undefined) {
      const durationMs = Math.round(performance.now() - startMs);
      const report: DiskReport = { setup, slices, writtenBytes: message.writtenBytes, durationMs };
      return found(diskFigures(report));
    }
    // Laying out the file counts as one slice.
    if (setup !== undefined) run.onProgress?.((1 + slices.length) / (1 + setup.slices));
  }
  return failed("unreadable", "the measuring thread died");
}
