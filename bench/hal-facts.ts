import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { formatTable } from "../cli/table.ts";
import type { Pass } from "./hal-facts-child.ts";
import { median } from "./proc.ts";

/*
 * The whole pass over the facts of this machine beside systeminformation, asked for the same. Each pass in a process of its own, in turns,
 * and who begins changes. The processes that a pass starts are counted in a run apart, because strace slows what it watches.
 */

const ROUNDS = 9;
const CHILD = fileURLToPath(new URL("./hal-facts-child.ts", import.meta.url));
const STRACE = "/usr/bin/strace";

/** What a pass of ours may take, of processor time and of processes. */
const AIM_CPU_MS = 400;

/** Programs that the peer asks; without them it does less, and knows less. */
const PEER_HELPERS = ["lscpu", "lsblk", "lspci", "dmidecode", "ip", "smartctl"];

type Side = "ours" | "peer";

const SIDES: readonly Side[] = ["ours", "peer"];

/** Runs the comparison and prints it. */
export async function benchHalFacts(print: (line: string) => void): Promise<void> {
  const passes: Record<Side, Pass[]> = { ours: [], peer: [] };
  for (let round = 0; round < ROUNDS; round++)
    for (const side of round % 2 === 0 ? SIDES : SIDES.toReversed()) passes[side].push(runPass([], side));
  const middle = (side: Side, pick: (pass: Pass) => number): number => median(passes[side].map(pick));
  const row = (name: string, pick: (pass: Pass) => number): string[] => {
    const [ours, peer] = [middle("ours", pick), middle("peer", pick)];
    const ratios = passes.ours.map((pass, turn) => pick(passes.peer[turn] ?? pass) / pick(pass));
    return [
      name,
      ours.toFixed(0),
      peer.toFixed(0),
      median(ratios).toFixed(1),
      Math.min(...ratios).toFixed(1),
      Math.max(...ratios).toFixed(1),
    ];
  };
  const ours = countProcesses("ours");
  const rows = [
    row("wall, code loaded (ms)", (pass) => pass.loadMs),
    row("wall, all known (ms)", (pass) => pass.wallMs),
    row("CPU, code loaded (ms)", (pass) => pass.loadCpuMs),
    row("CPU, all known (ms)", (pass) => pass.cpuMs),
    ["processes started", shown(ours), shown(countProcesses("peer")), "", "", ""],
  ];
  print(`hal-facts: the fact pass beside systeminformation, ${ROUNDS} turns, medians, each from before its code is loaded`);
  print(
    formatTable([["", "ours", "systeminformation", "ratio", "lowest", "highest"], ...rows], {
      alignRight: [1, 2, 3, 4, 5],
      indent: 2,
    }),
  );
  print(
    "  ratio: systeminformation to ours of the same turn, its median and range; CPU counts user and system time of helper programs too",
  );
  const missing = PEER_HELPERS.filter((name) => !["/usr/sbin", "/usr/bin"].some((folder) => existsSync(join(folder, name))));
  if (missing.length > 0) print(`  systeminformation does less here than elsewhere, for lack of ${missing.join(", ")}`);
  print(
    `  aim: under ${AIM_CPU_MS} ms of CPU and no process; here ${middle("ours", (pass) => pass.cpuMs).toFixed(0)} ms and ${shown(ours)}`,
  );
}

function runPass(before: readonly string[], side: Side): Pass {
  const [command = "", ...args] = [...before, process.execPath, "--disable-warning=ExperimentalWarning", CHILD, side];
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8", timeout: 60_000 });
  if (status !== 0) throw new Error(`the pass of ${side} failed: ${stderr.slice(-1000)}`);
  return JSON.parse(stdout) as Pass;
}

/** How many processes a pass starts, the shells around them included; undefined where strace is missing. Threads are none. */
function countProcesses(side: Side): number | undefined {
  if (!existsSync(STRACE)) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "bonusnode-bench-"));
  try {
    const trace = join(folder, "trace");
    runPass([STRACE, "-f", "-qq", "-e", "trace=clone,clone3,fork,vfork", "-e", "signal=none", "-o", trace], side);
    const calls = readFileSync(trace, "utf8").split("\n");
    return calls.filter((line) => /^\d+ +(clone3?|v?fork)\(/.test(line) && !line.includes("CLONE_THREAD")).length;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function shown(count: number | undefined): string {
  return count === undefined ? "not counted (apt-get install strace)" : String(count);
}
