/**
 * sandbox: runs one stranger's WASI preview 1 command in a jailed child process, under hard limits on wall time, CPU, memory and
 * output, and so that its output depends on nothing but the job. The agent computes with it, and the bookkeeper repeats a share
 * of the jobs with it. It uses the strongest isolation that the machine really gives (bubblewrap, else util-linux, else a plain
 * child process) and says which; where a job demands more, it is not run.
 */
export type { Detection, DetectNeeds, DetectOptions } from "./detect-linux.ts";
export { detectJails } from "./detect-linux.ts";
export { type Capability, ISOLATION_LEVELS, type Isolation, type IsolationLevel, isIsolationEnough } from "./isolation.ts";
export type { JobLimits, JobOutcome, SandboxJob, StopReason } from "./job.ts";
export { MAX_MODULE_BYTES, MAX_STDIN_BYTES, STDERR_TAIL_BYTES } from "./limits.ts";
export { type FindProgram, makeProgramFinder } from "./machine-linux.ts";
export { makeSandbox, type RunOptions, type Sandbox, type SandboxOptions } from "./sandbox.ts";
