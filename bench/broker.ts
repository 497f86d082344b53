import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import mqtt, { type MqttClient } from "mqtt";
import { loadOrCreateSecret, makeSystemRandom } from "../base/index.ts";
import { openLedger } from "../bookkeeper/index.ts";
import { formatTable } from "../cli/table.ts";
import { type Mosquitto, makeMosquitto } from "../hardware-tests/mosquitto.ts";
import { privateKeyPem } from "../mqtt/index.ts";
import {
  type Ed25519,
  loadEd25519,
  makeSigningKey,
  nodeTopic,
  parseEnvelope,
  receiptMessage,
  SEED_BYTES,
} from "../protocol/index.ts";
import { makeField } from "../test/e2e/field.ts";
import { median, readProcess } from "./proc.ts";
import { nodeSeedsOf, type Prepared, prepareWorkload, type Shape, type WorkloadOptions } from "./workload.ts";

/*
 * The whole way of a proof through a real Mosquitto with the shipped configuration, TLS included: published, verified, recorded, and its
 * receipt heard; beside a plain subscriber of mqtt.js in the bookkeeper's place that only counts the same bytes. In turns, in one run.
 */

const NETWORK = "field";
const PROOFS = 4_000;
const REPETITIONS = 5;
const SHAPE: Shape = { name: "4 nodes", nodes: 4, kinds: ["measure"] };
const SEED = 1;
/** Messages that each node has under way at once. */
const WINDOW = 100;
const MOSQUITTO = "/usr/sbin/mosquitto";
const QUIET_PLAN =
  '[[items]]\nname = "nothing"\nevery = "30d"\nmin_tier = "Super"\nmeasure = { method = "tcp", targets = ["127.0.0.1:1"] }\n';

/** What one turn took: seconds from the first publish to the end, and CPU seconds of the process at the receiving end. */
interface Turn {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

/** Runs the comparison and prints it. */
export async function benchBroker(print: (line: string) => void): Promise<void> {
  if (!existsSync(MOSQUITTO)) {
    print("broker: not run, because Mosquitto is not installed (apt-get install mosquitto)");
    process.exitCode = 1;
    return;
  }
  const directory = mkdtempSync(join(tmpdir(), "bonusnode-bench-"));
  const home = join(directory, "bookkeeper");
  const broker = await makeMosquitto({ directory: join(directory, "broker"), bookkeeperDirectory: home });
  await broker.start();
  try {
    const { ed25519 } = await loadEd25519();
    const stage = await makeStage(directory, home, broker, ed25519);
    const raw: Turn[] = [];
    const whole: Turn[] = [];
    for (let repetition = 0; repetition < REPETITIONS; repetition++) {
      const { fieldDirectory, messages } = await stage.prepare(repetition);
      raw.push(await stage.runRaw(messages));
      whole.push(await stage.runWhole(fieldDirectory, messages));
    }
    await stage.end();
    report(print, raw, whole);
  } finally {
    await broker.kill();
    rmSync(directory, { recursive: true, force: true });
  }
}

function report(print: (line: string) => void, raw: readonly Turn[], whole: readonly Turn[]): void {
  const perSecond = (turns: readonly Turn[], pick: (turn: Turn) => number): string =>
    String(Math.round(median(turns.map((turn) => PROOFS / pick(turn)))));
  const ratio = (pick: (turn: Turn) => number): string =>
    median(whole.map((turn, index) => pick(raw[index] as Turn) / pick(turn))).toFixed(2);
  const row = (name: string, turns: readonly Turn[]): string[] => [
    name,
    perSecond(turns, (turn) => turn.seconds),
    perSecond(turns, (turn) => turn.cpuSeconds),
  ];
  print(`broker: ${PROOFS} proofs of ${SHAPE.nodes} nodes a turn through Mosquitto with TLS, ${REPETITIONS} turns each, medians`);
  const head = ["", "proofs a second", "a CPU second of the receiver"];
  const rows = [
    row("QoS 1 publish-subscribe, counted", raw),
    row("to the receipt: verified, recorded, answered", whole),
    ["ratio", ratio((turn) => turn.seconds), ratio((turn) => turn.cpuSeconds)],
  ];
  print(formatTable([head, ...rows], { alignRight: [1, 2], indent: 2 }));
}

/** The nodes' connections, and a way to run either receiver against them. */
async function makeStage(directory: string, home: string, broker: Mosquitto, ed25519: Ed25519) {
  const seed = await loadOrCreateSecret(join(home, "identity.seed"), SEED_BYTES, makeSystemRandom());
  const key = makeSigningKey(seed, ed25519);
  const options: WorkloadOptions = { shape: SHAPE, proofs: PROOFS, network: NETWORK, seed: SEED, key, ed25519 };
  const nodes = await Promise.all(nodeSeedsOf(options).map((nodeSeed) => connectNode(broker, nodeSeed, ed25519)));
  const own = { certificate: await broker.certify(key.id), key: join(directory, "bookkeeper.key") };
  writeFileSync(own.key, privateKeyPem(seed), { mode: 0o600 });
  const clientOf = new Map(nodes.map((node) => [node.id, node.client]));

  return {
    /** A bookkeeper's directory with a ledger that expects the proofs, and these. */
    prepare: async (repetition: number): Promise<{ fieldDirectory: string; messages: Prepared[] }> => {
      const fieldDirectory = join(directory, `field-${repetition}`);
      mkdirSync(join(fieldDirectory, "bookkeeper"), { recursive: true });
      cpSync(join(home, "identity.seed"), join(fieldDirectory, "bookkeeper", "identity.seed"));
      const ledger = openLedger(join(fieldDirectory, "bookkeeper", "ledger.db"));
      const messages = prepareWorkload(ledger, options);
      ledger.close();
      return { fieldDirectory, messages };
    },
    runRaw: async (messages: readonly Prepared[]): Promise<Turn> => {
      const script = fileURLToPath(new URL("raw-subscriber.ts", import.meta.url));
      const args = [`mqtts://localhost:${broker.port}`, broker.caFile, own.certificate, own.key, nodeTopic(NETWORK, "+", "pow")];
      const child = start([script, ...args, String(messages.length)]);
      const lines = linesOf(child);
      await lines.next(/^ready/);
      const turn = await timed(child, async () => {
        await Promise.all([publishAll(messages, clientOf), lines.next(/^done/)]);
      });
      await end(child);
      return turn;
    },
    runWhole: async (fieldDirectory: string, messages: readonly Prepared[]): Promise<Turn> => {
      const { bookkeeper } = await makeField({ directory: fieldDirectory, agents: 0, broker: broker.access, plan: QUIET_PLAN });
      const child = start([BUILT, "bookkeeper", "--config", bookkeeper.config, "--json", "--log-level", "error"]);
      await linesOf(child).next(/"type":"online"/);
      const turn = await timed(child, async () => {
        const answered = untilAccepted(nodes, messages.length);
        await Promise.all([publishAll(messages, clientOf), answered]);
      });
      await end(child);
      return turn;
    },
    end: () => Promise.all(nodes.map(({ client }) => client.endAsync(true))),
  };
}

const BUILT = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));

interface NodeConnection {
  readonly id: string;
  readonly client: MqttClient;
}

async function connectNode(broker: Mosquitto, seed: Uint8Array, ed25519: Ed25519): Promise<NodeConnection> {
  const { id } = makeSigningKey(seed, ed25519);
  const client = await mqtt.connectAsync(`mqtts://localhost:${broker.port}`, {
    ca: readFileSync(broker.caFile),
    cert: readFileSync(await broker.certify(id)),
    key: privateKeyPem(seed),
    protocolVersion: 5,
    reconnectPeriod: 0,
  });
  await client.subscribeAsync(nodeTopic(NETWORK, id, "rcpt"), { qos: 1 });
  return { id, client };
}

/** Publishes each proof on its node's connection, in order, WINDOW of each node at once. Resolves when the broker has all. */
async function publishAll(messages: readonly Prepared[], clientOf: ReadonlyMap<string, MqttClient>): Promise<void> {
  const publishOne = async (id: string, client: MqttClient): Promise<void> => {
    const topic = nodeTopic(NETWORK, id, "pow");
    const own = messages.filter((message) => message.sender.id === id);
    const underWay = new Set<Promise<unknown>>();
    for (const { envelope } of own) {
      if (underWay.size >= WINDOW) await Promise.race(underWay);
      const sent: Promise<unknown> = client.publishAsync(topic, Buffer.from(envelope), { qos: 1 });
      underWay.add(sent);
      void sent.finally(() => underWay.delete(sent));
    }
    await Promise.all(underWay);
  };
  await Promise.all([...clientOf].map(([id, client]) => publishOne(id, client)));
}

/** Resolves when receipts accept so many proofs; rejects when one refuses, or says that a proof was lost. */
function untilAccepted(nodes: readonly NodeConnection[], count: number): Promise<void> {
  let missing = count;
  return new Promise((resolve, reject) => {
    for (const { client } of nodes) {
      client.removeAllListeners("message");
      client.on("message", (_topic, payload) => {
        const envelope = parseEnvelope(payload);
        const receipt = envelope.ok ? receiptMessage.decode(envelope.value.payload) : envelope;
        if (!receipt.ok || receipt.value.status === "refused") return reject(new Error("a proof was refused"));
        if (receipt.value.subject !== "proof" || receipt.value.status !== "accepted") return;
        missing -= (receipt.value.toSeq ?? 0) - (receipt.value.fromSeq ?? 0) + 1;
        if (missing === 0) resolve();
      });
    }
  });
}

function start(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
}

async function end(child: ChildProcess): Promise<void> {
  child.kill("SIGTERM");
  await once(child, "exit");
}

/** Waits for lines of a child's output, and reads on when nobody waits. */
function linesOf(child: ChildProcess): { next(pattern: RegExp): Promise<void> } {
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  return {
    next: (pattern) =>
      new Promise((resolve) => {
        const look = (line: string): void => {
          if (!pattern.test(line)) return;
          lines.off("line", look);
          resolve();
        };
        lines.on("line", look);
      }),
  };
}

async function timed(child: ChildProcess, work: () => Promise<void>): Promise<Turn> {
  const before = readProcess(child.pid ?? 0).cpuSeconds;
  const startedMs = performance.now();
  await work();
  const seconds = (performance.now() - startedMs) / 1000;
  return { seconds, cpuSeconds: readProcess(child.pid ?? 0).cpuSeconds - before };
}
