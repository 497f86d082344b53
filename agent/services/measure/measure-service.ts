import type { Result } from "../../../base/index.ts";
import {
  MAX_TEXT,
  type MeasureResult,
  type MeasureSpec,
  NO_USAGE,
  ProtocolError,
  parseMeasureSpec,
  type WireObject,
} from "../../../protocol/index.ts";
import { ADMIT, type NodeView, type Service, type ServiceOutcome, type TaskContext, type Verdict } from "../service.ts";
import { makeTargetPolicy, type TargetPolicy } from "./address-policy.ts";
import {
  MAX_BODY_BYTES,
  MAX_MEASURE_MS,
  MAX_TASK_BODY_BYTES,
  PROBE_BYTES,
  PROBE_INTERVAL_MS,
  RUNNER_MEMORY_BYTES,
} from "./limits.ts";
import type { PingProgram } from "./ping-program.ts";
import type { HostNetwork, RunJob, RunOutcome } from "./ports.ts";
import type { Job, Server, Target } from "./runner/job.ts";
import { parseServer, parseTarget } from "./target.ts";

/** What measuring needs of the outside world. */
export interface MeasureNeeds {
  readonly ping: PingProgram;
  readonly readNetwork: () => HostNetwork;
  readonly runJob: RunJob;
}

/** What the owner and the network settled. */
export interface MeasureOptions {
  /** Whether targets in private networks and on this device are measured. */
  readonly allowPrivateTargets: boolean;
  /** The agent's version, for servers to see who measures them. */
  readonly version: string;
  /** Name servers by address, in place of the system's; the owner's choice, so any address will do. */
  readonly resolvers?: readonly string[];
  /** Certificate authorities in PEM that are believed besides Node's own. */
  readonly trustedRoots?: readonly string[];
}

/** Measures the network from this node: ping, DNS, TCP connect, HTTP. */
export function makeMeasureService(needs: MeasureNeeds, options: MeasureOptions): Service<MeasureSpec> {
  const { ping } = needs;
  const capability = ping.kind === "found" ? { available: true } : { available: false, why: ping.why };
  const policyNow = (network: HostNetwork): TargetPolicy =>
    makeTargetPolicy({ allowPrivateTargets: options.allowPrivateTargets, onLink: network.onLink });
  return {
    kind: "measure",
    capabilities: [{ name: "ping", ...capability }],
    parse: parseSpec,
    demand: ({ method }) => ({ memoryBytes: RUNNER_MEMORY_BYTES[method], diskBytes: 0 }),
    admit: (spec, node) => {
      if (spec.method === "ping" && ping.kind === "absent") return refuse("capability-missing", `ping: ${ping.why}`);
      const read = readTargets(spec, policyNow(needs.readNetwork()));
      return read.kind === "forbidden" ? refuse("target-forbidden", read.detail) : admitSize(spec, node);
    },
    execute: async (spec, context) => {
      const network = needs.readNetwork();
      const policy = policyNow(network);
      // The node's networks may be others than at admission.
      const read = readTargets(spec, policy);
      if (read.kind === "forbidden") return failed("target-forbidden", read.detail, evidenceOf(spec, ping, []), NO_USAGE);
      const resolvers = read.server === undefined ? readServers(options.resolvers ?? network.resolvers) : [read.server];
      const job = makeJob(spec, read.targets, resolvers, network, ping, options);
      return execute(spec, job, policy, needs, context);
    },
    recover: () => "again",
  };
}

async function execute(
  spec: MeasureSpec,
  job: Job,
  policy: TargetPolicy,
  needs: MeasureNeeds,
  context: TaskContext,
): Promise<ServiceOutcome> {
  const run = await needs.runJob(job, {
    signal: context.signal,
    refusalOf: policy.refusalOf,
    onResult: (done) => context.progress(`${done} of ${job.targets.length} targets measured`),
  });
  const evidence = evidenceOf(spec, needs.ping, run.results);
  switch (run.ending.kind) {
    case "completed":
      return judge(run, evidence);
    case "aborted":
      return failed("aborted", "the measurement was withdrawn", evidence, run.usage);
    case "wall-time":
      return failed("wall-time", `not done within ${MAX_MEASURE_MS / 1000} s`, evidence, run.usage);
    case "broken":
      return failed("internal", run.ending.why, evidence, run.usage);
  }
}

/** A target that does not answer is a result; only where nothing could even be asked did the work fail. */
function judge(run: RunOutcome, evidence: WireObject): ServiceOutcome {
  const isAll = (holds: (result: MeasureResult) => boolean): boolean => run.results.every((one) => one.sent === 0 && holds(one));
  if (isAll((one) => one.failure?.source === "policy")) {
    return failed("target-forbidden", "every target leads into a forbidden network", evidence, run.usage);
  }
  if (isAll((one) => one.failure?.source === "internal" && one.failure.what.startsWith("ping "))) {
    return failed("program-missing", run.results[0]?.failure?.what ?? "ping", evidence, run.usage);
  }
  return { kind: "done", evidence, usage: run.usage };
}

function parseSpec(spec: WireObject): Result<MeasureSpec, ProtocolError> {
  const parsed = parseMeasureSpec(spec);
  if (!parsed.ok || parsed.value.method === "dns") return parsed;
  const misplaced = (["recordType", "resolver"] as const).find((name) => parsed.value[name] !== undefined);
  if (misplaced === undefined) return parsed;
  return { ok: false, error: new ProtocolError("bad-claims", `spec: ${misplaced} is for dns, not for ${parsed.value.method}`) };
}

type ReadTargets =
  | { readonly kind: "read"; readonly targets: readonly Target[]; readonly server: Server | undefined }
  | { readonly kind: "forbidden"; readonly detail: string };

/** The targets and the name server of an assignment, or the first thing against any of them. */
function readTargets(spec: MeasureSpec, policy: TargetPolicy): ReadTargets {
  const targets: Target[] = [];
  for (const [index, text] of spec.targets.entries()) {
    const target = parseTarget(spec.method, text);
    const refusal = target.ok ? policy.refusalOfTarget(target.value) : target.error;
    if (refusal !== undefined)
      return { kind: "forbidden", detail: `target ${index + 1}: ${refusal} (${text})`.slice(0, MAX_TEXT) };
    if (target.ok) targets.push(target.value);
  }
  if (spec.resolver === undefined) return { kind: "read", targets, server: undefined };
  const server = parseServer(spec.resolver);
  const refusal = server.ok ? policy.refusalOfServer(server.value) : server.error;
  if (refusal !== undefined) return { kind: "forbidden", detail: `resolver: ${refusal} (${spec.resolver})` };
  return { kind: "read", targets, server: server.ok ? server.value : undefined };
}

function readServers(texts: readonly string[]): Server[] {
  return texts.flatMap((text) => {
    const server = parseServer(text);
    return server.ok ? [server.value] : [];
  });
}

function admitSize(spec: MeasureSpec, node: NodeView): Verdict {
  const probes = spec.targets.length * spec.count;
  const bodyBytes = spec.method === "http" ? Math.min(probes * MAX_BODY_BYTES, MAX_TASK_BODY_BYTES) : 0;
  const trafficBytes = probes * PROBE_BYTES[spec.method] + bodyBytes;
  const memoryBytes = RUNNER_MEMORY_BYTES[spec.method];
  if (node.freeMemoryBytes < memoryBytes) {
    return refuse("over-memory-limit", `measuring takes ${memoryBytes} bytes of memory, ${node.freeMemoryBytes} are free`);
  }
  if (node.freeTrafficBytes < trafficBytes) {
    return refuse("over-daily-bytes", `it may take ${trafficBytes} bytes of traffic, ${node.freeTrafficBytes} are left today`);
  }
  return ADMIT;
}

function makeJob(
  spec: MeasureSpec,
  targets: readonly Target[],
  servers: readonly Server[],
  network: HostNetwork,
  ping: PingProgram,
  options: MeasureOptions,
): Job {
  return {
    method: spec.method,
    targets,
    count: spec.count,
    timeoutMs: spec.timeoutMs,
    intervalMs: PROBE_INTERVAL_MS,
    budgetMs: MAX_MEASURE_MS,
    recordType: spec.recordType ?? "A",
    servers,
    prefersIpv6: network.prefersIpv6,
    pingInterval: ping.kind === "found" ? ping.interval : "1",
    userAgent: `BonusNode/${options.version} (measurement)`,
    trustedRoots: options.trustedRoots ?? [],
  };
}

function evidenceOf(spec: MeasureSpec, ping: PingProgram, results: readonly MeasureResult[]): WireObject {
  const instrument = spec.method === "ping" && ping.kind === "found" ? ping.instrument : `bonusnode ${spec.method}`;
  return { method: spec.method, instrument, results };
}

function refuse(reason: Extract<Verdict, { kind: "refuse" }>["reason"], detail: string): Verdict {
  return { kind: "refuse", reason, detail: detail.slice(0, MAX_TEXT) };
}

function failed(
  reason: Extract<ServiceOutcome, { kind: "failed" }>["reason"],
  detail: string,
  evidence: WireObject,
  usage: RunOutcome["usage"],
): ServiceOutcome {
  return { kind: "failed", reason, detail, evidence, usage };
}
