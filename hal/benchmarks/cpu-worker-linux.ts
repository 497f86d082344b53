/** The program of a measuring thread. Only `crew-linux.ts` starts it. */
import { parentPort, workerData } from "node:worker_threads";
import { messageOf } from "../../base/index.ts";
import { makeWork, type Work, type WorkName } from "./cpu-works.ts";
import type { CrewMessage, CrewTask, Order, Slice } from "./crew.ts";

/** Rounds between two looks at the clock grow until they take this long, in milliseconds; they at most double each time. */
const CHUNK_MS = 1;

if (parentPort !== null) {
  const parent = parentPort;
  const { copyBytes } = workerData as CrewTask;
  const prepared = new Map<WorkName, PreparedWork>();
  const say = (message: CrewMessage): void => parent.postMessage(message);
  parent.on("message", (order: Order) => {
    try {
      const ready = prepared.get(order.work) ?? prepare(order.work, copyBytes);
      prepared.set(order.work, ready);
      if (ready === "wrong")
        return say({ kind: "failed", code: "malformed", message: `this CPU computes ${order.work} wrongly` });
      runFor(ready, order.warmUpMs);
      for (let slice = 0; slice < order.slices; slice++) say({ kind: "slice", slice: runFor(ready, order.sliceMs) });
    } catch (thrown) {
      say({ kind: "failed", code: "unreadable", message: messageOf(thrown) });
    }
  });
  say({ kind: "ready" });
}

type PreparedWork = { readonly work: Work; chunk: number } | "wrong";

function prepare(name: WorkName, copyBytes: number): PreparedWork {
  const work = makeWork(name, copyBytes);
  return work === undefined ? "wrong" : { work, chunk: 1 };
}

function runFor(ready: Exclude<PreparedWork, "wrong">, durationMs: number): Slice {
  const startMs = performance.now();
  let elapsedMs = 0;
  let rounds = 0;
  while (elapsedMs < durationMs) {
    ready.work.run(ready.chunk);
    rounds += ready.chunk;
    const nowMs = performance.now() - startMs;
    if (nowMs - elapsedMs < CHUNK_MS && ready.chunk < 2 ** 24) ready.chunk *= 2;
    elapsedMs = nowMs;
  }
  return { rounds, elapsedMs };
}
