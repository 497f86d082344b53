import { concatBytes, oneLine } from "../base/index.ts";
import type { SandboxJob } from "./job.ts";
import { memoryPages } from "./job-limits.ts";
import { MAX_DETAIL_CHARACTERS, MAX_REPORT_BYTES, MAX_TABLE_ENTRIES } from "./limits.ts";

/** What comes out of a jail on the channel, one JSON object a line. */
export type ChannelMessage =
  /**
   * The runtime stands and waits for a job. `pid` is the runner's in its own namespace; `sees` are the probed paths that exist.
   */
  | { readonly kind: "ready"; readonly pid: number; readonly sees: readonly string[]; readonly interfaces: readonly string[] }
  | { readonly kind: "exited"; readonly exitCode: number; readonly stdoutBytes: number }
  | { readonly kind: "stopped"; readonly reason: RunnerReason; readonly detail: string }
  /** The runner's process is gone; 128 and a signal's number where that ended it. */
  | { readonly kind: "died"; readonly code: number };

/** The reasons that only the runner can know. */
export type RunnerReason = "trap" | "invalid-module" | "memory" | "output";

const NEW_LINE = 0x0a;
const RUNNER_REASONS: readonly string[] = ["trap", "invalid-module", "memory", "output"] satisfies RunnerReason[];

/**
 * The job as one frame: the length of a JSON header in four bytes (big-endian), the header, the module, standard input. The
 * module's name and all paths of this machine stay outside.
 */
export function encodeJob(job: SandboxJob): Uint8Array[] {
  const header = Buffer.from(
    JSON.stringify({
      args: ["module", ...job.args],
      seed: Buffer.from(job.seed).toString("hex"),
      epochSeconds: job.epochSeconds,
      outputBytes: job.limits.outputBytes,
      memoryPages: memoryPages(job),
      tableEntries: MAX_TABLE_ENTRIES,
      moduleBytes: job.module.length,
      stdinBytes: job.stdin.length,
    }),
  );
  const length = Buffer.alloc(4);
  length.writeUInt32BE(header.length);
  return [length, header, job.module, job.stdin];
}

/**
 * Cuts what a jail sends into messages. Answers `undefined` in place of a message for what is not one, or too long: the jail is
 * then not what it should be, and nothing after it is read.
 */
export function makeChannelReader(onMessage: (message: ChannelMessage | undefined) => void): (chunk: Uint8Array) => void {
  let held: Uint8Array = new Uint8Array();
  let isBroken = false;
  return (chunk) => {
    held = concatBytes(held, chunk);
    for (
      let end = held.indexOf(NEW_LINE);
      !isBroken && (end >= 0 || held.length > MAX_REPORT_BYTES);
      end = held.indexOf(NEW_LINE)
    ) {
      const message =
        end < 0 || end > MAX_REPORT_BYTES ? undefined : parseMessage(Buffer.from(held.subarray(0, end)).toString("utf8"));
      held = held.subarray(end + 1);
      isBroken = message === undefined;
      onMessage(message);
    }
    if (isBroken) held = new Uint8Array();
  };
}

/** One line of the channel, or undefined where it is not one. */
export function parseMessage(line: string): ChannelMessage | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const message = value as Readonly<Record<string, unknown>>;
  const { kind, pid, sees, interfaces, exitCode, stdoutBytes, reason, detail, code } = message;
  if (kind === "ready" && isCount(pid) && isNames(sees) && isNames(interfaces)) return { kind, pid, sees, interfaces };
  if (kind === "exited" && isCount(exitCode) && isCount(stdoutBytes)) return { kind, exitCode, stdoutBytes };
  if (kind === "stopped" && isRunnerReason(reason) && typeof detail === "string")
    return { kind, reason, detail: oneLine(detail, MAX_DETAIL_CHARACTERS) };
  if (kind === "died" && isCount(code)) return { kind, code };
  return undefined;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isNames(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((name) => typeof name === "string");
}

function isRunnerReason(value: unknown): value is RunnerReason {
  return typeof value === "string" && RUNNER_REASONS.includes(value);
}
