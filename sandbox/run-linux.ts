import type { MeterProcessTree, ProcessMeter, ProcessUsage } from "../base/index.ts";
import { type ChannelMessage, encodeJob } from "./channel.ts";
import { explainDeath, type JobEnd } from "./death.ts";
import { type JailedProcess, startJailed } from "./jailed-process-linux.ts";
import type { Jail } from "./jails/jail.ts";
import { type JobOutcome, NO_PROCESS_USAGE, refuseJob, type SandboxJob } from "./job.ts";
import { findBrokenLimit, mappedBytesFor, usageSince } from "./job-limits.ts";
import { MAX_STDERR_BYTES, START_TIMEOUT_MS, STDERR_TAIL_BYTES, TICK_MS } from "./limits.ts";
import { findIsolationGap, type OutsideView } from "./outside-view.ts";
import { runtimeFlags } from "./runtime.ts";
import { captureHead, captureTail } from "./stdio-capture.ts";
import { isOverShare } from "./throttle.ts";

/** What a run needs besides the job. */
export interface RunNeeds {
  readonly jail: Jail;
  readonly meterProcessTree: MeterProcessTree;
  readonly cores: number;
  /** Paths of the machine that a jail with a root of its own must not show. */
  readonly hiddenPaths: readonly string[];
  /** Bytes that the idle runtime has mapped writable in this jail; undefined where RLIMIT_DATA is not to be used. */
  readonly idleMappedBytes?: number;
  /** Called with the kernel's view of the idle runner, before it gets the job. */
  readonly onReady?: (view: OutsideView | undefined) => void;
}

/** Runs one job in one jail to its end. Never rejects. */
export function runInJail(needs: RunNeeds, job: SandboxJob, signal: AbortSignal): Promise<JobOutcome> {
  const refusal = signal.aborted ? { reason: "aborted" as const, detail: "aborted before it was started" } : refuseJob(job);
  if (refusal === undefined) return new Promise((resolve) => superviseJob(needs, job, signal, resolve));
  return Promise.resolve({ kind: "stopped", ...refusal, usage: NO_PROCESS_USAGE, isolation: needs.jail.isolation });
}

/** One job under way: whatever decides first how it ends, wins; the outcome is told when all its processes are gone. */
function superviseJob(needs: RunNeeds, job: SandboxJob, signal: AbortSignal, resolve: (outcome: JobOutcome) => void): void {
  const { isolation } = needs.jail;
  const stdout = captureHead(job.limits.outputBytes);
  const stderr = captureTail(STDERR_TAIL_BYTES, MAX_STDERR_BYTES);
  let end: JobEnd | undefined;
  let diedWith: { readonly code: number } | undefined;
  let watch: Watch | undefined;
  const decide = (how: JobEnd): void => {
    if (end !== undefined) return;
    // The meter has the last word, even over a module that says it is done.
    end = watch?.settle() ?? how;
    child.kill();
  };
  const stop = (reason: (JobEnd & { kind: "stopped" })["reason"], detail: string): void =>
    decide({ kind: "stopped", reason, detail });
  const onAbort = (): void => stop("aborted", "aborted while it ran");
  const startTimer = setTimeout(
    () => stop("internal", `the runtime was not ready after ${START_TIMEOUT_MS} ms`),
    START_TIMEOUT_MS,
  );
  const onMessage = (message: ChannelMessage | undefined): void => {
    if (message === undefined) stop("internal", "the runner sent what is not a message");
    else if (message.kind === "died") {
      // What it said last may still be on its way.
      diedWith = { code: message.code };
      child.kill();
    } else if (message.kind !== "ready") {
      if (watch === undefined) stop("internal", "the runner reported an end before it had a job");
      else decide(message);
    } else if (watch === undefined && meter !== undefined) {
      clearTimeout(startTimer);
      const gap = checkIsolation(needs, child, message);
      watch = watchJob(needs, job, { child, meter, decide });
      if (gap === undefined) child.send(encodeJob(job));
      else stop("isolation-lost", gap);
    }
  };
  const onClose = (how: { code?: number; signal?: string; error?: string }): void => {
    clearTimeout(startTimer);
    signal.removeEventListener("abort", onAbort);
    const broken = watch?.settle();
    // Where the jail said what the runner died of, the jail itself was killed by us.
    const death = { wasReady: watch !== undefined, level: isolation.level, ...(diedWith ?? how), stderr: stderr.bytes() };
    const final = checkComplete(end ?? broken ?? explainDeath(death), stdout.bytes().length);
    const rest = { usage: watch?.usage() ?? meter?.stop() ?? NO_PROCESS_USAGE, stdout: stdout.bytes(), isolation };
    if (final.kind === "stopped") resolve({ ...final, ...rest });
    else resolve({ kind: "exited", exitCode: final.exitCode, stderr: stderr.bytes(), ...rest });
  };
  const child = startJailed(needs.jail.command(describeProgram(needs, job)), {
    onStdout: (chunk) => {
      if (!stdout.take(chunk)) stop("output", `wrote more than ${job.limits.outputBytes} bytes`);
    },
    onStderr: (chunk) => {
      if (!stderr.take(chunk)) stop("output", `wrote more than ${MAX_STDERR_BYTES} bytes to standard error`);
    },
    onMessage,
    onClose,
  });
  const meter = child.pid === undefined ? undefined : needs.meterProcessTree(child.pid, { intervalMs: 1000 });
  signal.addEventListener("abort", onAbort, { once: true });
}

function describeProgram({ jail, hiddenPaths, idleMappedBytes }: RunNeeds, job: SandboxJob) {
  return {
    flags: runtimeFlags(job.limits.memoryBytes, !jail.watchParent),
    settings: { probe: jail.isolation.level === "namespaces" ? hiddenPaths : [], watchParent: jail.watchParent },
    cpuMs: job.limits.cpuMs,
    ...(idleMappedBytes === undefined ? {} : { mappedBytes: mappedBytesFor(job, idleMappedBytes) }),
  };
}

/** What is missing from the isolation that the jail promises. */
function checkIsolation(needs: RunNeeds, child: JailedProcess, ready: ChannelMessage & { kind: "ready" }): string | undefined {
  const view = child.look(ready.pid);
  needs.onReady?.(view);
  return needs.jail.isolation.level === "namespaces" ? findIsolationGap(ready, view) : undefined;
}

/** A result is one only with all of its output. */
function checkComplete(end: JobEnd, stdoutBytes: number): JobEnd {
  if (end.kind === "stopped" || end.stdoutBytes === stdoutBytes) return end;
  return { kind: "stopped", reason: "internal", detail: `${end.stdoutBytes} bytes were written and ${stdoutBytes} came` };
}

interface Watch {
  /** Takes the last reading, ends the timers, and says whether a limit was broken. */
  settle(): JobEnd | undefined;
  usage(): ProcessUsage;
}

/** Keeps a job to its limits of time and memory, and to its owner's share of the CPU, from now on. */
function watchJob(
  needs: RunNeeds,
  job: SandboxJob,
  {
    child,
    meter,
    decide,
  }: { readonly child: JailedProcess; readonly meter: ProcessMeter; readonly decide: (how: JobEnd) => void },
): Watch {
  const start = meter.read();
  const startedMs = performance.now();
  let isPaused = false;
  const tick = (): void => {
    const now = meter.read();
    const broken = findBrokenLimit(job, start, now);
    if (broken !== undefined) {
      decide(broken);
      return;
    }
    const { cpuMicros } = usageSince(start, now);
    const elapsedMs = performance.now() - startedMs;
    const isOver = isOverShare({ cpuMicros, elapsedMs, cpuShare: job.cpuShare, cores: needs.cores });
    if (isOver !== isPaused) child.pause(isOver);
    isPaused = isOver;
  };
  const ticker = setInterval(tick, TICK_MS);
  const { wallMs } = job.limits;
  const wall = setTimeout(() => decide({ kind: "stopped", reason: "wall-time", detail: `ran longer than ${wallMs} ms` }), wallMs);
  return {
    settle: () => {
      clearInterval(ticker);
      clearTimeout(wall);
      return findBrokenLimit(job, start, meter.stop());
    },
    usage: () => usageSince(start, meter.stop()),
  };
}
