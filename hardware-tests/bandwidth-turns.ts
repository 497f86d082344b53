import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { readProcess } from "../bench/proc.ts";
import type { Figure, ProbeResult } from "../hal/index.ts";
import type { ShapedLink } from "./shaped-link.ts";

/** One measurement of one direction: by us or by iperf3. */
export interface Turn {
  readonly kilobitsPerSecond: number;
  /** Of both ends together. */
  readonly cpuSeconds: number;
  readonly bytes: number;
}

/** `bonusnode serve-bandwidth` and `iperf3 -s` on a link's far side. */
export interface Turns {
  readonly port: number;
  /** One session of ours. `figures` is the benchmark's whole answer; CPU time is divided by bytes among the directions. */
  ours(token?: string): Promise<{ readonly result: ProbeResult<readonly Figure[]>; readonly cpuSeconds: number }>;
  /** What iperf3's receiver counted in the same time with as many streams, its first second left out. */
  iperf(direction: "down" | "up"): Promise<Turn>;
  /** What the endpoint said so far, an event a line. */
  readonly events: readonly Readonly<Record<string, unknown>>[];
  stop(): Promise<void>;
}

export const TOKEN = "a-token-for-the-bench-0123456789";
const ROOT = fileURLToPath(new URL("..", import.meta.url));
const IPERF_SECONDS = 4;

interface IperfReport {
  readonly end: {
    readonly sum_received: { readonly bits_per_second: number; readonly bytes: number; readonly seconds: number };
    readonly cpu_utilization_percent: { readonly host_total: number; readonly remote_total: number };
  };
}

/** Starts both endpoints. `byteCap` is what ours may move in each direction; `perHour` how many sessions it allows. */
export async function startTurns(link: ShapedLink, directory: string, byteCap: number, perHour = 100): Promise<Turns> {
  const tokenFile = join(directory, "bandwidth.token");
  writeFileSync(tokenFile, `${TOKEN}\n`);
  const listen = ["--listen", `${link.address}:0`, "--token-file", tokenFile];
  const caps = ["--byte-cap", `${byteCap}B`, "--per-hour", String(perHour), "--json"];
  const endpoint = link.start("far", process.execPath, [join(ROOT, "cli/bonusnode.js"), "serve-bandwidth", ...listen, ...caps]);
  const events: Record<string, unknown>[] = [];
  const lines = createInterface({ input: endpoint.stdout ?? process.stdin });
  lines.on("line", (line) => events.push(JSON.parse(line) as Record<string, unknown>));
  await once(lines, "line");
  const port = Number(events[0]?.["port"]);
  const iperfServer = link.start("far", "iperf3", ["-s"]);
  iperfServer.stdout?.resume();
  // It says nothing when it listens on a pipe; a client that comes too early would fail.
  await sleep(500);
  return {
    port,
    events,
    ours: async (token = TOKEN) => {
      const before = readProcess(endpoint.pid ?? 0).cpuSeconds;
      const script = join(ROOT, "hardware-tests/bandwidth-child.ts");
      const output = await link.run("near", process.execPath, [script, link.address, String(port), token, "1000000000", "10000"]);
      const { result, cpuSeconds } = JSON.parse(output) as { result: ProbeResult<readonly Figure[]>; cpuSeconds: number };
      return { result, cpuSeconds: cpuSeconds + readProcess(endpoint.pid ?? 0).cpuSeconds - before };
    },
    iperf: async (direction) => {
      const reverse = direction === "down" ? ["-R"] : [];
      const args = ["-c", link.address, "-J", "-P", "4", "-O", "1", "-t", String(IPERF_SECONDS), ...reverse];
      const { end } = JSON.parse(await link.run("near", "iperf3", args)) as IperfReport;
      const { host_total, remote_total } = end.cpu_utilization_percent;
      return {
        kilobitsPerSecond: end.sum_received.bits_per_second / 1000,
        cpuSeconds: ((host_total + remote_total) / 100) * IPERF_SECONDS,
        bytes: end.sum_received.bytes,
      };
    },
    stop: async () => {
      await Promise.all([endChild(endpoint, "SIGINT"), endChild(iperfServer, "SIGKILL")]);
      rmSync(tokenFile);
    },
  };
}

async function endChild(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const isOver = once(child, "close");
  child.kill(signal);
  await isOver;
}
