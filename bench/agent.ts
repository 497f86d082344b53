import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { formatTable } from "../cli/table.ts";
import { startEmbeddedBroker } from "../mqtt/index.ts";
import { makeField } from "../test/e2e/field.ts";
import { median, readProcess } from "./proc.ts";

/*
 * The agent beside what a user would compare it with: a Node process that does nothing, and a minimal client of mqtt.js that is connected and
 * subscribed. Cold start to online, memory at rest, CPU at rest; all in one run, interleaved, on the built JavaScript.
 */

const ROUNDS = 5;
const SETTLE_MS = 20_000;
const IDLE_MS = 60_000;

interface Peer {
  readonly name: string;
  /** Starts it; resolves when it is ready for what it is there for. */
  start(): ChildProcess;
  /** The line that says so. */
  readonly ready: RegExp;
}

/** Runs the comparison and prints it. */
export async function benchAgent(print: (line: string) => void): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "bonusnode-bench-"));
  const anyone = (username: string) => ({ username, password: "secret", mayPublish: () => true });
  const broker = await startEmbeddedBroker({ port: 0, users: [anyone("agent"), anyone("bookkeeper")] });
  const bookkeeper = await startBookkeeper(directory, broker.url);
  try {
    const peers = makePeers(directory, broker.url);
    // The agent's very first start measures the machine; that is once in thirty days and not what is compared here.
    await endAfterReady(peers[2] as Peer);
    const starts = new Map(peers.map((peer) => [peer.name, [] as { ms: number; cpu: number }[]]));
    for (let round = 0; round < ROUNDS; round++) {
      for (const peer of peers) starts.get(peer.name)?.push(await endAfterReady(peer));
    }
    const idle = await measureIdle(peers);
    const rows = peers.map((peer) => {
      const runs = starts.get(peer.name) ?? [];
      const rest = idle.get(peer.name);
      const bare = idle.get(peers[0]?.name ?? "");
      return [
        peer.name,
        `${Math.round(median(runs.map((run) => run.ms)))} ms`,
        `${median(runs.map((run) => run.cpu)).toFixed(2)} s`,
        `${mib(rest?.rssBytes)} MB`,
        `+${mib((rest?.rssBytes ?? 0) - (bare?.rssBytes ?? 0))} MB`,
        `${((rest?.cpuShare ?? 0) * 100).toFixed(2)} %`,
      ];
    });
    const head = ["", "start to ready", "CPU for it", "RSS at rest", "over bare", "CPU at rest"];
    print(
      `agent: ${ROUNDS} cold starts each, medians; at rest over ${IDLE_MS / 1000} s, one beacon each 5 s and a sign of life each 20 s`,
    );
    print(formatTable([head, ...rows], { alignRight: [1, 2, 3, 4, 5], indent: 2 }));
    print("  aim: RSS within 40 MB of the bare process, CPU at rest under 0.2 %");
  } finally {
    bookkeeper.kill("SIGKILL");
    await broker.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

const BUILT = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));

function makePeers(directory: string, brokerUrl: string): Peer[] {
  const minimal = `import mqtt from ${JSON.stringify(import.meta.resolve("mqtt"))};
const client = mqtt.connect(${JSON.stringify(brokerUrl)}, { protocolVersion: 4, username: "agent", password: "secret" });
client.on("connect", () => client.subscribe("bn/1/#", () => console.log("ready")));
client.on("message", () => undefined);`;
  writeFileSync(join(directory, "minimal.mjs"), minimal);
  const node = (...args: string[]): ChildProcess => spawn(process.execPath, args, { stdio: ["ignore", "pipe", "ignore"] });
  return [
    { name: "bare node", ready: /ready/, start: () => node("-e", 'console.log("ready");setInterval(()=>{},1000)') },
    { name: "minimal mqtt.js", ready: /ready/, start: () => node(join(directory, "minimal.mjs")) },
    {
      name: "bonusnode agent",
      ready: /"type":"online"/,
      start: () => node(BUILT, "agent", "--config", join(directory, "agent-0.toml"), "--json", "--log-level", "silent"),
    },
  ];
}

async function startBookkeeper(directory: string, url: string): Promise<ChildProcess> {
  writeFileSync(join(directory, "password"), "secret\n");
  const line = (username: string): string => `url = "${url}"\nusername = "${username}"\npassword_file = "password"`;
  const field = await makeField({
    directory,
    agents: 1,
    broker: { agent: line("agent"), bookkeeper: line("bookkeeper") },
    plan: '[[items]]\nname = "nothing"\nevery = "30d"\nmin_tier = "Super"\nmeasure = { method = "tcp", targets = ["127.0.0.1:1"] }\n',
  });
  const child = spawn(process.execPath, [BUILT, "bookkeeper", "--config", field.bookkeeper.config, "--json"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  await untilReady(child, /"type":"online"/);
  return child;
}

async function untilReady(child: ChildProcess, ready: RegExp): Promise<void> {
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    if (ready.test(line)) break;
  }
  child.stdout?.resume();
}

async function endAfterReady(peer: Peer): Promise<{ ms: number; cpu: number }> {
  const startedMs = performance.now();
  const child = peer.start();
  await untilReady(child, peer.ready);
  const ms = performance.now() - startedMs;
  const cpu = readProcess(child.pid ?? 0).cpuSeconds;
  child.kill("SIGTERM");
  await once(child, "exit");
  return { ms, cpu };
}

/** All peers at rest at the same time, so that they share whatever else the machine does. */
async function measureIdle(peers: readonly Peer[]): Promise<Map<string, { rssBytes: number; cpuShare: number }>> {
  const children = await Promise.all(
    peers.map(async (peer) => {
      const child = peer.start();
      await untilReady(child, peer.ready);
      return { peer, child };
    }),
  );
  await sleep(SETTLE_MS);
  const before = children.map(({ child }) => readProcess(child.pid ?? 0));
  await sleep(IDLE_MS);
  const found = children.map(({ peer, child }, index) => {
    const after = readProcess(child.pid ?? 0);
    const cpuShare = (after.cpuSeconds - (before[index]?.cpuSeconds ?? 0)) / (IDLE_MS / 1000);
    return [peer.name, { rssBytes: after.rssBytes, cpuShare }] as const;
  });
  for (const { child } of children) {
    child.kill("SIGTERM");
    await once(child, "exit");
  }
  return new Map(found);
}

function mib(bytes = Number.NaN): string {
  return (bytes / 1e6).toFixed(1);
}
