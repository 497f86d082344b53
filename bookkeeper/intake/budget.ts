import type { Clock } from "../../base/index.ts";
import { MAX_REMEMBERED_NODES } from "../limits.ts";

export type Budget = ReturnType<typeof makeBudget>;

/** An allowance for each node and hour. */
export function makeBudget(clock: Clock, perHour: number) {
  let hour = -1;
  const used = new Map<string, number>();
  return {
    /** Takes one from the node's allowance; false when it is used up. */
    take: (node: string): boolean => {
      const now = Math.floor(clock.monotonicMs() / 3_600_000);
      if (now !== hour || used.size >= MAX_REMEMBERED_NODES) {
        hour = now;
        used.clear();
      }
      const count = (used.get(node) ?? 0) + 1;
      used.set(node, count);
      return count <= perHour;
    },
  };
}
