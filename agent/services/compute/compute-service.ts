import { messageOf, type ProcessUsage, sha256 } from "../../../base/index.ts";
import {
  type ComputeSpec,
  ISOLATION_LEVELS,
  MAX_INLINE_BYTES,
  NO_USAGE,
  parseComputeSpec,
  type Usage,
  type WireObject,
} from "../../../protocol/index.ts";
import type { Sandbox } from "../../../sandbox/index.ts";
import { failureReasonOf } from "../../errors.ts";
import { MAX_MODULE_BYTES } from "../../limits.ts";
import type { AgentState } from "../../state-store.ts";
import { ADMIT, type NodeView, type Service, type ServiceOutcome, type TaskContext, type Verdict } from "../service.ts";
import { type BlobStore, forgetBlob, isBlobLost } from "../store/index.ts";

/** What computing works with. */
export interface ComputeNeeds {
  readonly sandbox: Sandbox;
  readonly files: BlobStore;
  readonly index: AgentState["blobs"];
  /** Seconds of bookkeeper time, from which a kept output is counted; undefined before the first beacon of this run. */
  readonly networkSeconds: () => number | undefined;
  /** The share of all cores that a job may use, from 0 to 1, by the owner's limits. */
  readonly cpuShare: () => number;
}

/** Memory that the runtime around a module holds, in bytes. */
const RUNTIME_BYTES = 64 * 2 ** 20;

/**
 * Runs WASI modules that the node holds as blobs, in the sandbox. Usage is read from outside the jail. An output that does not fit into
 * a proof is kept as a blob of this node, to be fetched from there.
 */
export function makeComputeService(needs: ComputeNeeds): Service<ComputeSpec> {
  const { sandbox } = needs;
  return {
    kind: "compute",
    capabilities: sandbox.capabilities,
    parse: parseComputeSpec,
    demand: (spec) => ({ memoryBytes: spec.limits.memoryBytes + RUNTIME_BYTES, diskBytes: keptBytes(spec) }),
    admit: (spec, node) => admitCompute(spec, node, needs),
    execute: (spec, context) => execute(spec, context, needs),
    // A module sees nothing of the world and leaves nothing in it, so it can be run again.
    recover: () => "again",
  };
}

function admitCompute(spec: ComputeSpec, node: NodeView, { sandbox, index }: ComputeNeeds): Verdict {
  const { level } = sandbox.isolation;
  if (ISOLATION_LEVELS.indexOf(level) < ISOLATION_LEVELS.indexOf(spec.isolation)) {
    return { kind: "refuse", reason: "isolation-too-weak", detail: `it demands ${spec.isolation}; this node can give ${level}` };
  }
  const held = index.get(spec.module);
  if (held === undefined) return { kind: "refuse", reason: "blob-unknown", detail: "this node does not hold the module" };
  if (held.size > MAX_MODULE_BYTES)
    return { kind: "refuse", reason: "bad-spec", detail: `a module has at most ${MAX_MODULE_BYTES} bytes` };
  const outputBytes = keptBytes(spec);
  if (outputBytes > node.freeDiskBytes) {
    const detail = `its output may need ${outputBytes} bytes of disk; ${node.freeDiskBytes} are free for it`;
    return { kind: "refuse", reason: "over-disk-limit", detail };
  }
  const wanted = spec.limits.memoryBytes + RUNTIME_BYTES;
  if (wanted > node.freeMemoryBytes) {
    return {
      kind: "refuse",
      reason: "over-memory-limit",
      detail: `it may need ${wanted} bytes; ${node.freeMemoryBytes} are free for it`,
    };
  }
  return ADMIT;
}

/** What an output may take of the disk: nothing where it fits into the proof. */
function keptBytes({ limits }: ComputeSpec): number {
  return limits.outputBytes <= MAX_INLINE_BYTES ? 0 : limits.outputBytes;
}

async function execute(spec: ComputeSpec, context: TaskContext, needs: ComputeNeeds): Promise<ServiceOutcome> {
  const { sandbox } = needs;
  try {
    const module = await needs.files.readWhole(spec.module, MAX_MODULE_BYTES);
    const { args, seed, epochSeconds, limits } = spec;
    const job = { module, args, stdin: spec.stdin ?? new Uint8Array(), seed, epochSeconds, limits, cpuShare: needs.cpuShare() };
    const outcome = await sandbox.run(job, { signal: context.signal, demand: spec.isolation });
    const usage = asUsage(outcome.usage);
    if (outcome.kind === "stopped") {
      const evidence = evidenceOf(needs, outcome, outcome.stdout ?? new Uint8Array());
      return { kind: "failed", reason: outcome.reason, detail: outcome.detail, evidence, usage };
    }
    const evidence = { ...evidenceOf(needs, outcome, outcome.stdout), exitCode: outcome.exitCode, stderr: outcome.stderr };
    if (outcome.stdout.length <= MAX_INLINE_BYTES)
      return { kind: "done", evidence: { ...evidence, stdout: outcome.stdout }, usage };
    return { kind: "done", evidence, usage, commit: await keepOutput(outcome.stdout, needs) };
  } catch (thrown) {
    const reason = context.signal.aborted ? "aborted" : failureReasonOf(thrown);
    const failed = { kind: "failed", reason, detail: messageOf(thrown), evidence: {}, usage: NO_USAGE } as const;
    return isBlobLost(reason) ? { ...failed, commit: await forgetBlob(needs, spec.module) } : failed;
  }
}

/** Keeps an output as a blob; the outcome's transaction makes it known. */
async function keepOutput(stdout: Uint8Array, needs: ComputeNeeds): Promise<() => void> {
  const hash = sha256(stdout);
  await needs.files.write(hash, stdout.length, [stdout]);
  const now = needs.networkSeconds() ?? 0;
  return () => {
    if (needs.index.get(hash) === undefined) needs.index.put(hash, stdout.length, now);
  };
}

function evidenceOf(
  { sandbox }: ComputeNeeds,
  outcome: { readonly isolation: Sandbox["isolation"]; readonly usage: ProcessUsage },
  stdout: Uint8Array,
): WireObject {
  return {
    isolation: { ...outcome.isolation },
    engine: sandbox.engine,
    stdoutHash: sha256(stdout),
    stdoutSize: BigInt(stdout.length),
    peakMemoryBytes: BigInt(outcome.usage.peakMemoryBytes),
  };
}

function asUsage(usage: ProcessUsage): Usage {
  return { ...NO_USAGE, cpuMicros: BigInt(usage.cpuMicros), memoryByteSeconds: BigInt(usage.memoryByteSeconds) };
}
