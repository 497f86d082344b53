import { BaseError, type Clock } from "../base/index.ts";
import type { AgentEvent } from "./events.ts";
import { FULL_DISK_WAIT_MS } from "./limits.ts";
import type { AgentState } from "./state-store.ts";

/** What the writer needs. */
export interface JournalWriterNeeds {
  readonly state: Pick<AgentState, "transaction">;
  readonly clock: Clock;
  readonly emit: (event: AgentEvent) => void;
}

/** Makes changes durable, waiting for room as long as the journal cannot be written, until `signal` or `close`. */
export function makeJournalWriter({ state, clock, emit }: JournalWriterNeeds, signal: AbortSignal) {
  let isFull = false;
  let isClosed = false;
  return {
    get isFull() {
      return isFull;
    },
    /** False when the agent stops first. What is no fault of the disk throws. */
    write: async (change: () => void): Promise<boolean> => {
      while (!isClosed) {
        try {
          state.transaction(change);
          isFull = false;
          return true;
        } catch (thrown) {
          if (!(thrown instanceof BaseError)) throw thrown;
          if (!isFull) emit({ type: "trouble", what: `${thrown.message}; no work is taken until the journal can be written` });
          isFull = true;
          if (signal.aborted) return false;
          await clock.sleep(FULL_DISK_WAIT_MS, signal).catch(() => undefined);
        }
      }
      return false;
    },
    close: (): void => {
      isClosed = true;
    },
  };
}
