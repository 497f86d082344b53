import { MAX_MESSAGE_BYTES, type Proof } from "../../protocol/index.ts";
import { TIME_SLACK_MS } from "../limits.ts";
import { type Finding, fails, HOLDS } from "./verifier.ts";

/**
 * The most that one task can have used by what it was asked to do, whatever the machine and however long the proof was on its way. It is
 * generous to slow machines; it is there so that no proof is worth more than its assignment justifies.
 */
export interface Ceiling {
  readonly wallMs: number;
  readonly cpuMicros: number;
  /** Resident bytes while it ran. */
  readonly memoryBytes: number;
  readonly upBytes: number;
  readonly downBytes: number;
}

/** Bytes that a task without a network of its own may still count: its assignment and its proof. */
export const MESSAGE_TRAFFIC_BYTES = 2 * MAX_MESSAGE_BYTES;

/** Whether the usage that a proof states stays below what its assignment can have taken. */
export function checkCeiling({ usage, interval }: Proof, ceiling: Ceiling): Finding {
  const ranMs = interval.toMs - interval.fromMs;
  if (ranMs > ceiling.wallMs) return fails("implausible-time", `it ran ${ranMs} ms; its assignment allows ${ceiling.wallMs} ms`);
  if (usage.cpuMicros > BigInt(ceiling.cpuMicros)) {
    return fails("implausible-cpu", `${usage.cpuMicros} µs of CPU, where its assignment takes at most ${ceiling.cpuMicros}`);
  }
  const byteSeconds = (BigInt(ceiling.memoryBytes) * BigInt(ranMs + TIME_SLACK_MS)) / 1000n;
  if (usage.memoryByteSeconds > byteSeconds) {
    return fails(
      "implausible-memory",
      `${usage.memoryByteSeconds} byte-seconds, where its assignment takes at most ${byteSeconds}`,
    );
  }
  for (const [way, bytes, most] of [
    ["sent", usage.upBytes, ceiling.upBytes],
    ["received", usage.downBytes, ceiling.downBytes],
  ] as const) {
    if (bytes > BigInt(most))
      return fails("implausible-bytes", `${bytes} bytes ${way}, where its assignment takes at most ${most}`);
  }
  return HOLDS;
}
