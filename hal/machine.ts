import type { Clock } from "../base/index.ts";
import type { BenchmarkRun, CpuBenchmark, DiskBenchmark } from "./benchmarks/benchmark.ts";
import type { DiskFigure } from "./benchmarks/figure.ts";
import { type BoardMatch, type BoardProfile, type BoardTraits, matchBoard } from "./board.ts";
import { type MachineFacts, readFacts } from "./facts.ts";
import type { Host } from "./host.ts";
import { MAX_THREADS, THREAD_MEMORY_BYTES } from "./limits.ts";
import type { Measurements } from "./metrics.ts";
import { absent, failed, found, known, type ProbeResult } from "./probe-result.ts";
import type { VolumeFacts } from "./probes/volume.ts";
import { decideTier, type TierDecision } from "./tier.ts";
import type { Tier } from "./tiers.ts";

/** What a probe of the machine stands on. */
export interface MachineNeeds {
  readonly host: Host;
  readonly clock: Clock;
  readonly boards: readonly BoardProfile[];
  readonly measureCpu: CpuBenchmark;
  readonly measureDisk: DiskBenchmark;
}

/** Which part of a probe runs, and how much of that part is done, from 0 to 1. */
export interface ProbeProgress {
  readonly phase: "facts" | "cpu" | "disk";
  readonly fraction: number;
}

/** How a machine is probed. */
export interface ProbeOptions {
  /** Where data is or would be kept: an absolute path, which need not exist yet. */
  readonly dataDirectory: string;
  /** Take the measurements too (about three seconds). Without them what only they tell is unknown. */
  readonly measure: boolean;
  /** What the owner allows at most. */
  readonly ownerMaxTier?: Tier | undefined;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ProbeProgress) => void;
}

/** Everything known about a machine, as plain data that JSON carries; what is undefined is left out there. */
export interface MachineProbe {
  /** Version of this shape. */
  readonly schema: 1;
  readonly facts: MachineFacts;
  readonly measured: Measurements;
  readonly board: ProbeResult<BoardMatch>;
  readonly decision: TierDecision;
}

/** Reads, measures, matches and decides. Rejects only with the signal's reason; what could not be found out says so in its place. */
export async function probeMachine(needs: MachineNeeds, options: ProbeOptions): Promise<MachineProbe> {
  const { dataDirectory, ownerMaxTier, signal, onProgress } = options;
  const watch = signal === undefined ? {} : { signal };
  onProgress?.({ phase: "facts", fraction: 0 });
  const facts = await readFacts(needs, { dataDirectory, ...watch });
  onProgress?.({ phase: "facts", fraction: 1 });
  const board = findBoard(facts, needs.boards);
  const measured = options.measure ? await measure(needs, facts, board, options) : NOT_MEASURED;
  return { schema: 1, facts, measured, board, decision: decideTier({ facts, measured, board, ownerMaxTier }) };
}

const NOT_MEASURED: Measurements = { cpu: absent("not measured"), disk: absent("not measured") };

async function measure(
  needs: MachineNeeds,
  facts: MachineFacts,
  board: ProbeResult<BoardMatch>,
  options: ProbeOptions,
): Promise<Measurements> {
  const runOf = (phase: ProbeProgress["phase"]): BenchmarkRun => ({
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    onProgress: (fraction) => options.onProgress?.({ phase, fraction }),
  });
  // One after the other: the CPU's threads would slow down the disk's, and the other way round.
  const cpu = await needs.measureCpu({ threads: threadsFor(facts) }, runOf("cpu"));
  const volume = known(facts.volume);
  const why = whyNotMeasureDisk(volume, board);
  const disk: ProbeResult<DiskFigure> =
    why !== undefined || volume === undefined
      ? absent(why ?? "there is no data directory")
      : await needs.measureDisk({ directory: volume.path }, runOf("disk"));
  return { cpu, disk };
}

/** One thread a core that the process can get, fewer where their memory would not fit. */
export function threadsFor(facts: MachineFacts): number {
  const cores = Math.ceil((known(facts.cpu)?.effectiveMilliCpus ?? 1000) / 1000);
  const fitting = Math.floor((known(facts.memory)?.usableBytes ?? THREAD_MEMORY_BYTES) / THREAD_MEMORY_BYTES);
  return Math.max(1, Math.min(cores, fitting, MAX_THREADS));
}

/** Why a volume is left alone; undefined where it may be measured. Bare flash wears, and memory measures nothing. */
export function whyNotMeasureDisk(volume: VolumeFacts | undefined, board: ProbeResult<BoardMatch>): string | undefined {
  if (volume === undefined) return "it is not known where the data would lie";
  if (known(board)?.profile.limits.disk_bench === false) return "the board profile forbids measuring its disk";
  if (volume.readOnly) return `${volume.mountPoint} is mounted read-only`;
  if (volume.kind === "mtd") return "the data would lie on bare flash, which measuring wears out";
  if (volume.kind === "ram") return "the data would lie in memory, not on a disk";
  if (volume.fileSystem === "overlay" && volume.kind === undefined) {
    return "the data would lie in a container's own layer, of which the disk is not visible; mount a volume for it";
  }
  return undefined;
}

/** The profile for a machine. `failed` where the profiles contradict each other. */
export function findBoard(facts: MachineFacts, boards: readonly BoardProfile[]): ProbeResult<BoardMatch> {
  const match = matchBoard(boardTraits(facts), boards);
  if (!match.ok) return failed("malformed", match.error.message);
  return match.value === undefined ? absent("no board profile matches this machine") : found(match.value);
}

/** What tells a machine apart, out of everything known about it. */
export function boardTraits(facts: MachineFacts): BoardTraits {
  const identity = known(facts.board);
  return {
    compatible: identity?.compatible ?? [],
    dmiVendor: identity?.dmiVendor,
    dmiProduct: identity?.dmiProduct,
    chassisType: identity?.chassisType,
    isOpenwrt: known(facts.platform)?.openwrt !== undefined,
    arch: known(facts.cpu)?.arch,
  };
}
