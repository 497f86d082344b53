import type { Tier } from "./tiers.ts";

/** Where a device stands after some runs of its measurements. */
export interface TierStanding {
  /** What counts. */
  readonly tier: Tier;
  /** What the last run came to, where that was another tier: it counts once the next run comes to it as well. */
  readonly candidate?: Tier | undefined;
}

/**
 * The standing after one more run: the first run counts at once, every change after it takes two runs in a row that agree. One bad
 * minute, or one lucky one, moves nobody. Pure.
 */
export function settleTier(standing: TierStanding | undefined, run: Tier): TierStanding {
  if (standing === undefined || run === standing.tier || run === standing.candidate) return { tier: run };
  return { tier: standing.tier, candidate: run };
}
