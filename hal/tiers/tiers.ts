/** Classes of devices, from least to most. */
export const TIERS = ["Lite", "Normal", "Super"] as const;
export type Tier = (typeof TIERS)[number];

/** The lower of two tiers. */
export function lowerTier(left: Tier, right: Tier): Tier {
  return TIERS.indexOf(left) < TIERS.indexOf(right) ? left : right;
}

/** The tier above; undefined above the highest. */
export function nextTier(tier: Tier): Tier | undefined {
  return TIERS[TIERS.indexOf(tier) + 1];
}
