import {
  decideTier,
  type MachineNeeds,
  type MachineProbe,
  type ProbeProgress,
  probeMachine,
  summariseMachine,
} from "../hal/index.ts";
import type { OwnerLimits } from "./config.ts";
import { recallMeasurements, rememberMeasurements } from "./machine-memory.ts";
import type { AgentState } from "./state-store.ts";

/** How the machine is got to know at a start. */
export interface MachineOptions {
  readonly version: string;
  readonly dataDirectory: string;
  readonly limits: OwnerLimits;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: ProbeProgress) => void) | undefined;
}

/** Probes the machine, measuring only where no measurement of an earlier start still holds. */
export async function knowMachine(needs: MachineNeeds, state: AgentState, options: MachineOptions): Promise<MachineProbe> {
  const { version, dataDirectory, limits, signal, onProgress } = options;
  const watch = { ...(signal === undefined ? {} : { signal }), ...(onProgress === undefined ? {} : { onProgress }) };
  const ask = { dataDirectory, ownerMaxTier: limits.max_tier, ...watch };
  const quick = await probeMachine(needs, { ...ask, measure: false });
  const conditions = `${version} on ${summariseMachine(quick).effectiveMilliCpus} milli-cores`;
  const recalled = recallMeasurements(state, conditions, needs.clock.wallMs());
  if (recalled !== undefined) return underLimits({ ...quick, measured: recalled }, limits);
  const measured = await probeMachine(needs, { ...ask, measure: true });
  rememberMeasurements(state, conditions, needs.clock.wallMs(), measured.measured);
  return measured;
}

/** The probe with its tier decided anew under the owner's limits. Pure. */
export function underLimits(probe: MachineProbe, limits: OwnerLimits): MachineProbe {
  const { facts, measured, board } = probe;
  return { ...probe, decision: decideTier({ facts, measured, board, ownerMaxTier: limits.max_tier }) };
}

/** How many compute jobs run at once: whole cores out of the share that the owner lends, and one at least. Pure. */
export function computeSlots(probe: MachineProbe, limits: OwnerLimits): number {
  const milliCpus = summariseMachine(probe).effectiveMilliCpus ?? 1000;
  return Math.max(1, Math.floor((milliCpus / 1000) * limits.cpu_share));
}
