import type { BenchmarkRun, Benchmarks, CpuTask } from "./benchmarks/benchmark.ts";
import { FIGURE_GROUPS, type Figure, type FigureGroup, type Measurements, NOTHING_MEASURED } from "./benchmarks/figure.ts";
import type { MachineFacts } from "./facts.ts";
import {
  DISK_BUDGET_MS,
  DISK_SMALL_BUDGET_MS,
  FULL_BUDGET_MS,
  LITE_BUDGET_MS,
  MAX_THREADS,
  SUSTAIN_MS,
  THREAD_MEMORY_BYTES,
} from "./limits.ts";
import { absent, found, known, type ProbeResult } from "./probe-result.ts";
import type { VolumeFacts } from "./probes/volume.ts";
import type { BoardMatch } from "./profiles/board-match.ts";
import { usableGpus } from "./summary.ts";
import { decideTier } from "./tiers/tier.ts";

/** What is known about a machine before it is measured. */
export interface KnownMachine {
  readonly facts: MachineFacts;
  readonly board: ProbeResult<BoardMatch>;
}

/** What is measured at the moment: a group, or the lasting speed of the processor. */
export type MeasuringPhase = FigureGroup | "sustained";

/** Which groups are measured, and how that is watched and stopped. */
export interface MeasureOptions {
  /**
   * Where this is left out: those of the processor, the memory, the disk, of a GPU that work could run on, and of the network where an
   * endpoint was given.
   */
  readonly groups?: readonly FigureGroup[] | undefined;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly phase: MeasuringPhase; readonly fraction: number }) => void;
}

const USUAL_GROUPS: readonly FigureGroup[] = ["cpu", "memory", "disk"];

/** A router is too small for the package that measuring a GPU takes; that there is an endpoint is the owner's consent to use it. */
function usualGroups({ facts, board }: KnownMachine, benchmarks: Benchmarks): readonly FigureGroup[] {
  const hasGpu = usableGpus(known(facts.gpus) ?? []).length > 0 && known(board)?.profile.board.class !== "router";
  return [...USUAL_GROUPS, ...(hasGpu ? (["gpu"] as const) : []), ...(benchmarks.bandwidth ? (["bandwidth"] as const) : [])];
}

/** Takes the measurements of those groups, one group after the other: together they would slow each other down. */
export async function measureGroups(
  benchmarks: Benchmarks,
  machine: KnownMachine,
  options: MeasureOptions,
): Promise<Measurements> {
  const { groups = usualGroups(machine, benchmarks), signal, onProgress } = options;
  const measured: Record<FigureGroup, ProbeResult<readonly Figure[]>> = { ...NOTHING_MEASURED };
  for (const group of FIGURE_GROUPS) {
    if (!groups.includes(group)) continue;
    const run: BenchmarkRun = {
      ...(signal === undefined ? {} : { signal }),
      onProgress: (fraction) => onProgress?.({ phase: group, fraction }),
    };
    measured[group] = await measureGroup(group, benchmarks, machine, run);
  }
  return measured;
}

/**
 * Adds `cpu.sustained` to the figures of the processor: a minute's work, asked only of a machine that all the rest makes a Super one.
 * The measurements stay as they are where the processor was not measured or nothing takes this one, and where it fails.
 */
export async function measureSustained(
  benchmarks: Benchmarks,
  machine: KnownMachine,
  measured: Measurements,
  options: MeasureOptions,
): Promise<Measurements> {
  const { signal, onProgress } = options;
  const figures = known(measured.cpu);
  if (figures === undefined || benchmarks.sustained === undefined) return measured;
  const sustained = await benchmarks.sustained(
    { ...threadTask(machine.facts), sustainMs: SUSTAIN_MS },
    {
      ...(signal === undefined ? {} : { signal }),
      onProgress: (fraction) => onProgress?.({ phase: "sustained", fraction }),
    },
  );
  return { ...measured, cpu: found([...figures, ...(known(sustained) ?? [])]) };
}

/** The measurements as they were if the processor kept all of its speed; as they are where it was not measured. Pure. */
export function assumeSustained(measured: Measurements): Measurements {
  const figures = known(measured.cpu);
  if (figures === undefined) return measured;
  const value = 1000;
  const ideal = { name: "cpu.sustained", version: 1, unit: "permille", value, slices: [value], spreadPercent: 0, durationMs: 0 };
  return { ...measured, cpu: found([...figures, { ...ideal, conditions: {} }]) };
}

async function measureGroup(
  group: FigureGroup,
  benchmarks: Benchmarks,
  machine: KnownMachine,
  run: BenchmarkRun,
): Promise<ProbeResult<readonly Figure[]>> {
  const { facts, board } = machine;
  const isSmall = isLite(machine);
  const budgetMs = isSmall ? LITE_BUDGET_MS : FULL_BUDGET_MS;
  const task = { ...threadTask(facts), budgetMs };
  switch (group) {
    case "cpu":
      return benchmarks.cpu(task, run);
    case "memory":
      return benchmarks.memory({ ...task, usableBytes: usableNow(facts), cacheBytes: lastCacheBytes(facts) }, run);
    case "disk": {
      const volume = known(facts.volume);
      const why = whyNotMeasureDisk(volume, board);
      if (why !== undefined || volume === undefined) return absent(why ?? "there is no data directory");
      return benchmarks.disk({ directory: volume.path, budgetMs: isSmall ? DISK_SMALL_BUDGET_MS : DISK_BUDGET_MS }, run);
    }
    case "gpu":
      return benchmarks.gpu?.({ budgetMs }, run) ?? absent("not measured");
    case "bandwidth":
      return benchmarks.bandwidth?.({ budgetMs }, run) ?? absent("no endpoint to measure against was named");
  }
}

/** Whether a machine cannot get above Lite whatever is measured, so that it is spared the longer measurements. */
function isLite({ facts, board }: KnownMachine): boolean {
  const { profileTier, metrics } = decideTier({ facts, measured: NOTHING_MEASURED, board });
  const isSmall = metrics.some(
    ({ name, tier }) => (name === "cpu.effective-cores" || name === "memory.usable") && tier !== "Normal" && tier !== "Super",
  );
  return profileTier === "Lite" || isSmall;
}

function threadTask(facts: MachineFacts): Omit<CpuTask, "budgetMs"> {
  return { threads: threadsFor(facts), effectiveMilliCpus: known(facts.cpu)?.effectiveMilliCpus };
}

/** All caches of the last level together; undefined where unknown. */
function lastCacheBytes(facts: MachineFacts): number | undefined {
  const caches = known(facts.cpu)?.caches ?? [];
  const lastLevel = Math.max(0, ...caches.map(({ level }) => level));
  const bytes = caches
    .filter(({ level }) => level === lastLevel)
    .reduce((sum, { sizeBytes = 0, instances }) => sum + sizeBytes * instances, 0);
  return bytes === 0 ? undefined : bytes;
}

/** What new work could take, within the limit on this process; undefined where unknown. */
function usableNow(facts: MachineFacts): number | undefined {
  const memory = known(facts.memory);
  if (memory?.usableBytes === undefined) return undefined;
  return Math.min(memory.usableBytes, memory.availableBytes ?? memory.usableBytes);
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
  if (volume.fileSystem === "overlay" && volume.kind === "sd") {
    return "the data would lie in the overlay of a memory card's image, which measuring wears out; mount a volume for it";
  }
  if (volume.fileSystem === "overlay" && volume.kind === undefined) {
    return "the data would lie in a container's own layer, of which the disk is not visible; mount a volume for it";
  }
  return undefined;
}
