/** Which phases a measurement has for its budget, when one is repeated, and what figures come of them. */
import type { CpuTask } from "./benchmark.ts";
import { WORK_UNITS, type WorkName } from "./cpu-works.ts";
import type { Order, Slice } from "./crew.ts";
import { bestOf, type Conditions, type Figure } from "./figure.ts";

/** One figure to be taken. */
export interface Phase extends Order {
  readonly name: string;
  readonly threads: number;
}

/** Where the CPU time went while a phase ran, in thousandths of a core, and how hot it got. What is undefined is unknown. */
export interface CpuLoad {
  /** CPU time that really arrived, over the whole phase and all threads. */
  readonly gotMilliCpus: number;
  readonly othersMilliCpus: number | undefined;
  /** Time that the hypervisor took while something here wanted to run, in thousandths of all time. */
  readonly stealPermille: number | undefined;
  /** The hottest sensor. */
  readonly milliCelsius: number | undefined;
}

/** A phase that was run: the slices of every thread. */
export interface PhaseRun {
  readonly slices: readonly (readonly Slice[])[];
  readonly load: CpuLoad;
  readonly durationMs: number;
}

/** Two periods of the usual CPU quota (100 ms), so that no slice fits between two throttlings. */
const LONG_SLICE_MS = 200;
/** One period: from its second slice on, work that a quota throttles gets the same in every window of that length. */
const PERIOD_MS = 100;
const SHORT_SLICE_MS = 40;
const MAX_LONG_SLICES = 5;
const MAX_SHORT_SLICES = 3;
/** Share of the budget that is planned; the rest is for starting and stopping and, where something disturbed, for repeating. */
const PLANNED_SHARE = 0.85;
/** The longest that a measurement may take, in budgets. */
const LATEST_SHARE = 1.2;

const SHORT_WORKS = ["float", "sha256", "sha256-native", "ed25519-native"] as const;

/**
 * The phases of the CPU measurement, the one on which the tier stands first: all kernels on all threads, then the same on one. Where
 * there is one thread anyway, each is taken once.
 */
export function planCpu(task: CpuTask): readonly Phase[] {
  const { threads, effectiveMilliCpus = threads * 1000, budgetMs } = task;
  const plannedMs = budgetMs * PLANNED_SHARE;
  const longSlices = Math.max(2, Math.min(MAX_LONG_SLICES, Math.floor((budgetMs * 0.2) / LONG_SLICE_MS)));
  const first: Phase = {
    ...{ name: "cpu.integer", work: "integer", threads, warmUpMs: Math.round(budgetMs / 40) },
    ...{ slices: longSlices, sliceMs: LONG_SLICE_MS },
  };
  const wide = SHORT_WORKS.map((work) => ({ name: `cpu.${work}`, work, threads }));
  const single = (["integer", ...SHORT_WORKS] as const).map((work) => ({ name: `cpu.${work}-1t`, work, threads: 1 }));
  const others = threads === 1 ? wide : [...wide, ...single];
  const eachMs = Math.max(SHORT_SLICE_MS, (plannedMs - costOf(first)) / others.length);
  const warmUpMs = Math.floor(eachMs / 6);
  const minSliceMs = effectiveMilliCpus < threads * 1000 ? PERIOD_MS : SHORT_SLICE_MS;
  const slices = Math.max(1, Math.min(MAX_SHORT_SLICES, Math.floor((eachMs - warmUpMs) / minSliceMs)));
  const fittingMs = Math.floor((eachMs - warmUpMs) / slices);
  const sliceMs = minSliceMs === PERIOD_MS ? Math.max(PERIOD_MS, fittingMs) : fittingMs;
  return [first, ...others.map((phase) => ({ ...phase, warmUpMs, slices, sliceMs }))];
}

/** What taking the phases needs. */
export interface PhaseNeeds {
  readonly run: (phase: Phase, onSlice: () => void) => Promise<PhaseRun>;
  readonly nowMs: () => number;
  readonly onProgress?: ((fraction: number) => void) | undefined;
}

/** When the measurement began, by the same clock, and what its figures share. */
export interface PhaseOptions {
  readonly startMs: number;
  readonly budgetMs: number;
  readonly effectiveMilliCpus: number | undefined;
  readonly conditions: Conditions;
}

/**
 * Takes a figure for each phase. One that something disturbed is taken once more where that leaves time for the others, and the better
 * of both counts. Where the budget and a fifth no longer hold all slices of a phase it gets fewer, and it is left out where not one fits:
 * all but the first, which the tier stands on.
 */
export async function takePhases(phases: readonly Phase[], needs: PhaseNeeds, options: PhaseOptions): Promise<readonly Figure[]> {
  const latestMs = options.startMs + options.budgetMs * LATEST_SHARE;
  const steps = phases.reduce((sum, phase) => sum + phase.slices, 0);
  const onSlice = (): void => needs.onProgress?.(++done / steps);
  let leftMs = phases.reduce((sum, phase) => sum + costOf(phase), 0);
  let done = 0;
  const figures: Figure[] = [];
  for (const whole of phases) {
    leftMs -= costOf(whole);
    const phase = fitInto(whole, latestMs - needs.nowMs(), whole === phases[0] ? 1 : 0);
    if (phase === undefined) continue;
    const phaseStartMs = needs.nowMs();
    const taken = figureFrom(phase, await needs.run(phase, onSlice), options);
    // What disturbed this one may go on, and makes the others take as much longer than planned.
    const slowness = Math.max(1, (needs.nowMs() - phaseStartMs) / costOf(phase));
    const hasTime = needs.nowMs() + (costOf(phase) + leftMs) * slowness <= latestMs;
    const again = isDoubtful(taken) && hasTime ? figureFrom(phase, await needs.run(phase, () => undefined), options) : undefined;
    figures.push(again === undefined ? taken : betterOf(taken, again));
  }
  return figures;
}

function fitInto(phase: Phase, leftMs: number, leastSlices: number): Phase | undefined {
  const fitting = Math.floor((leftMs - phase.warmUpMs) / phase.sliceMs);
  const slices = Math.max(leastSlices, Math.min(phase.slices, fitting));
  return slices < 1 ? undefined : { ...phase, slices };
}

function costOf(phase: Phase): number {
  return phase.warmUpMs + phase.slices * phase.sliceMs;
}

function figureFrom(phase: Phase, run: PhaseRun, options: PhaseOptions): Figure {
  const { name, work, threads } = phase;
  return {
    name,
    version: 1,
    unit: WORK_UNITS[work].unit,
    ...bestOf(ratesOf(work, run.slices)),
    durationMs: Math.round(run.durationMs),
    conditions: {
      threads,
      ...run.load,
      ...options.conditions,
      doubtful: doubtOf(run.load, threads, options.effectiveMilliCpus),
    },
  };
}

/** Units a second of each slice, all threads together. */
export function ratesOf(work: WorkName, slices: readonly (readonly Slice[])[]): readonly number[] {
  const { perRound } = WORK_UNITS[work];
  return (slices[0] ?? []).map((_, index) =>
    slices.reduce((sum, own) => sum + ((own[index]?.rounds ?? 0) * perRound * 1000) / (own[index]?.elapsedMs ?? 1), 0),
  );
}

/** More of all time than this was taken by the hypervisor: the figure is of the neighbours too. */
const MAX_STEAL_PERMILLE = 50;
/** Less of what the threads may use than this arrived: something else ran. */
const MIN_GOT_SHARE = 0.8;

/** What disturbed a measurement on that many threads; undefined where nothing did. A quota or an affinity is no disturbance. */
export function doubtOf(load: CpuLoad, threads: number, effectiveMilliCpus: number | undefined): "steal" | "busy" | undefined {
  if ((load.stealPermille ?? 0) > MAX_STEAL_PERMILLE) return "steal";
  const promised = Math.min(threads * 1000, effectiveMilliCpus ?? Number.POSITIVE_INFINITY);
  return load.gotMilliCpus < promised * MIN_GOT_SHARE ? "busy" : undefined;
}

function isDoubtful(figure: Figure): boolean {
  return figure.conditions["doubtful"] !== undefined;
}

/** An undisturbed figure before a disturbed one, and the faster of two alike. */
function betterOf(one: Figure, other: Figure): Figure {
  if (isDoubtful(one) !== isDoubtful(other)) return isDoubtful(one) ? other : one;
  return other.value > one.value ? other : one;
}
