import type { Random } from "../base/index.ts";
import {
  decideTier,
  known,
  type MachineNeeds,
  type MachineProbe,
  type ProbeProgress,
  probeMachine,
  settleTier,
  summariseMachine,
  type Tier,
} from "../hal/index.ts";
import type { OwnerLimits } from "./config.ts";
import { beaconName, hasFailure, type KeptMeasurements, recallMeasurements, rememberMeasurements } from "./machine-memory.ts";
import type { AgentState } from "./state-store.ts";

/** How the machine is got to know. */
export interface MachineOptions {
  readonly version: string;
  readonly dataDirectory: string;
  readonly limits: OwnerLimits;
  readonly random: Random;
  /** Hash of the latest beacon of any bookkeeper, where one came. */
  readonly latestBeacon?: () => Uint8Array | undefined;
  /** The agent starts, perhaps because somebody mended what had failed: that is tried again at once. */
  readonly isStart?: boolean;
  /** Whether a measurement may load the machine now; true where this is left out. */
  readonly mayMeasure?: () => boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: ProbeProgress) => void) | undefined;
}

/** The machine, and since when its figures hold. */
export interface KnownMachine {
  readonly probe: MachineProbe;
  /** What its measurements came to over several runs; undefined: the machine is fit for no tier. */
  readonly held: Tier | undefined;
  /** Hash of the latest beacon before they were taken, as hexadecimal. */
  readonly measuredAfter: string | undefined;
  /** Whether it was measured just now. */
  readonly isNew: boolean;
}

/**
 * Probes the machine, measuring only where no measurement of an earlier run still holds. Undefined where a measurement is due and may
 * not be taken now.
 */
export async function knowMachine(
  needs: MachineNeeds,
  state: AgentState,
  options: MachineOptions,
): Promise<KnownMachine | undefined> {
  const { dataDirectory, limits, random, signal, onProgress } = options;
  const watch = { ...(signal === undefined ? {} : { signal }), ...(onProgress === undefined ? {} : { onProgress }) };
  const ask = { dataDirectory, ownerMaxTier: limits.max_tier, ...watch };
  const quick = await probeMachine(needs, { ...ask, measure: false });
  const conditions = conditionsOf(quick, options.version);
  const before = recallMeasurements(state, conditions, needs.clock.wallMs());
  const isWorthATry = before?.hasFailed === true && options.isStart === true;
  if (before?.isDue === false && !isWorthATry) return underKept(quick, before, limits, false);
  if (options.mayMeasure?.() === false) return undefined;

  const measuredAfter = beaconName(options.latestBeacon?.());
  const full = await probeMachine(needs, { ...ask, measure: true, standing: before?.standing?.tier });
  const run = full.decision.measuredTier;
  // A run that could not measure everything leaves no tier to hold on to: what is unknown counts as its lowest until it is known.
  const earlier = before?.hasFailed === true ? undefined : before?.standing;
  const standing = run === undefined || hasFailure(full.measured) ? undefined : settleTier(earlier, run);
  // Until a second run agrees the figures of the run before count on, or the tier and its figures would contradict each other.
  const isHeld = before !== undefined && standing?.candidate !== undefined;
  const figures = isHeld ? before : { measured: full.measured, measuredAfter };
  const kept = { conditions, standing, measured: figures.measured, measuredAfter: figures.measuredAfter };
  rememberMeasurements(state, kept, needs.clock.wallMs(), random);
  return underKept(full, kept, limits, true);
}

function underKept(probe: MachineProbe, kept: KeptMeasurements, limits: OwnerLimits, isNew: boolean): KnownMachine {
  const held = kept.standing?.tier;
  const { measuredAfter } = kept;
  return { probe: underLimits({ ...probe, measured: kept.measured }, limits, held), held, measuredAfter, isNew };
}

/** What a measurement depends on: when any of it changes, it has to be taken anew. */
function conditionsOf(quick: MachineProbe, version: string): string {
  const { effectiveMilliCpus, board } = summariseMachine(quick);
  const memory = known(quick.facts.memory)?.usableBytes;
  const volume = known(quick.facts.volume);
  return JSON.stringify([version, effectiveMilliCpus, board, memory, volume?.device, volume?.kind, volume?.totalBytes]);
}

/** The probe with its tier decided anew under the owner's limits, its measured tier being `held`. Pure. */
export function underLimits(probe: MachineProbe, limits: OwnerLimits, held: Tier | undefined): MachineProbe {
  const { facts, measured, board } = probe;
  return { ...probe, decision: decideTier({ facts, measured, board, ownerMaxTier: limits.max_tier, standing: held, held }) };
}

/** How many compute jobs run at once: whole cores out of the share that the owner lends, and one at least. Pure. */
export function computeSlots(probe: MachineProbe, limits: OwnerLimits): number {
  const milliCpus = summariseMachine(probe).effectiveMilliCpus ?? 1000;
  return Math.max(1, Math.floor((milliCpus / 1000) * limits.cpu_share));
}

/** The owner's limits, and no more of the CPU than the board's profile lets a device of its kind lend. Pure. */
export function limitsOnBoard(limits: OwnerLimits, probe: MachineProbe): OwnerLimits {
  const share = known(probe.board)?.profile.limits.cpu_share ?? 1;
  return share < limits.cpu_share ? { ...limits, cpu_share: share } : limits;
}

/** Memory that the board's profile keeps for the board's own work. Pure. */
export function boardReserveBytes(probe: MachineProbe): number {
  return (known(probe.board)?.profile.limits.ram_reserve_mb ?? 0) * 2 ** 20;
}
