import { ALWAYS_HIDDEN, type DetectNeeds, type DetectOptions, detectJails } from "./detect-linux.ts";
import { type Capability, type Isolation, type IsolationLevel, isIsolationEnough } from "./isolation.ts";
import { type JobOutcome, NO_PROCESS_USAGE, type SandboxJob } from "./job.ts";
import { readMachine } from "./machine-linux.ts";
import { runInJail } from "./run-linux.ts";

/** How one job is run. */
export interface RunOptions {
  readonly signal: AbortSignal;
  /** The weakest isolation that is enough. Where there is less, the job is not run. */
  readonly demand: IsolationLevel;
}

/** Runs strangers' modules. */
export interface Sandbox {
  /** The strongest isolation that was really obtained on this machine, and that every job gets. */
  readonly isolation: Isolation;
  /** What the machine has of `bwrap`, `unshare`, `prlimit` and `setpriv`, and why not. */
  readonly capabilities: readonly Capability[];
  /** What outputs may depend on besides the job: equal on two nodes that should agree bit for bit. At most 64 characters. */
  readonly engine: string;
  /** Runs one job; several may run at once. Never rejects for anything that a module does. */
  run(job: SandboxJob, options: RunOptions): Promise<JobOutcome>;
}

/** What a sandbox is made with. */
export interface SandboxOptions extends DetectOptions {
  /** Cores that an owner's share counts from. Default: those of this machine. */
  readonly cores?: number;
}

/**
 * Finds out what this machine gives to jail a runner with (tenths of a second, some seconds on a router), and answers a sandbox
 * that uses the strongest of it. Never rejects for a missing program.
 */
export async function makeSandbox(needs: DetectNeeds, options: SandboxOptions): Promise<Sandbox> {
  const { jail, idleMappedBytes, isolation, capabilities, runtime } = await detectJails(needs, options);
  const runNeeds = {
    jail,
    meterProcessTree: needs.meterProcessTree,
    cores: options.cores ?? readMachine().cores,
    hiddenPaths: [...ALWAYS_HIDDEN, ...options.hiddenPaths],
    ...(idleMappedBytes === undefined ? {} : { idleMappedBytes }),
  };
  return {
    isolation,
    capabilities,
    engine: runtime.engine,
    run: (job, { signal, demand }) => {
      if (isIsolationEnough(isolation.level, demand)) return runInJail(runNeeds, job, signal);
      const detail = `isolation of level ${demand} is demanded; this machine gives ${isolation.level} (${isolation.mechanism})`;
      return Promise.resolve({ kind: "stopped", reason: "isolation-lost", detail, usage: NO_PROCESS_USAGE, isolation });
    },
  };
}
