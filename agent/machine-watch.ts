import { type Clock, messageOf, type Random } from "../base/index.ts";
import type { KnownMachine } from "./machine.ts";

/** How often the machine is looked at, in milliseconds; a look without a measurement takes some milliseconds of CPU. */
const LOOK_MS = 10 * 60_000;

/** What the watch needs. */
export interface MachineWatchNeeds {
  readonly clock: Clock;
  readonly random: Random;
  /** Looks at the machine, and measures it where that is due; undefined where it is due and cannot be now. */
  readonly look: (signal: AbortSignal) => Promise<KnownMachine | undefined>;
  /** The machine was measured anew. */
  readonly onMeasured: (machine: KnownMachine) => void;
  readonly onTrouble: (what: string) => void;
}

/**
 * Looks at the machine again and again while the agent runs: another control group, memory, disk or board, a month that has passed, and
 * a run that a second one has to confirm all lead to new measurements. Answers how to end it.
 */
export function watchMachine(needs: MachineWatchNeeds): () => Promise<void> {
  const { clock, random } = needs;
  const stopping = new AbortController();
  const { signal } = stopping;
  const watch = async (): Promise<void> => {
    while (!signal.aborted) {
      await clock.sleep(LOOK_MS * (0.9 + 0.2 * random.fraction()), signal).catch(() => undefined);
      if (signal.aborted) return;
      try {
        const machine = await needs.look(signal);
        if (machine?.isNew === true) needs.onMeasured(machine);
      } catch (thrown) {
        if (!signal.aborted) needs.onTrouble(`the machine could not be measured anew: ${messageOf(thrown)}`);
      }
    }
  };
  const watching = watch();
  return async () => {
    stopping.abort();
    await watching;
  };
}
