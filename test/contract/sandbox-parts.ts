/** What the tests of the sandbox build their sandboxes and jobs from. */
import { makeProgramRunner, meterProcessTree } from "../../base/index.ts";
import {
  type FindProgram,
  type JobOutcome,
  makeProgramFinder,
  makeSandbox,
  type Sandbox,
  type SandboxJob,
} from "../../sandbox/index.ts";

/** PATH of this test run. */
export const PATH = process.env["PATH"];

/** This machine's programs, but for some that it shall not have. */
export function findAllBut(hidden: readonly string[]): FindProgram {
  const find = makeProgramFinder(PATH);
  return (name) => (hidden.includes(name) ? undefined : find(name));
}

/** What sandboxes need, on a machine without some programs. */
export function sandboxNeeds(hidden: readonly string[]) {
  return { findProgram: findAllBut(hidden), runProgram: makeProgramRunner(PATH), meterProcessTree };
}

/** The sandbox of this machine, were some programs not there. */
export function makeSandboxWithout(hidden: readonly string[], cores?: number): Promise<Sandbox> {
  return makeSandbox(sandboxNeeds(hidden), { hiddenPaths: [], ...(cores === undefined ? {} : { cores }) });
}

/** A job with what a small module needs. */
export function makeJob(module: Uint8Array, changes: Partial<SandboxJob> = {}): SandboxJob {
  return {
    module,
    args: [],
    stdin: new Uint8Array(),
    seed: new Uint8Array(32).fill(7),
    epochSeconds: 1_700_000_000,
    limits: { wallMs: 60_000, cpuMs: 30_000, memoryBytes: 16 * 2 ** 20, outputBytes: 1_000_000 },
    ...changes,
  };
}

/** Runs a job with any isolation. */
export function run(sandbox: Sandbox, job: SandboxJob, signal = new AbortController().signal): Promise<JobOutcome> {
  return sandbox.run(job, { signal, demand: "process" });
}

/** `exited 0`, or `stopped` and why. */
export function endOf(outcome: JobOutcome): string {
  return outcome.kind === "exited" ? `exited ${outcome.exitCode}` : `stopped ${outcome.reason}`;
}
