import { join } from "node:path";
import { type AgentConfig, AgentError, parseAgentConfig, startAgent } from "../../agent/index.ts";
import { type Clock, type Log, makeSystemRandom, type Result, toHex } from "../../base/index.ts";
import {
  type BookkeeperConfig,
  BookkeeperError,
  type BookkeeperEvent,
  parseBookkeeperConfig,
  startBookkeeper,
} from "../../bookkeeper/index.ts";
import { judgePublished } from "../../hal/index.ts";
import { startEmbeddedBroker } from "../../mqtt/index.ts";
import { NODE_WRITES, parseTopic } from "../../protocol/index.ts";
import { isThere, writeBeside } from "../files-linux.ts";
import { DEMO_MODULE, demoPlan } from "./demo-plan.ts";
import type { ProofCounts, UpView } from "./up-view.ts";

/** What `bonusnode up` runs with. */
export interface UpOptions {
  readonly stateDirectory: string;
  /** The broker's port on loopback; 0 for any. */
  readonly port: number;
  readonly version: string;
  readonly path: string | undefined;
  readonly log: Log;
  readonly view: UpView;
  readonly clock: Clock;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** The demonstration's network, apart from any real one. */
const NETWORK = "demo";

/** The module that the plan computes with. */
const EXAMPLE_MODULE = new URL("../../sandbox/example/primes.wasm", import.meta.url);

/** Presence is booked this often, so that a person who watches sees it. Milliseconds. */
const PRESENCE_RECORD_MS = 15_000;

/**
 * Runs a broker, a bookkeeper and an agent in this process until the signal ends it. Answers the accepted proofs by kind. Throws what
 * their starts throw.
 */
export async function runUp(options: UpOptions): Promise<ProofCounts> {
  const { stateDirectory, view, log, version, path, clock, signal } = options;
  const startedMs = clock.monotonicMs();
  const proofs: Record<string, number> = { measure: 0, store: 0, compute: 0 };
  let contribution = 0n;
  const password = toHex(makeSystemRandom().bytes(16));
  const continues = isThere(join(stateDirectory, "bookkeeper", "ledger.db"));
  const broker = await startEmbeddedBroker({
    port: options.port,
    users: [
      { username: "bookkeeper", password, mayPublish: (topic) => !isWrittenByNodes(topic) },
      { username: "agent", password, mayPublish: isWrittenByNodes },
    ],
  });
  const closers: (() => Promise<void>)[] = [() => broker.close()];
  const onBookkeeper = (event: BookkeeperEvent): void => {
    if (event.type === "verified" && event.outcome === "done") proofs[event.kind] = (proofs[event.kind] ?? 0) + 1;
    if (event.type === "account") contribution = event.total;
    view({ type: "bookkeeper", event });
  };
  const counts = (): ProofCounts => ({
    measure: proofs["measure"] ?? 0,
    store: proofs["store"] ?? 0,
    compute: proofs["compute"] ?? 0,
  });
  try {
    view({ type: "broker", url: broker.url, network: NETWORK, stateDirectory, continues });
    const planFile = join(stateDirectory, "demo", "plan.toml");
    const bookkeeper = await startBookkeeper(bookkeeperConfig(stateDirectory, broker.url, planFile), {
      log: log.child({ program: "bookkeeper" }),
      path,
      password,
      judge: judgePublished,
      presenceRecordMs: PRESENCE_RECORD_MS,
      beforePlan: (blobUrl) =>
        writeBeside(planFile, demoPlan({ broker: new URL(broker.url).host, door: blobUrl ?? "" }), EXAMPLE_MODULE, DEMO_MODULE),
      onEvent: onBookkeeper,
    });
    closers.push(() => bookkeeper.stop());
    const agent = await startAgent(agentConfig(stateDirectory, broker.url, bookkeeper.id), {
      log: log.child({ program: "agent" }),
      version,
      path,
      password,
      signal,
      onEvent: (event) => view({ type: "agent", event }),
      onProbe: (progress) => view({ type: "probing", progress }),
      onMachine: (probe) => view({ type: "machine", probe }),
    });
    closers.push(() => agent.stop());
    await untilAborted(signal);
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
  } finally {
    for (const close of closers.reverse()) await close();
  }
  view({ type: "summary", proofs: counts(), contribution, ranMs: Math.round(clock.monotonicMs() - startedMs) });
  return counts();
}

function isWrittenByNodes(name: string): boolean {
  const topic = parseTopic(name);
  return topic?.kind === "node" && NODE_WRITES.has(topic.channel);
}

function bookkeeperConfig(stateDirectory: string, url: string, planFile: string): BookkeeperConfig {
  const text = `
state_dir = ${JSON.stringify(join(stateDirectory, "bookkeeper"))}
network = { name = "${NETWORK}" }
broker = { url = "${url}", username = "bookkeeper" }
plan = { file = ${JSON.stringify(planFile)} }
verify = { recheck_share = 1 }
blobs = { port = 0 }
`;
  return orThrow(parseBookkeeperConfig(text, "the demonstration"), (problems) => new BookkeeperError("bad-config", problems));
}

function agentConfig(stateDirectory: string, url: string, bookkeeper: string): AgentConfig {
  const text = `
state_dir = ${JSON.stringify(join(stateDirectory, "agent"))}
network = { name = "${NETWORK}", bookkeepers = ["${bookkeeper}"], allow_private_targets = true }
broker = { url = "${url}", username = "agent" }
metrics = { enabled = false }
`;
  return orThrow(parseAgentConfig(text, "the demonstration"), (problems) => new AgentError("bad-config", problems));
}

function orThrow<Value>(read: Result<Value, readonly string[]>, asError: (problems: string) => Error): Value {
  if (!read.ok) throw asError(read.error.join("\n"));
  return read.value;
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
