/** The program of a measuring thread. Only `run-slices-linux.ts` starts it. */
import { once } from "node:events";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { messageOf } from "../../base/index.ts";
import { runCpuSlices } from "./cpu-slices-linux.ts";
import { runDiskSlices } from "./disk-slices-linux.ts";
import type { SliceMessage, SlicePort, SliceTask } from "./slices.ts";

if (parentPort !== null) await work(parentPort, workerData as SliceTask);

async function work(parent: MessagePort, task: SliceTask): Promise<void> {
  const say = (message: SliceMessage): void => parent.postMessage(message);
  const port: SlicePort = {
    ready: async (setup) => {
      const start = once(parent, "message");
      say({ kind: "ready", setup });
      await start;
    },
    slice: (slice) => say({ kind: "slice", slice }),
    fail: (code, message) => say({ kind: "failed", code, message }),
  };
  try {
    await (task.kind === "cpu" ? runCpuSlices(port) : runDiskSlices(port, task.directory));
  } catch (thrown) {
    port.fail("unreadable", messageOf(thrown));
  } finally {
    parent.close();
  }
}
