import type { MeterProcessTree, RunProgram } from "../base/index.ts";
import type { Capability, Isolation } from "./isolation.ts";
import { makeBubblewrapJail } from "./jails/bubblewrap.ts";
import { makeChildProcessJail } from "./jails/child-process.ts";
import type { Jail } from "./jails/jail.ts";
import { makeUnshareJail, UNSHARE_PROGRAMS } from "./jails/unshare.ts";
import type { SandboxJob } from "./job.ts";
import { PAGE_BYTES } from "./limits.ts";
import { type FindProgram, findRuntime, type Machine, readMachine } from "./machine-linux.ts";
import { runInJail } from "./run-linux.ts";
import type { Runtime } from "./runtime.ts";

/** What detection needs. */
export interface DetectNeeds {
  readonly findProgram: FindProgram;
  readonly runProgram: RunProgram;
  readonly meterProcessTree: MeterProcessTree;
}

/** What a jail has to hide besides what every jail hides. */
export interface DetectOptions {
  /** The state directories of the programs on this machine: their keys are in there. */
  readonly hiddenPaths: readonly string[];
}

/** A jail that did once what it promises. */
export interface ProvenJail {
  readonly jail: Jail;
  /** Bytes that the idle runtime has mapped writable in it; absent where RLIMIT_DATA cannot be set. */
  readonly idleMappedBytes?: number;
}

/** What this machine has. */
export interface Detection extends ProvenJail {
  /** The strongest isolation that was really obtained. */
  readonly isolation: Isolation;
  /**
   * `bwrap`, `unshare`, `prlimit` and `setpriv`, each with why it is not available; `node` where nothing at all could be started.
   */
  readonly capabilities: readonly Capability[];
  readonly runtime: Runtime;
}

/** Paths that every Linux has and that no jail with a root of its own may show. */
export const ALWAYS_HIDDEN = ["/etc/passwd", "/etc/hostname", "/var/lib", "/usr/share", "/proc/self", "/sys/class", "/dev/mem"];

/** A command that does nothing: (module (memory (export "memory") 1) (func (export "_start"))). */
const IDLE_MODULE =
  "0061736d0100000001040160000003020100050301000107130206" + "6d656d6f7279" + "0200" + "06" + "5f7374617274" + "00000a040102000b";

interface Mechanism {
  readonly name: string;
  /** Why there is nothing to try; undefined where there is. */
  readonly missing: string | undefined;
  /** From the best to the least that can be made of it. */
  readonly jails: readonly Jail[];
}

interface Attempt extends Mechanism {
  readonly proven?: ProvenJail;
  /** Why the best did not work. */
  readonly why?: string;
}

/**
 * Tries each way to jail the runner by running an empty module in it. A way counts only if the runner came up, saw nothing that
 * it should not see, showed to the kernel as powerless, and ended well: that a program is installed says nothing, because
 * kernels, containers and distributions forbid namespaces in many ways. Never rejects.
 */
export async function detectJails(needs: DetectNeeds, options: DetectOptions): Promise<Detection> {
  const runtime = findRuntime();
  const machine = readMachine();
  const version = await readVersion(needs);
  const mechanisms = [
    describeBubblewrap(needs.findProgram, runtime, machine, version),
    describeUnshare(needs.findProgram, runtime, machine),
    describeChildProcess(needs.findProgram, runtime, machine),
  ];
  const attempts = await Promise.all(mechanisms.map((mechanism) => attempt(needs, options, mechanism)));
  const best = attempts.find(({ proven }) => proven !== undefined)?.proven;
  const fallback = mechanisms.at(-1)?.jails.at(-1) as Jail;
  const proven = best === undefined ? { jail: fallback } : await proveLimits(needs, options, best);
  return { ...proven, isolation: proven.jail.isolation, capabilities: listCapabilities(needs, attempts, proven), runtime };
}

async function readVersion({ findProgram, runProgram }: DetectNeeds): Promise<string> {
  const bwrap = findProgram("bwrap");
  const outcome = bwrap === undefined ? undefined : await runProgram(bwrap, ["--version"], { timeoutMs: 5_000 });
  return outcome?.kind === "exited" ? Buffer.from(outcome.stdout).toString("utf8").trim() : "";
}

function describeBubblewrap(find: FindProgram, runtime: Runtime, machine: Machine, version: string): Mechanism {
  const bwrap = find("bwrap");
  if (bwrap === undefined) return { name: "bwrap", missing: "bwrap is not installed (package bubblewrap)", jails: [] };
  const parts = { runtime, bwrap, version, isRoot: machine.isRoot };
  const jails = prlimits(find).map((prlimit) => makeBubblewrapJail({ ...parts, prlimit }));
  return { name: "bwrap", missing: undefined, jails };
}

function describeUnshare(find: FindProgram, runtime: Runtime, machine: Machine): Mechanism {
  const absent = UNSHARE_PROGRAMS.filter((program) => find(program) === undefined);
  const unshare = find("unshare");
  if (unshare === undefined || absent.length > 0) {
    return { name: "unshare", missing: `${absent.join(", ")} not installed (packages util-linux, mount, coreutils)`, jails: [] };
  }
  const jails = prlimits(find).map((prlimit) => makeUnshareJail({ runtime, unshare, prlimit, ...machine }));
  return { name: "unshare", missing: undefined, jails };
}

function describeChildProcess(find: FindProgram, runtime: Runtime, { isRoot }: Machine): Mechanism {
  const helpers = { prlimit: find("prlimit"), setpriv: find("setpriv") };
  // Node itself may lie where only root can read it.
  const users = isRoot ? [true, false] : [false];
  const jails = users.flatMap((changeUser) => [
    makeChildProcessJail({ runtime, changeUser, isRoot, ...helpers }),
    makeChildProcessJail({ runtime, changeUser, isRoot }),
  ]);
  return { name: "node", missing: undefined, jails };
}

/** With prlimit where it is there, and without. */
function prlimits(find: FindProgram): (string | undefined)[] {
  const prlimit = find("prlimit");
  return prlimit === undefined ? [undefined] : [prlimit, undefined];
}

async function attempt(needs: DetectNeeds, options: DetectOptions, mechanism: Mechanism): Promise<Attempt> {
  let why = mechanism.missing;
  for (const jail of mechanism.jails) {
    const trial = await tryJail(needs, options, { jail });
    if (trial.failure === undefined)
      return { ...mechanism, proven: { jail, idleMappedBytes: trial.mappedBytes }, ...(why === undefined ? {} : { why }) };
    why ??= trial.failure;
  }
  return { ...mechanism, ...(why === undefined ? {} : { why }) };
}

/**
 * The jail again, now with RLIMIT_DATA, or without where that does not work. A runner with a thread that watches the parent has a
 * second V8 in it, whose address space counts as written to the moment it is set aside: a limit above that would limit nothing.
 */
async function proveLimits(needs: DetectNeeds, options: DetectOptions, proven: ProvenJail): Promise<ProvenJail> {
  if (proven.jail.watchParent || !proven.jail.programs.includes("prlimit")) return { jail: proven.jail };
  const { failure } = await tryJail(needs, options, proven);
  return failure === undefined ? proven : { jail: proven.jail };
}

async function tryJail(needs: DetectNeeds, { hiddenPaths }: DetectOptions, { jail, idleMappedBytes }: ProvenJail) {
  let mappedBytes = 0;
  const job: SandboxJob = {
    module: Buffer.from(IDLE_MODULE, "hex"),
    args: [],
    stdin: new Uint8Array(),
    seed: new Uint8Array(32),
    epochSeconds: 0,
    limits: { wallMs: 20_000, cpuMs: 10_000, memoryBytes: PAGE_BYTES, outputBytes: 0 },
  };
  const outcome = await runInJail(
    {
      jail,
      meterProcessTree: needs.meterProcessTree,
      cores: 1,
      hiddenPaths: [...ALWAYS_HIDDEN, ...hiddenPaths],
      ...(idleMappedBytes === undefined ? {} : { idleMappedBytes }),
      onReady: (view) => {
        mappedBytes = view?.mappedBytes ?? 0;
      },
    },
    job,
    new AbortController().signal,
  );
  const failure =
    outcome.kind === "stopped" ? outcome.detail : outcome.exitCode === 0 ? undefined : `exit code ${outcome.exitCode}`;
  return { mappedBytes, failure };
}

function listCapabilities({ findProgram }: DetectNeeds, attempts: readonly Attempt[], { jail }: ProvenJail): Capability[] {
  const mechanisms = attempts
    .filter(({ name, proven }) => name !== "node" || proven === undefined)
    .map(({ name, proven, why = "did not work" }) => capability(name, proven === undefined ? why : undefined));
  const helpers = ["prlimit", "setpriv"].map((name) => {
    if (findProgram(name) === undefined) return capability(name, `${name} is not installed (package util-linux)`);
    // bubblewrap takes privileges away itself.
    const isUsed = jail.programs.includes(name) || (name === "setpriv" && jail.programs.includes("bwrap"));
    const failed = attempts.find(({ proven }) => proven?.jail === jail)?.why;
    return capability(name, isUsed ? undefined : `does not work with ${jail.isolation.mechanism}: ${failed ?? "unknown"}`);
  });
  return [...mechanisms, ...helpers];
}

function capability(name: string, why: string | undefined): Capability {
  return why === undefined ? { name, available: true } : { name, available: false, why };
}
