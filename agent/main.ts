import { join } from "node:path";
import {
  assert,
  BaseError,
  type Log,
  loadOrCreateSecret,
  lockDirectory,
  makeProgramRunner,
  makeSystemClock,
  makeSystemRandom,
  messageOf,
  meterProcessTree,
  setDatabaseAside,
  toHex,
} from "../base/index.ts";
import { known, type MachineProbe, makeMachineNeeds, type ProbeProgress, summariseMachine } from "../hal/index.ts";
import { makeMqttLink, parseBrokerUrl, readBrokerLogin } from "../mqtt/index.ts";
import { loadEd25519, makeSigningKey, SEED_BYTES } from "../protocol/index.ts";
import { makeProgramFinder, makeSandbox, type Sandbox } from "../sandbox/index.ts";
import { type Agent, makeAgent } from "./agent.ts";
import { readBandwidthTask } from "./bandwidth.ts";
import { type AgentConfig, isQuiet, type OwnerLimits } from "./config.ts";
import { clientIdOf, describeNode, type NodeFacts } from "./descriptor.ts";
import { AgentError } from "./errors.ts";
import type { AgentEvent } from "./events.ts";
import { boardReserveBytes, computeSlots, type KnownMachine, knowMachine, limitsOnBoard, underLimits } from "./machine.ts";
import { watchMachine } from "./machine-watch.ts";
import { startMetrics } from "./metrics-linux.ts";
import { makeNetworkTime } from "./network-time.ts";
import { makeResourceReader } from "./resources.ts";
import { makeComputeService } from "./services/compute/index.ts";
import { makeTargetPolicy, type TargetPolicy } from "./services/measure/address-policy.ts";
import { detectPing, makeJobRunner, makeMeasureService, readHostNetwork } from "./services/measure/index.ts";
import type { Capability, Service } from "./services/service.ts";
import { type BlobStore, makeBlobStore, makeFetchBlob, makeStoreService } from "./services/store/index.ts";
import { type AgentState, openAgentState } from "./state-store.ts";
import { STATE_FILES, writeNote } from "./status.ts";

/** What running the agent takes besides its configuration. */
export interface AgentRun {
  readonly log: Log;
  /** Version of this program. */
  readonly version: string;
  /** Value of PATH, for helper programs. */
  readonly path: string | undefined;
  readonly onEvent?: (event: AgentEvent) => void;
  readonly onProbe?: (progress: ProbeProgress) => void;
  /** What the probe found, before anything is connected. */
  readonly onMachine?: (probe: MachineProbe) => void;
  /** The broker's password, in place of a file of the configuration. */
  readonly password?: string;
  /** Ends the start. */
  readonly signal?: AbortSignal;
}

/** A running agent. */
export interface RunningAgent {
  readonly id: string;
  stop(): Promise<void>;
  /** Takes new owner's limits into force. Under limits that leave the device fit for no tier, the old ones stay. */
  reload(limits: OwnerLimits): void;
}

type Closer = () => void | Promise<void>;

/**
 * Composes the agent on this machine and starts it. Throws BaseError `lock-held` when another one has the state directory, `bad-secret`
 * for a damaged identity, AgentError `unfit-machine` when the device is fit for no tier, and MqttError `bad-url` or `bad-login`.
 */
export async function startAgent(config: AgentConfig, run: AgentRun): Promise<RunningAgent> {
  parseBrokerUrl(config.broker.url);
  const lock = lockDirectory(config.state_dir);
  const closers: Closer[] = [() => lock.release()];
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= closeAll(closers, run.log);
    return stopped;
  };
  try {
    return { ...(await compose(config, run, closers)), stop };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

/** Closes what was opened, the last first. What fails to close does not keep the rest open. */
async function closeAll(closers: readonly Closer[], log: Log): Promise<void> {
  for (const close of closers.toReversed()) {
    try {
      await close();
    } catch (thrown) {
      log.error({ error: messageOf(thrown) }, "not everything ended as it should");
    }
  }
}

async function compose(config: AgentConfig, run: AgentRun, closers: Closer[]): Promise<Omit<RunningAgent, "stop">> {
  const { log, version, path } = run;
  const directory = config.state_dir;
  const clock = makeSystemClock();
  const random = makeSystemRandom();
  const emit = (event: AgentEvent): void => {
    logEvent(log, event);
    try {
      run.onEvent?.(event);
    } catch (thrown) {
      // Whoever watches the work does not stop it.
      log.error({ error: messageOf(thrown) }, "an event could not be shown");
    }
  };
  const seed = await loadOrCreateSecret(join(directory, STATE_FILES.seed), SEED_BYTES, random);
  const { ed25519, sodiumMissing } = await loadEd25519();
  const key = makeSigningKey(seed, ed25519);
  const state = openState(join(directory, STATE_FILES.state), toHex(random.bytes(4)), emit);
  closers.push(() => state.close());

  let { limits } = config;
  const machineNeeds = await makeMachineNeeds({ bandwidth: await readBandwidthTask(config.bandwidth) });
  if (!machineNeeds.ok) throw machineNeeds.error;
  const { signal, onProbe: onProgress } = run;
  const ask = { version, dataDirectory: directory, random };
  const atStart = await knowMachine(machineNeeds.value, state, { ...ask, limits, signal, onProgress, isStart: true });
  assert(atStart !== undefined, "a measurement at the start is always allowed");
  let machine = atStart;
  limits = limitsOnBoard(limits, machine.probe);
  run.onMachine?.(machine.probe);
  const programs = { findProgram: makeProgramFinder(path), runProgram: makeProgramRunner(path), meterProcessTree };
  const sandbox = await makeSandbox(programs, { hiddenPaths: [directory] });
  const time = makeNetworkTime(clock);
  const files = makeBlobStore(join(directory, STATE_FILES.blobs));
  await files.sweep(state.blobs.hashes());
  const slots = computeSlots(machine.probe, limits);
  const networkSeconds = (): number | undefined => {
    const { seconds, quality } = time.now();
    return quality === "beacon" ? seconds : undefined;
  };
  const services = await makeServices(config, run, { state, files, sandbox, networkSeconds, limits: () => limits, slots });
  const capabilities = [...[...services.values()].flatMap((service) => service.capabilities), sodiumCapability(sodiumMissing)];
  const describe = (current: OwnerLimits, { probe: probed, held, measuredAfter }: KnownMachine): NodeFacts => {
    const probe = underLimits(probed, current, held);
    const { isolation } = sandbox;
    const facts = describeNode(summariseMachine(probe), { limits: current, services, capabilities, isolation, measuredAfter });
    if (facts === undefined)
      throw new AgentError("unfit-machine", `this device cannot take part: ${probe.decision.reasons.join("; ")}`);
    return facts;
  };
  const facts = describe(limits, machine);
  writeNote(state, key.id, facts);

  const identity = {
    key,
    seed,
    certificateCache: join(directory, STATE_FILES.certificate),
    serialNumber: random.bytes(16),
    isAuthority: false,
    password: run.password,
  };
  const login = { ...(await readBrokerLogin(config.broker, identity)), clientId: clientIdOf(key.publicKey) };
  const agent = makeAgent(
    {
      ...{ state, key, ed25519, clock, random, log, time, services, emit },
      makeLink: (options, handlers) => makeMqttLink({ clock, random, log }, { ...login, ...options }, handlers),
      readNode: makeResourceReader({
        ...{ host: machineNeeds.value.host, clock, state, files },
        boardReserveBytes: () => boardReserveBytes(machine.probe),
      }),
      minuteOfDay: localMinuteOfDay,
    },
    {
      ...{ network: config.network.name, version, bookkeepers: config.network.bookkeepers },
      concurrency: { measure: 2, store: 1, compute: slots },
    },
    { limits, facts },
  );
  closers.push(() => agent.stop());
  const isRouter = known(machine.probe.board)?.profile.board.class === "router";
  if (config.metrics.enabled ?? !isRouter) closers.push(await serveMetrics(config.metrics.port, agent, state, log));
  /** Presents the node anew, under these limits and as this machine. Throws where that is fit for no tier; then all stays as it was. */
  const present = (wanted: OwnerLimits, nextMachine: KnownMachine): void => {
    const nextLimits = limitsOnBoard(wanted, nextMachine.probe);
    const described = describe(nextLimits, nextMachine);
    agent.reload(nextLimits, described);
    limits = nextLimits;
    machine = nextMachine;
    noteChange(state, key.id, described, emit);
  };
  closers.push(
    watchMachine({
      ...{ clock, random },
      look: (stop) =>
        knowMachine(machineNeeds.value, state, {
          ...{ ...ask, limits, latestBeacon: time.latestBeacon, signal: stop },
          mayMeasure: () =>
            state.summary().openTasks === 0 && !isQuiet(limits.quiet_hours, localMinuteOfDay(clock.wallMs() / 1000)),
        }),
      onMeasured: (measured) => {
        present(limits, measured);
        emit({ type: "measured", tier: measured.probe.decision.tier, reasons: measured.probe.decision.reasons });
      },
      onTrouble: (what) => emit({ type: "trouble", what }),
    }),
  );
  agent.start();
  return {
    id: key.id,
    reload: (next) => {
      try {
        present(next, machine);
      } catch (thrown) {
        emit({ type: "trouble", what: `the old limits stay in force: ${messageOf(thrown)}` });
      }
    },
  };
}

/** Keeps what `bonusnode status` tells of the node. The new limits are in force even where the disk is too full to say so. */
function noteChange(state: AgentState, node: string, facts: NodeFacts, emit: (event: AgentEvent) => void): void {
  try {
    writeNote(state, node, facts);
  } catch (thrown) {
    emit({ type: "trouble", what: `bonusnode status tells the old limits: ${messageOf(thrown)}` });
  }
}

/** Opens the journal. A damaged one is set aside, not repaired: the chain goes on after what the bookkeeper holds. */
function openState(path: string, suffix: string, emit: (event: AgentEvent) => void): AgentState {
  try {
    return openAgentState(path);
  } catch (thrown) {
    if (!(thrown instanceof BaseError) || thrown.code !== "database-corrupt") throw thrown;
    const aside = setDatabaseAside(path, suffix);
    const what = `${thrown.message}; it is kept as ${aside}, and a new one was begun. Work without a receipt is lost with it.`;
    emit({ type: "trouble", what });
    return openAgentState(path);
  }
}

interface ServiceParts {
  readonly state: AgentState;
  readonly files: BlobStore;
  readonly sandbox: Sandbox;
  readonly networkSeconds: () => number | undefined;
  readonly limits: () => OwnerLimits;
  readonly slots: number;
}

async function makeServices(
  config: AgentConfig,
  run: AgentRun,
  parts: ServiceParts,
): Promise<ReadonlyMap<string, Service<unknown>>> {
  const { state, files, sandbox, networkSeconds, limits, slots } = parts;
  const { version, path } = run;
  const allowPrivateTargets = config.network.allow_private_targets;
  const ping = await detectPing(makeProgramRunner(path));
  const targetPolicy = (): TargetPolicy => makeTargetPolicy({ allowPrivateTargets, onLink: readHostNetwork().onLink });
  const fetch = makeFetchBlob(makeSystemClock(), { targetPolicy, downBitsPerSecond: () => limits().down });
  const cpuMicros = (): number => {
    const { user, system } = process.cpuUsage();
    return user + system;
  };
  const runJob = makeJobRunner({ meter: meterProcessTree, path });
  const index = state.blobs;
  const services = [
    makeMeasureService({ ping, readNetwork: readHostNetwork, runJob }, { allowPrivateTargets, version }),
    makeStoreService({ files, index, fetch, targetPolicy, networkSeconds, cpuMicros }),
    makeComputeService({ sandbox, files, index, networkSeconds, cpuShare: () => limits().cpu_share / slots }),
  ];
  return new Map(services.map((service) => [service.kind, service as Service<unknown>]));
}

function sodiumCapability(missing: string | undefined): Capability {
  return { name: "sodium", available: missing === undefined, ...(missing === undefined ? {} : { why: missing }) };
}

function localMinuteOfDay(seconds: number): number {
  const date = new Date(seconds * 1000);
  return date.getHours() * 60 + date.getMinutes();
}

async function serveMetrics(port: number, agent: Agent, state: AgentState, log: Log): Promise<Closer> {
  try {
    const server = await startMetrics(port, () => ({ counters: agent.counters, summary: state.summary() }));
    log.info({ url: server.url }, "metrics are served");
    return () => server.close();
  } catch (thrown) {
    // Somebody else has the port: the work goes on unwatched.
    log.warn({ port, why: messageOf(thrown) }, "metrics are not served");
    return () => undefined;
  }
}

function logEvent(log: Log, { type, ...fields }: AgentEvent): void {
  if (type === "trouble") log.error(fields, type);
  else if (type === "refused" || type === "offline") log.warn(fields, type);
  else if (type === "progress") log.debug(fields, type);
  else log.info(fields, type);
}
