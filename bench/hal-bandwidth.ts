import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatTable } from "../cli/table.ts";
import { startTurns, type Turn, type Turns } from "../hardware-tests/bandwidth-turns.ts";
import { makeShapedLink } from "../hardware-tests/shaped-link.ts";
import { median } from "./proc.ts";

/*
 * The bandwidth measurement beside iperf3 through a link of known rate between two network namespaces: the same streams and about the same
 * time, in turns, and who begins changes. What is compared is goodput, and the CPU time of both ends for each gigabyte.
 */

const REPETITIONS = 4;
const LINKS = [
  { rate: 50_000_000, byteCap: 25_000_000 },
  { rate: 200_000_000, byteCap: 100_000_000 },
] as const;
const DIRECTIONS = ["down", "up"] as const;

type Direction = (typeof DIRECTIONS)[number];
type Round = Readonly<Record<Direction, Turn>>;

/** Runs the comparison and prints it. */
export async function benchHalBandwidth(print: (line: string) => void, repetitions: number = REPETITIONS): Promise<void> {
  const missing = ["/usr/bin/iperf3", "/sbin/tc"].filter((file) => !existsSync(file));
  if (missing.length > 0 || process.getuid?.() !== 0) {
    const why = missing.length > 0 ? `${missing.join(" and ")} missing (apt-get install iperf3 iproute2)` : "it needs root";
    print(`hal-bandwidth: not run, ${why}`);
    process.exitCode = 1;
    return;
  }
  print(`hal-bandwidth: goodput through a shaped link, 4 streams, ${repetitions} turns each, medians (least to most)`);
  const head = ["", "ours kbit/s", "iperf3 kbit/s", "ratio", "ours CPU s/GB", "iperf3 CPU s/GB"];
  const rows: string[][] = [];
  for (const { rate, byteCap } of LINKS) {
    const { ours, iperf } = await compare(rate, byteCap, repetitions);
    for (const direction of DIRECTIONS) rows.push(rowOf(`${rate / 1e6} Mbit/s ${direction}`, direction, ours, iperf));
  }
  print(formatTable([head, ...rows], { alignRight: [1, 2, 3, 4, 5], indent: 2 }));
}

function rowOf(name: string, direction: Direction, ours: readonly Round[], iperf: readonly Round[]): string[] {
  const rates = (rounds: readonly Round[]): number[] => rounds.map((round) => Math.round(round[direction].kilobitsPerSecond));
  const range = (values: readonly number[]): string =>
    `${Math.round(median(values))} (${Math.min(...values)}-${Math.max(...values)})`;
  const cpuOf = (rounds: readonly Round[]): string =>
    median(rounds.map((round) => (round[direction].cpuSeconds * 1e9) / round[direction].bytes)).toFixed(2);
  const ratio = (median(rates(ours)) / median(rates(iperf))).toFixed(3);
  return [name, range(rates(ours)), range(rates(iperf)), ratio, cpuOf(ours), cpuOf(iperf)];
}

async function compare(rate: number, byteCap: number, repetitions: number): Promise<{ ours: Round[]; iperf: Round[] }> {
  const directory = mkdtempSync(join(tmpdir(), "bonusnode-bench-"));
  const link = makeShapedLink(`bonusbench${rate / 1e6}`, rate);
  const ours: Round[] = [];
  const iperf: Round[] = [];
  try {
    const turns = await startTurns(link, directory, byteCap);
    try {
      for (let repetition = 0; repetition < repetitions; repetition++) {
        const takeOurs = async (): Promise<void> => void ours.push(await measureOurs(turns));
        const takeIperf = async (): Promise<void> =>
          void iperf.push({ down: await turns.iperf("down"), up: await turns.iperf("up") });
        for (const take of repetition % 2 === 0 ? [takeOurs, takeIperf] : [takeIperf, takeOurs]) await take();
      }
    } finally {
      await turns.stop();
    }
  } finally {
    link.remove();
    rmSync(directory, { recursive: true, force: true });
  }
  return { ours, iperf };
}

/** One session of ours. Its CPU time is divided between the directions by their bytes. */
async function measureOurs(turns: Turns): Promise<Round> {
  const { result, cpuSeconds } = await turns.ours();
  if (result.kind !== "found") throw new Error(JSON.stringify(result));
  const figureOf = (direction: Direction) => result.value.find(({ name }) => name === `bandwidth.${direction}`);
  const bytesOf = (direction: Direction): number => Number(figureOf(direction)?.conditions["movedBytes"]);
  const turnOf = (direction: Direction): Turn => ({
    kilobitsPerSecond: figureOf(direction)?.value ?? 0,
    cpuSeconds: (cpuSeconds * bytesOf(direction)) / (bytesOf("down") + bytesOf("up")),
    bytes: bytesOf(direction),
  });
  return { down: turnOf("down"), up: turnOf("up") };
}
