import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatTable } from "../cli/table.ts";
import { makeDiskBenchmark } from "../hal/benchmarks/disk-linux.ts";
import type { Figure } from "../hal/benchmarks/figure.ts";
import { DISK_BUDGET_MS, DISK_FILE_BYTES } from "../hal/limits.ts";
import { median } from "./proc.ts";

/*
 * The disk measurement beside fio on the same directory: the same file size, block sizes, direct I/O and one request at a time (fio's psync),
 * for about as long. In turns, and who begins changes, because a virtual disk has bursts and neighbours.
 */

const ROUNDS = 20;
const FIO = "/usr/bin/fio";

/** How fio is told to do the same. Ours writes the file over once within its slices, and does everything else by time. */
const JOBS = {
  "disk.sequential-read": ["--rw=read", "--bs=1M", "--time_based", "--runtime=600ms"],
  "disk.sequential-write": ["--rw=write", "--bs=1M"],
  "disk.random-read": ["--rw=randread", "--bs=4k", "--time_based", "--runtime=600ms"],
  "disk.random-write": ["--rw=randwrite", "--bs=4k", "--time_based", "--runtime=600ms"],
  "disk.durable-writes": ["--rw=randwrite", "--bs=4k", "--fdatasync=1", "--time_based", "--runtime=600ms"],
} as const;

type Name = keyof typeof JOBS;

const NAMES = Object.keys(JOBS) as Name[];

/** What one round gave for one figure, in its unit. */
interface Pair {
  /** The figure's value: the best slice. */
  readonly best: number;
  /** The middle of the slices, which is what compares with fio's mean. */
  readonly middle: number;
  readonly fio: number;
}

/** Runs the comparison and prints it. */
export async function benchHalDisk(print: (line: string) => void): Promise<void> {
  if (!existsSync(FIO)) install("fio");
  const directory = mkdtempSync(join(tmpdir(), "bonusnode-bench-"));
  const file = join(directory, "fio");
  try {
    const pairs = new Map(NAMES.map((name) => [name, [] as Pair[]]));
    runFio(file, ["--rw=write", "--bs=1M", "--end_fsync=1"]);
    for (let round = 0; round < ROUNDS; round++) {
      const runPeer = () => new Map(NAMES.map((name) => [name, runFio(file, JOBS[name])]));
      const early = round % 2 === 0 ? undefined : runPeer();
      const figures = await measure(directory);
      const peer = early ?? runPeer();
      for (const { name, value, slices } of figures) {
        const pair = { best: value, middle: median(slices), fio: peer.get(name as Name) ?? Number.NaN };
        pairs.get(name as Name)?.push(pair);
      }
    }
    report(print, pairs);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function report(print: (line: string) => void, pairs: ReadonlyMap<Name, readonly Pair[]>): void {
  const head = ["", "best slice", "middle slice", "fio", "ratio", "lowest", "highest", "best to fio"];
  const rows = NAMES.map((name) => {
    const rounds = pairs.get(name) ?? [];
    const middle = (pick: (pair: Pair) => number): number => median(rounds.map(pick));
    const ratios = rounds.map((pair) => pair.middle / pair.fio);
    const figures = [(pair: Pair) => pair.best, (pair: Pair) => pair.middle, (pair: Pair) => pair.fio];
    return [
      name,
      ...figures.map((pick) => String(Math.round(middle(pick)))),
      ...[median(ratios), Math.min(...ratios), Math.max(...ratios)].map((ratio) => ratio.toFixed(2)),
      middle((pair) => pair.best / pair.fio).toFixed(2),
    ];
  });
  print(`hal-disk: ${ROUNDS} turns each beside fio, ${DISK_FILE_BYTES / 2 ** 20} MiB, direct, one request at a time, medians`);
  print(formatTable([head, ...rows], { alignRight: [1, 2, 3, 4, 5, 6, 7], indent: 2 }));
  print("  MB/s of 1 MiB blocks, IOPS of 4 KiB blocks; ratio: middle slice to fio of the same turn, its median and range");
  print("  aim: the ratio of both reads and of sequential writes within 25 %");
}

async function measure(directory: string): Promise<readonly Figure[]> {
  const result = await makeDiskBenchmark()({ directory, budgetMs: DISK_BUDGET_MS }, {});
  if (result.kind !== "found") throw new Error(`no measurement in ${directory}: ${JSON.stringify(result)}`);
  return result.value;
}

/** MB/s of a sequential job, IOPS of a random one. */
function runFio(file: string, job: readonly string[]): number {
  const same = ["--direct=1", "--ioengine=psync", "--iodepth=1", `--size=${DISK_FILE_BYTES}`, "--overwrite=1"];
  const args = ["--name=peer", `--filename=${file}`, ...same, "--randrepeat=0", "--thread", "--output-format=json", ...job];
  const { status, stdout, stderr } = spawnSync(FIO, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`fio ${args.join(" ")} failed: ${stderr}`);
  const [result] = (JSON.parse(stdout.slice(stdout.indexOf("{"))) as FioOutput).jobs;
  const way = job.some((arg) => arg.endsWith("read")) ? result?.read : result?.write;
  if (way === undefined) throw new Error("fio printed no result");
  return job.includes("--bs=1M") ? way.bw_bytes / 1e6 : way.iops;
}

interface FioOutput {
  readonly jobs: readonly { readonly read: FioWay; readonly write: FioWay }[];
}

/** One direction of a job, as fio's JSON names it. */
interface FioWay {
  readonly bw_bytes: number;
  readonly iops: number;
}

function install(name: string): void {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  for (const args of [
    ["update", "-q"],
    ["install", "-y", "-q", "--no-install-recommends", name],
  ]) {
    const { status } = spawnSync("apt-get", args, { stdio: ["ignore", "ignore", "inherit"], env });
    if (status !== 0) throw new Error(`apt-get ${args.join(" ")} failed; install ${name} by hand`);
  }
}
