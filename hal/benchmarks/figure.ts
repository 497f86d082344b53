import { absent, known, type ProbeResult } from "../probe-result.ts";

/** Where a measurement belongs, in the order in which the groups are measured; `bonusnode probe --only` takes these names. */
export const FIGURE_GROUPS = ["cpu", "memory", "disk", "gpu", "bandwidth"] as const;

export type FigureGroup = (typeof FIGURE_GROUPS)[number];

/** Conditions under which a figure was taken: plain values that JSON carries. Undefined: unknown. */
export type Conditions = Readonly<Record<string, number | string | boolean | undefined>>;

/**
 * What a measurement gives: one whole number with a unit, how far apart its slices were, and the conditions under which it was
 * taken. Figures of different versions are not comparable.
 */
export interface Figure {
  /** The group first: `cpu.integer`, `disk.random-read`. */
  readonly name: string;
  /** Raised whenever the kernel, the block size or the way of counting changes. */
  readonly version: number;
  /** The best slice, rounded down: a neighbour can only make a slice slower. A percentile where the name says so. */
  readonly value: number;
  readonly unit: string;
  /** Every slice in the order taken, in the same unit. */
  readonly slices: readonly number[];
  /** How much slower the worst slice was than the best, in percent. */
  readonly spreadPercent: number;
  readonly durationMs: number;
  readonly conditions: Conditions;
}

/** What was measured, by group. `absent` tells why a group was left out. */
export type Measurements = Readonly<Record<FigureGroup, ProbeResult<readonly Figure[]>>>;

/** The measurements of a machine on which nothing was measured. */
export const NOTHING_MEASURED: Measurements = {
  cpu: absent("not measured"),
  memory: absent("not measured"),
  disk: absent("not measured"),
  gpu: absent("not measured"),
  bandwidth: absent("not measured"),
};

/** The figure of that name; undefined where it was not measured. */
export function figureOf(measured: Measurements, name: string): Figure | undefined {
  const group = FIGURE_GROUPS.find((candidate) => name.startsWith(`${candidate}.`));
  return group === undefined ? undefined : known(measured[group])?.find((figure) => figure.name === name);
}

/** A condition that is a number; undefined where it is unknown or something else. */
export function numberIn(conditions: Conditions, name: string): number | undefined {
  const value = conditions[name];
  return typeof value === "number" ? value : undefined;
}

/** The best of some slices and their spread; zero of both where there is none. */
export function bestOf(rates: readonly number[]): {
  readonly value: number;
  readonly slices: readonly number[];
  readonly spreadPercent: number;
} {
  const slices = rates.map(Math.floor);
  const value = Math.max(0, ...slices);
  const worst = Math.min(value, ...slices);
  return { value, slices, spreadPercent: value === 0 ? 0 : Math.round(((value - worst) / value) * 100) };
}
