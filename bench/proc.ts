import { readFileSync } from "node:fs";

/** What a process used so far. */
export interface ProcessFigures {
  readonly cpuSeconds: number;
  /** Resident bytes. */
  readonly rssBytes: number;
  /** Bytes that would come free if it ended: what no other process shares. */
  readonly privateBytes: number;
}

/** Reads a process from /proc (proc_pid_stat(5), in ticks of 10 ms; proc_pid_smaps(5)). */
export function readProcess(pid: number): ProcessFigures {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const kibibytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(rollup)?.[1] ?? 0);
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12]) + Number(fields[13]) + Number(fields[14])) / 100,
    rssBytes: kibibytes("Rss") * 1024,
    privateBytes: (kibibytes("Private_Clean") + kibibytes("Private_Dirty")) * 1024,
  };
}

/** The middle of some figures. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? (sorted[middle] ?? Number.NaN) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
