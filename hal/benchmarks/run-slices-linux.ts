import { on } from "node:events";
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { messageOf } from "../../base/index.ts";
import { MEASUREMENT_TIMEOUT_MS, SLICES } from "../limits.ts";
import { failed, found, type ProbeResult } from "../probe-result.ts";
import type { BenchmarkRun } from "./benchmark.ts";
import type { Slice, SliceMessage, SliceSetup, SliceTask } from "./slices.ts";

/** The slices of every worker, and what the first one found while preparing. */
export interface SliceResults {
  readonly slices: readonly (readonly Slice[])[];
  readonly setup: SliceSetup;
}

type Inbox = AsyncIterator<readonly [SliceMessage]>;

/**
 * Runs one worker thread a task through all slices at the same time. `onStart` is called when all are prepared. Rejects only with
 * the signal's reason; a thread that fails, dies or takes longer than MEASUREMENT_TIMEOUT_MS is the answer `failed`.
 */
export async function runSlices(
  tasks: readonly SliceTask[],
  run: BenchmarkRun & { readonly onStart?: () => Promise<void> },
): Promise<ProbeResult<SliceResults>> {
  run.signal?.throwIfAborted();
  const timeout = AbortSignal.timeout(MEASUREMENT_TIMEOUT_MS);
  const stop = run.signal === undefined ? timeout : AbortSignal.any([run.signal, timeout]);
  const workers = tasks.map(startWorker);
  try {
    const inboxes = workers.map((worker): Inbox => on(worker, "message", { signal: stop, close: ["exit"] }) as Inbox);
    const setups = await Promise.all(inboxes.map(takeReady));
    await run.onStart?.();
    for (const worker of workers) worker.postMessage("start");
    let done = 0;
    const onSlice = (): void => run.onProgress?.(++done / (tasks.length * SLICES));
    const slices = await Promise.all(inboxes.map((inbox) => takeSlices(inbox, onSlice)));
    return found({ slices, setup: setups[0] ?? {} });
  } catch (thrown) {
    run.signal?.throwIfAborted();
    if (timeout.aborted) return failed("timeout", `no result within ${MEASUREMENT_TIMEOUT_MS / 1000} s`);
    return thrown instanceof WorkerFailure ? failed(thrown.code, thrown.message) : failed("unreadable", messageOf(thrown));
  } finally {
    // Not waited for: a thread that hangs in the kernel (a dying disk) ends when the kernel lets it go.
    for (const worker of workers) void worker.terminate();
  }
}

/** What a worker said went wrong; never leaves this file. */
class WorkerFailure extends Error {
  readonly code: (SliceMessage & { kind: "failed" })["code"];

  constructor(code: WorkerFailure["code"], message: string) {
    super(message);
    this.code = code;
  }
}

/** The compiler does not rewrite names in strings, so the worker's extension is that of this file: .ts here, .js when built. */
function startWorker(task: SliceTask): Worker {
  const program = new URL(`./slice-worker-linux${extname(import.meta.url)}`, import.meta.url);
  return new Worker(program, {
    workerData: task,
    // The program's own flags (a debugger's port, a test runner's hooks) and environment are none of the worker's business.
    execArgv: ["--disable-warning=ExperimentalWarning"],
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 4 },
  });
}

async function take(inbox: Inbox): Promise<Exclude<SliceMessage, { kind: "failed" }>> {
  const next = await inbox.next();
  if (next.done === true) throw new WorkerFailure("unreadable", "the measuring thread died");
  const [message] = next.value;
  if (message.kind === "failed") throw new WorkerFailure(message.code, message.message);
  return message;
}

async function takeReady(inbox: Inbox): Promise<SliceSetup> {
  const message = await take(inbox);
  return message.kind === "ready" ? message.setup : {};
}

async function takeSlices(inbox: Inbox, onSlice: () => void): Promise<readonly Slice[]> {
  const slices: Slice[] = [];
  while (slices.length < SLICES) {
    const message = await take(inbox);
    if (message.kind !== "slice") continue;
    slices.push(message.slice);
    onSlice();
  }
  return slices;
}
