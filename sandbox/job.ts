import type { ProcessUsage } from "../base/index.ts";
import type { Isolation } from "./isolation.ts";
import { MAX_ARGS_BYTES, MAX_MODULE_BYTES, MAX_STDIN_BYTES, PAGE_BYTES } from "./limits.ts";

/** One run of one WASI preview 1 command. */
export interface SandboxJob {
  /** The module in the WebAssembly binary format. */
  readonly module: Uint8Array;
  /** What follows the program's name in argv; the name itself is always `module`. */
  readonly args: readonly string[];
  readonly stdin: Uint8Array;
  /** 32 bytes that the module's random numbers are drawn from. */
  readonly seed: Uint8Array;
  /** Where all of the module's clocks stand, in seconds since 1970. */
  readonly epochSeconds: number;
  readonly limits: JobLimits;
  /** The owner's share of all cores, 0 to 1: a module that would use more is paused in between. Absent: no such limit. */
  readonly cpuShare?: number;
}

/** Counted from when the runtime is ready and the module is handed over. */
export interface JobLimits {
  readonly wallMs: number;
  readonly cpuMs: number;
  /** Linear memory, in bytes; whole pages of 64 KiB count. */
  readonly memoryBytes: number;
  /** Standard output, in bytes. */
  readonly outputBytes: number;
}

/** Why a module did not end by itself. */
export type StopReason =
  | "wall-time"
  | "cpu-time"
  | "memory"
  | "output"
  | "trap"
  | "invalid-module"
  | "aborted"
  | "isolation-lost"
  | "internal";

/** How a run ended. Only `exited` is a result that two nodes can agree on. */
export type JobOutcome =
  | {
      readonly kind: "exited";
      readonly exitCode: number;
      readonly stdout: Uint8Array;
      /** The last bytes of standard error. */
      readonly stderr: Uint8Array;
      /** CPU and byte-seconds of the job, without the start of its runtime; the peak is with it. */
      readonly usage: ProcessUsage;
      readonly isolation: Isolation;
    }
  | {
      readonly kind: "stopped";
      readonly reason: StopReason;
      /** A sentence for people. */
      readonly detail: string;
      readonly usage: ProcessUsage;
      /** What had been written when it was stopped; where it was cut depends on the moment. */
      readonly stdout?: Uint8Array;
      readonly isolation: Isolation;
    };

/** Usage of nothing. */
export const NO_PROCESS_USAGE: ProcessUsage = { cpuMicros: 0n, memoryByteSeconds: 0n, peakMemoryBytes: 0n };

/** What keeps a job from being started at all, or undefined. */
export function refuseJob(job: SandboxJob): { readonly reason: StopReason; readonly detail: string } | undefined {
  const tooLarge = (what: string, bytes: number, max: number) => `${what} of ${bytes} bytes is over the limit of ${max}`;
  if (job.module.length > MAX_MODULE_BYTES) {
    return { reason: "invalid-module", detail: tooLarge("a module", job.module.length, MAX_MODULE_BYTES) };
  }
  if (job.limits.memoryBytes < PAGE_BYTES)
    return { reason: "memory", detail: `the limit is below one page of ${PAGE_BYTES} bytes` };
  if (job.stdin.length > MAX_STDIN_BYTES) {
    return { reason: "internal", detail: tooLarge("standard input", job.stdin.length, MAX_STDIN_BYTES) };
  }
  const argsBytes = job.args.reduce((sum, arg) => sum + Buffer.byteLength(arg) + 1, 0);
  if (argsBytes > MAX_ARGS_BYTES) return { reason: "internal", detail: tooLarge("arguments", argsBytes, MAX_ARGS_BYTES) };
  if (job.seed.length !== 32) return { reason: "internal", detail: "a seed has 32 bytes" };
  return undefined;
}
