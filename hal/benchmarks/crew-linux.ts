import { on } from "node:events";
import { setImmediate as aTurn } from "node:timers/promises";
import type { Worker } from "node:worker_threads";
import { messageOf } from "../../base/index.ts";
import { failed, found, type ProbeFailure, type ProbeResult } from "../probe-result.ts";
import type { CrewMessage, CrewTask, Order, Slice } from "./crew.ts";
import { startMeasuringThread } from "./measuring-thread-linux.ts";

type Inbox = AsyncIterator<readonly [CrewMessage]>;

/** Threads that measure together. */
export interface Crew {
  /**
   * The first `threads` of them carry out an order at the same time; `onSlice` hears of each slice of the first one. Answers the
   * slices of every thread, and rejects where one fails.
   */
  run(order: Order, threads: number, onSlice: () => void): Promise<readonly (readonly Slice[])[]>;
}

/** How many threads there are, what they are started with, and when they are given up. */
export interface CrewOptions extends CrewTask {
  readonly threads: number;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Starts threads, lets `use` set them to work and ends them. Rejects only with the signal's reason, at once; a thread that fails,
 * dies or has no result in time is the answer `failed`.
 */
export async function withCrew<Value>(options: CrewOptions, use: (crew: Crew) => Promise<Value>): Promise<ProbeResult<Value>> {
  const { threads, copyBytes, timeoutMs, signal } = options;
  signal?.throwIfAborted();
  const timeout = AbortSignal.timeout(timeoutMs);
  const stop = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
  const workers: Worker[] = [];
  try {
    const inboxes: Inbox[] = [];
    for (let thread = 0; thread < threads; thread++) {
      const worker = startMeasuringThread("cpu-worker-linux", { copyBytes } satisfies CrewTask);
      workers.push(worker);
      inboxes.push(on(worker, "message", { signal: stop, close: ["exit"] }) as Inbox);
      // What else runs here is not to wait until all of them are started.
      await aTurn();
    }
    await Promise.all(inboxes.map(take));
    const value = await use({
      run: async (order, wanted, onSlice) => {
        for (const worker of workers.slice(0, wanted)) worker.postMessage(order);
        return Promise.all(
          inboxes.slice(0, wanted).map((inbox, index) => takeSlices(inbox, order.slices, index === 0 && onSlice)),
        );
      },
    });
    signal?.throwIfAborted();
    return found(value);
  } catch (thrown) {
    signal?.throwIfAborted();
    if (timeout.aborted) return failed("timeout", `the measuring threads had no result within ${timeoutMs / 1000} s`);
    return thrown instanceof CrewFailure ? failed(thrown.code, thrown.message) : failed("unreadable", messageOf(thrown));
  } finally {
    for (const worker of workers) void worker.terminate();
  }
}

/** What a thread said went wrong; never leaves this file. */
class CrewFailure extends Error {
  readonly code: ProbeFailure["code"];

  constructor(code: ProbeFailure["code"], message: string) {
    super(message);
    this.code = code;
  }
}

async function take(inbox: Inbox): Promise<Exclude<CrewMessage, { kind: "failed" }>> {
  const next = await inbox.next();
  if (next.done === true) throw new CrewFailure("unreadable", "a measuring thread died");
  const [message] = next.value;
  if (message.kind === "failed") throw new CrewFailure(message.code, message.message);
  return message;
}

async function takeSlices(inbox: Inbox, count: number, onSlice: (() => void) | false): Promise<readonly Slice[]> {
  const slices: Slice[] = [];
  while (slices.length < count) {
    const message = await take(inbox);
    if (message.kind !== "slice") continue;
    slices.push(message.slice);
    if (onSlice !== false) onSlice();
  }
  return slices;
}
