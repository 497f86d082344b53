import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { MeterProcessTree, ProcessUsage } from "../../../base/index.ts";
import { type MeasureResult, NO_USAGE } from "../../../protocol/index.ts";
import { MAX_RUNNER_OUTPUT_BYTES, METER_INTERVAL_MS, RUNNER_EXIT_MS, RUNNER_GRACE_MS, RUNNER_HEAP_MIB } from "./limits.ts";
import type { RunEnding, RunHooks, RunJob, RunOutcome } from "./ports.ts";
import type { Job, RunnerAnswer, Traffic } from "./runner/job.ts";
import { parseRunnerWord } from "./runner-words.ts";

/** What running a job needs. */
export interface JobRunnerNeeds {
  readonly meter: MeterProcessTree;
  /** Where the child looks for ping(8). */
  readonly path: string | undefined;
  /** The program to run; the measuring child unless a test has another one. */
  readonly program?: URL;
}

/** The compiler does not rewrite file names in strings: a built agent finds `main.js` beside it, a checkout `main.ts`. */
const EXTENSION = import.meta.url.endsWith(".ts") ? ".ts" : ".js";

/**
 * Runs jobs in short-lived children of this Node: their times do not suffer from the agent's busy event loop, and what breaks
 * them does not break the agent. Each leads a process group of its own, which ends as a whole. CPU and memory are read from
 * outside, while the finished child still waits; traffic is counted by the child at its sockets: payloads of datagrams, what
 * TCP connections carried (TLS included, TCP and IP headers not), and for ping(8), which tells no more, packets with their
 * ICMP and IP headers.
 */
export function makeJobRunner(needs: JobRunnerNeeds): RunJob {
  const program = fileURLToPath(needs.program ?? new URL(`./runner/main${EXTENSION}`, import.meta.url));
  const flags = [`--max-old-space-size=${RUNNER_HEAP_MIB}`, "--disable-warning=ExperimentalWarning"];
  const env = { LC_ALL: "C", ...(needs.path === undefined ? {} : { PATH: needs.path }) };
  return async (job, hooks) => {
    if (hooks.signal.aborted) return nothingDone({ kind: "aborted" });
    const child = spawn(process.execPath, [...flags, program], {
      env,
      cwd: "/",
      detached: true,
      stdio: ["pipe", "pipe", "ignore"],
    });
    const closed = once(child, "close").then(
      () => undefined,
      () => undefined,
    );
    if (child.pid === undefined) {
      // It may have no streams either.
      await closed;
      return nothingDone({ kind: "broken", why: "the measuring process could not be started" });
    }
    for (const stream of [child.stdin, child.stdout]) stream.on("error", () => undefined);
    const meter = needs.meter(child.pid, { intervalMs: METER_INTERVAL_MS });
    const said = await converse(child, job, hooks, closed);
    const used = meter.stop();
    await dismiss(child, said.ending, closed);
    return { ending: said.ending, results: said.results, usage: usageOf(used, said.traffic) };
  };
}

type Child = ChildProcessByStdio<Writable, Readable, null>;
type Conversation = Omit<RunOutcome, "usage"> & { readonly traffic: Traffic };

const NO_TRAFFIC: Traffic = { upBytes: 0, downBytes: 0 };
const BABBLE: RunEnding = { kind: "broken", why: "the measuring process said what it never says" };

function nothingDone(ending: RunEnding): RunOutcome {
  return { ending, results: [], usage: NO_USAGE };
}

/** Hands the job over, answers the child's questions and takes its results, until it is done or has to be ended. */
async function converse(child: Child, job: Job, hooks: RunHooks, closed: Promise<void>): Promise<Conversation> {
  const results: MeasureResult[] = [];
  let traffic = NO_TRAFFIC;
  const over = Promise.withResolvers<RunEnding>();
  const timer = setTimeout(() => over.resolve({ kind: "wall-time" }), job.budgetMs + RUNNER_GRACE_MS);
  const onAbort = (): void => over.resolve({ kind: "aborted" });
  hooks.signal.addEventListener("abort", onAbort, { once: true });
  void closed.then(() => over.resolve({ kind: "broken", why: describeExit(child) }));
  const tell = (line: Job | RunnerAnswer): void => void child.stdin.write(`${JSON.stringify(line)}\n`);
  eachLine(child.stdout, (line) => {
    const word = line === undefined ? undefined : parseRunnerWord(line, job.method);
    if (word === undefined) return over.resolve(BABBLE);
    if (word.kind === "ask") {
      const refusal = hooks.refusalOf(word.addresses);
      return tell(refusal === undefined ? {} : { refusal });
    }
    traffic = word.traffic;
    const isComplete = results.length === job.targets.length;
    if (word.kind === "end") return over.resolve(isComplete ? { kind: "completed" } : BABBLE);
    if (isComplete) return over.resolve(BABBLE);
    results.push(word.result);
    hooks.onResult(results.length);
  });
  tell(job);
  const ending = await over.promise;
  clearTimeout(timer);
  hooks.signal.removeEventListener("abort", onAbort);
  child.stdout.removeAllListeners("data").resume();
  return { ending, results, traffic };
}

/** Calls back with each line of a stream, and with undefined once it is too much. */
function eachLine(stream: Readable, onLine: (line: string | undefined) => void): void {
  let room = MAX_RUNNER_OUTPUT_BYTES;
  let rest = "";
  stream.setEncoding("utf8").on("data", (text: string) => {
    room -= text.length;
    if (room < 0) return onLine(undefined);
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  });
}

/** Lets a child that is done leave by itself, ends any other one, and answers when it is gone. */
async function dismiss(child: Child, ending: RunEnding, closed: Promise<void>): Promise<void> {
  if (ending.kind !== "completed") killGroup(child);
  else child.stdin.end();
  const timer = setTimeout(() => killGroup(child), RUNNER_EXIT_MS);
  await closed;
  clearTimeout(timer);
}

function killGroup(child: Child): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // Nobody of the group is left.
  }
}

function describeExit(child: Child): string {
  const how = child.signalCode === null ? `code ${child.exitCode}` : child.signalCode;
  return `the measuring process ended early (${how})`;
}

function usageOf(used: ProcessUsage, traffic: Traffic): RunOutcome["usage"] {
  return {
    cpuMicros: used.cpuMicros,
    memoryByteSeconds: used.memoryByteSeconds,
    upBytes: BigInt(traffic.upBytes),
    downBytes: BigInt(traffic.downBytes),
    diskByteSeconds: 0n,
  };
}
