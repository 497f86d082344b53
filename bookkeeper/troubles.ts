import { type Clock, type Log, messageOf } from "../base/index.ts";
import type { BookkeeperEvent } from "./events.ts";
import { TROUBLE_PAUSE_MS } from "./limits.ts";

/** Different troubles remembered at once. */
const MAX_REMEMBERED = 100;

export type Troubles = ReturnType<typeof makeTroubles>;

/** Tells people what goes wrong, the same thing not twice in a minute: what fails at each tick would drown everything else. */
export function makeTroubles(needs: {
  readonly clock: Clock;
  readonly log: Log;
  readonly emit: (event: BookkeeperEvent) => void;
}) {
  const toldAtMs = new Map<string, number>();
  const tell = (what: string, thrown: unknown): void => {
    const trouble = `${what}: ${messageOf(thrown)}`;
    const now = needs.clock.monotonicMs();
    const toldMs = toldAtMs.get(trouble);
    if (toldMs !== undefined && now - toldMs < TROUBLE_PAUSE_MS) return;
    if (toldAtMs.size >= MAX_REMEMBERED) toldAtMs.clear();
    toldAtMs.set(trouble, now);
    needs.log.error({ error: messageOf(thrown) }, `${what} failed`);
    needs.emit({ type: "trouble", what: trouble });
  };
  return {
    tell,
    /** Does something that may fail, and tells when it does. Never throws. */
    guard: (what: string, work: () => void): void => {
      try {
        work();
      } catch (thrown) {
        tell(what, thrown);
      }
    },
  };
}
