import type { Clock } from "../../base/index.ts";
import type { ChainHead } from "../../protocol/index.ts";
import type { Place } from "../ledger/proofs-store.ts";
import { GAP_PAUSE_MS, MAX_REMEMBERED_GAPS } from "../limits.ts";

export type Gaps = ReturnType<typeof makeGaps>;

/** Which gaps are worth reporting, and which of them is only the start of a chain whose beginning nobody has any more. */
export function makeGaps(clock: Clock) {
  const reportedAtMs = new Map<string, number>();
  const lowest = new Map<string, Place>();
  return {
    /** Whether the node may be told of a gap now. */
    mayReport: (node: string): boolean => {
      const now = clock.monotonicMs();
      const reportedMs = reportedAtMs.get(node);
      if (reportedMs !== undefined && now - reportedMs < GAP_PAUSE_MS) return false;
      makeRoom(reportedAtMs);
      reportedAtMs.set(node, now);
      return true;
    },
    /** For a node without a head: whether the proof is the oldest that came, and came again after the node was told of the gap. */
    isAnchor: (node: string, head: ChainHead | undefined, { bootCount, seq }: Place): boolean => {
      if (head !== undefined) return false;
      const known = lowest.get(node);
      if (known !== undefined && known.bootCount === bootCount && known.seq === seq) return lowest.delete(node);
      if (known === undefined || bootCount < known.bootCount || (bootCount === known.bootCount && seq < known.seq)) {
        makeRoom(lowest);
        lowest.set(node, { bootCount, seq });
      }
      return false;
    },
  };
}

/** Forgets the oldest entry of a full map; its node meets the gap once more. */
function makeRoom(map: Map<string, unknown>): void {
  if (map.size >= MAX_REMEMBERED_GAPS) map.delete(map.keys().next().value ?? "");
}
