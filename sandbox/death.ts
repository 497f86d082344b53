import { oneLine } from "../base/index.ts";
import type { IsolationLevel } from "./isolation.ts";
import type { StopReason } from "./job.ts";
import { MAX_DETAIL_CHARACTERS } from "./limits.ts";

/** How a job came to its end. */
export type JobEnd =
  | { readonly kind: "exited"; readonly exitCode: number; readonly stdoutBytes: number }
  | { readonly kind: "stopped"; readonly reason: StopReason; readonly detail: string };

/** What is known of a runner that ended without a report, and that nobody here had told to end. */
export interface Death {
  /** Whether it had been ready to take a job. */
  readonly wasReady: boolean;
  readonly level: IsolationLevel;
  /** Exit code; 128 and the signal's number where a helper program passed that on. */
  readonly code?: number;
  readonly signal?: string;
  /** Why it could not be started. */
  readonly error?: string;
  /** The end of its standard error. */
  readonly stderr: Uint8Array;
}

const SIGNAL_NAMES: Readonly<Record<number, string>> = {
  4: "SIGILL",
  5: "SIGTRAP",
  6: "SIGABRT",
  9: "SIGKILL",
  11: "SIGSEGV",
  24: "SIGXCPU",
};

/** As much of its last words as fits beside ours. */
const WORDS_BYTES = 160;

/** What V8 prints before it gives up (V8::FatalProcessOutOfMemory), and what it then dies of. */
const OUT_OF_MEMORY = /out of memory|heap limit/i;
const V8_GIVES_UP: readonly (string | undefined)[] = ["SIGILL", "SIGTRAP", "SIGABRT"];

/** The likeliest reason for a runner's death. */
export function explainDeath({ wasReady, level, code, signal, error, stderr }: Death): JobEnd {
  const words = oneLine(Buffer.from(stderr.subarray(-WORDS_BYTES)).toString("utf8"), MAX_DETAIL_CHARACTERS);
  const ended = signal ?? (code === undefined ? undefined : SIGNAL_NAMES[code - 128]) ?? `exit code ${code}`;
  if (!wasReady) {
    // Out of processes or descriptors is for a moment; a program that is gone or cannot build its jail is not.
    const isForNow = error !== undefined && !/ENOENT|EACCES/.test(error);
    const reason = level === "namespaces" && !isForNow ? "isolation-lost" : "internal";
    return { kind: "stopped", reason, detail: `the jail did not start: ${error ?? (words === "" ? ended : words)}` };
  }
  if (ended === "SIGXCPU") return { kind: "stopped", reason: "cpu-time", detail: "used more CPU time than its limit" };
  if (V8_GIVES_UP.includes(ended) && OUT_OF_MEMORY.test(Buffer.from(stderr).toString("latin1"))) {
    return { kind: "stopped", reason: "memory", detail: "the engine ran out of memory" };
  }
  const hint = ended === "SIGKILL" ? " (not by us; perhaps by the system for want of memory)" : "";
  return { kind: "stopped", reason: "internal", detail: `the runner ended without a report: ${ended}${hint}` };
}
