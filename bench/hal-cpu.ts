import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { formatTable } from "../cli/table.ts";
import { type Figure, makeMachineNeeds } from "../hal/index.ts";
import { median } from "./proc.ts";

/*
 * The CPU measurement beside tools that people know: `openssl speed` for Node's own cryptography (the same work, so that the ratio should be
 * near 1), and `sysbench cpu` for how far repeated runs lie apart (another work, so that the ratio means nothing). In turns, in one run.
 */

const ROUNDS = 5;
const BUDGET_MS = 6_000;

/** One of our figures, and the tool that counts the same or the like. */
interface Pair {
  readonly figure: string;
  readonly peer: string;
  /** Whether both count the same work. */
  readonly isSame: boolean;
  readonly runPeer: (threads: number) => number | undefined;
}

const PAIRS: readonly Pair[] = [
  { figure: "cpu.sha256-native", peer: "openssl speed sha256", isSame: true, runPeer: opensslSha256 },
  { figure: "cpu.ed25519-native", peer: "openssl speed ed25519", isSame: true, runPeer: opensslVerify },
  { figure: "cpu.integer", peer: "sysbench cpu", isSame: false, runPeer: sysbenchCpu },
];

/** The same work by another tool, turn after turn. */
interface Series {
  readonly pair: Pair;
  readonly name: string;
  readonly threads: number;
  readonly ours: number[];
  readonly theirs: number[];
}

/** Runs the comparison and prints it. */
export async function benchHalCpu(print: (line: string) => void): Promise<void> {
  if (!["openssl", "sysbench"].every((tool) => existsSync(`/usr/bin/${tool}`))) {
    print("hal-cpu: not run, because its peers are not installed (apt-get install openssl sysbench)");
    process.exitCode = 1;
    return;
  }
  const needs = await makeMachineNeeds();
  if (!needs.ok) throw needs.error;
  const threads = availableParallelism();
  const all = new Map<string, Figure[]>();
  const series: readonly Series[] = PAIRS.flatMap((pair) => [
    { pair, name: `${pair.figure}-1t`, threads: 1, ours: [], theirs: [] },
    { pair, name: pair.figure, threads, ours: [], theirs: [] },
  ]);
  for (let round = 0; round < ROUNDS; round++) {
    const task = { threads, effectiveMilliCpus: undefined, budgetMs: BUDGET_MS };
    const result = await needs.value.benchmarks.cpu(task, {});
    if (result.kind !== "found") throw new Error(`the CPU measurement gave nothing: ${JSON.stringify(result)}`);
    for (const figure of result.value) all.set(figure.name, [...(all.get(figure.name) ?? []), figure]);
    for (const one of series) {
      const ours = result.value.find(({ name }) => name === one.name)?.value;
      const theirs = one.pair.runPeer(one.threads);
      if (ours === undefined || theirs === undefined) continue;
      one.ours.push(ours);
      one.theirs.push(theirs);
    }
  }
  report(print, series, all);
}

function report(print: (line: string) => void, series: readonly Series[], all: ReadonlyMap<string, readonly Figure[]>): void {
  const rows = series.map(({ pair, name, ours, theirs }) => {
    const ratios = ours.map((value, turn) => value / (theirs[turn] ?? Number.NaN));
    const ratio = pair.isSame ? median(ratios).toFixed(2) : "-";
    return [name, shown(ours), spread(ours), pair.peer, shown(theirs), spread(theirs), ratio];
  });
  const head = ["figure", "ours", "spread", "peer", "theirs", "spread", "ratio"];
  print(`hal-cpu: ${ROUNDS} turns, medians; spread is how far the turns lie apart`);
  print(formatTable([head, ...rows], { indent: 2, alignRight: [1, 2, 4, 5, 6] }));
  const own = [...all].map(([name, figures]) => {
    const values = figures.map(({ value }) => value);
    const doubtful = figures.filter(({ conditions }) => conditions["doubtful"] !== undefined).length;
    return [name, shown(values), figures[0]?.unit ?? "", spread(values), `${doubtful} of ${figures.length}`];
  });
  print(formatTable([["figure", "median", "", "spread", "disturbed"], ...own], { indent: 2, alignRight: [1, 3] }));
}

function shown(values: readonly number[]): string {
  return values.length === 0 ? "-" : String(Math.round(median(values)));
}

/** How much lower the lowest is than the highest. */
function spread(values: readonly number[]): string {
  return values.length === 0 ? "-" : `${Math.round((1 - Math.min(...values) / Math.max(...values)) * 100)} %`;
}

/** MB a second in pieces of 16 KiB. Its lines end in thousands of bytes: `sha256 1893593.21k`. */
function opensslSha256(threads: number): number | undefined {
  const output = run("openssl", ["speed", "-elapsed", "-seconds", "1", "-bytes", "16384", ...multi(threads), "-evp", "sha256"]);
  const thousands = /^\S*sha256\s+([\d.]+)k\s*$/im.exec(output)?.[1] ?? /^evp\s+([\d.]+)k?\s*$/m.exec(output)?.[1];
  return thousands === undefined ? undefined : Number(thousands) / 1000;
}

/** Verifications a second: the last column of its last line. */
function opensslVerify(threads: number): number | undefined {
  const output = run("openssl", ["speed", "-elapsed", "-seconds", "1", ...multi(threads), "ed25519"]);
  const perSecond = /Ed25519\)\s+\S+\s+\S+\s+[\d.]+\s+([\d.]+)\s*$/m.exec(output)?.[1];
  return perSecond === undefined ? undefined : Number(perSecond);
}

/** Events a second, each the search for all primes below 10 000. */
function sysbenchCpu(threads: number): number | undefined {
  const events = /events per second:\s+([\d.]+)/.exec(run("sysbench", ["cpu", `--threads=${threads}`, "--time=1", "run"]))?.[1];
  return events === undefined ? undefined : Number(events);
}

function multi(threads: number): readonly string[] {
  return threads === 1 ? [] : ["-multi", String(threads)];
}

function run(command: string, args: readonly string[]): string {
  return spawnSync(command, args, { encoding: "utf8", timeout: 30_000 }).stdout ?? "";
}
