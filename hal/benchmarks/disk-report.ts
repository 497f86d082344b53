/** What the measuring thread of the disk says to the thread that started it, and the figures that follow from it. */
import type { ProbeFailure } from "../probe-result.ts";
import { BLOCK_BYTES, CHUNK_BYTES, type DiskWork } from "./disk-plan.ts";
import { bestOf, type Conditions, type Figure } from "./figure.ts";

/** The file that was laid out. */
export interface DiskSetup {
  /** Why reads and writes do not go around the page cache, so that reads are left out; undefined where they do. */
  readonly whyBuffered: string | undefined;
  readonly fileBytes: number;
  /** Slices that follow, fewer on a slow disk. */
  readonly slices: number;
}

/** One piece of work, repeated for the length of a slice. */
export interface DiskSlice {
  readonly work: DiskWork;
  readonly count: number;
  readonly bytes: number;
  readonly elapsedMs: number;
  /** How long each durable write took, in microseconds. */
  readonly latenciesUs?: readonly number[];
}

/** One message of the measuring thread. */
export type DiskMessage =
  | { readonly kind: "ready"; readonly setup: DiskSetup }
  | { readonly kind: "slice"; readonly slice: DiskSlice }
  | { readonly kind: "done"; readonly writtenBytes: number }
  | { readonly kind: "absent"; readonly why: string }
  | { readonly kind: "failed"; readonly code: ProbeFailure["code"]; readonly message: string };

/** Everything that one measurement brought. */
export interface DiskReport {
  readonly setup: DiskSetup;
  readonly slices: readonly DiskSlice[];
  /** All that was written, laying out the file included. */
  readonly writtenBytes: number;
  readonly durationMs: number;
}

/**
 * The figures of a report, one for each work of its slices and two percentiles. Where reads were left out, the condition
 * `readsLeftOut` of the others says why.
 */
export function diskFigures(report: DiskReport): Figure[] {
  const { setup, writtenBytes, durationMs } = report;
  const { whyBuffered, fileBytes } = setup;
  const direct = whyBuffered === undefined;
  const conditions = { fileBytes, direct, writtenBytes, ...(direct ? {} : { readsLeftOut: whyBuffered }) };
  const figureOf = (work: DiskWork, unit: string, version: number, rate: (slice: DiskSlice) => number): Figure[] => {
    const slices = report.slices.filter((slice) => slice.work === work);
    if (slices.length === 0) return [];
    const blockBytes = work.startsWith("sequential") ? CHUNK_BYTES : BLOCK_BYTES;
    const best = bestOf(slices.map(rate));
    return [{ name: `disk.${work}`, version, unit, ...best, durationMs, conditions: { blockBytes, ...conditions } }];
  };
  const megabytesPerSecond = (slice: DiskSlice): number => slice.bytes / slice.elapsedMs / 1000;
  const perSecond = (slice: DiskSlice): number => (slice.count / slice.elapsedMs) * 1000;
  return [
    ...figureOf("sequential-read", "MB/s", 1, megabytesPerSecond),
    ...figureOf("sequential-write", "MB/s", 1, megabytesPerSecond),
    ...figureOf("random-read", "IOPS", 1, perSecond),
    ...figureOf("random-write", "IOPS", 1, perSecond),
    ...figureOf("durable-writes", "writes/s", 2, perSecond),
    ...syncFigures(report, { blockBytes: BLOCK_BYTES, ...conditions }),
  ];
}

/** How long a durable write takes: the median, and what one in a hundred exceeds. Over all slices, unlike the rates. */
function syncFigures({ slices, durationMs }: DiskReport, conditions: Conditions): Figure[] {
  const latencies = slices.flatMap((slice) => (slice.work === "durable-writes" ? [slice.latenciesUs ?? []] : []));
  const all = latencies.flat();
  if (all.length === 0) return [];
  return [50, 99].map((percent) => {
    const each = latencies.filter((slice) => slice.length > 0).map((slice) => percentileOf(slice, percent));
    const worst = Math.max(...each);
    return {
      name: `disk.sync-p${percent}`,
      version: 1,
      value: percentileOf(all, percent),
      unit: "us",
      slices: each,
      spreadPercent: worst === 0 ? 0 : Math.round(((worst - Math.min(...each)) / worst) * 100),
      durationMs,
      conditions: { ...conditions, samples: all.length },
    };
  });
}

/** The smallest value that `percent` of a hundred do not exceed (nearest rank), rounded; NaN of none. */
export function percentileOf(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return Math.round(sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)] ?? Number.NaN);
}

/** What an error of the file system (errno(3), open(2), write(2)) means to a person. */
export function explainDiskError(
  error: { readonly code?: string | undefined; readonly message: string },
  directory: string,
): { readonly code: ProbeFailure["code"]; readonly message: string } {
  const { code = "", message } = error;
  const unreadable = (text: string) => ({ code: "unreadable", message: text }) as const;
  switch (code) {
    case "EACCES":
    case "EPERM":
      return { code: "denied", message: `no permission to write in ${directory}; run this as the user that runs the agent` };
    case "ENOENT":
    case "ENOTDIR":
      return unreadable(`${directory} is no directory; create it first`);
    case "EROFS":
      return unreadable(`${directory} is on a read-only file system`);
    case "ENOSPC":
      return unreadable(`no room in ${directory} for the file to measure with`);
    case "EDQUOT":
      return unreadable(`the quota of this user leaves no room in ${directory} for the file to measure with`);
    case "EIO":
      return unreadable(`the disk under ${directory} reports an input/output error; check it before trusting it with data`);
    case "ENOTSUP":
      return unreadable(`cannot write in ${directory}: its file system takes no such file`);
    default:
      return unreadable(`cannot write in ${directory}: ${code === "" ? message : code}`);
  }
}
