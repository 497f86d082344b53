import { type Descriptor, MAX_TEXT, TIERS, type Tier } from "../../protocol/index.ts";
import { CONTRADICTIONS_TO_DEMOTE } from "../limits.ts";

/**
 * Judges what a descriptor says of its machine by the rules of tiers: whether it agrees with itself, and which tier its figures carry.
 * Never answers more than is claimed; `reasons` say why it is less. Whoever composes the program brings it.
 */
export type TierJudge = (claims: Pick<Descriptor, "tier" | "facts" | "measured">) => {
  readonly tier: Tier;
  readonly reasons: readonly string[];
};

/** Reasons of failed and refused proofs that no device gives which is what its descriptor says. */
const CONTRADICTING: ReadonlySet<string> = new Set([
  // It says that it has the room, and takes the assignment on it.
  "no-room",
  // It lost or never held what it was paid to keep.
  "wrong-answer",
  // It used more than the machine that it describes can give.
  "implausible-cpu",
  "implausible-memory",
  "implausible-bytes",
]);

/** Whether the reason of a proof's failure or refusal speaks against its node's descriptor. */
export function isContradicting(reason: string | undefined): boolean {
  return reason !== undefined && CONTRADICTING.has(reason);
}

/** What a node is taken for: never more than it claims, what its figures carry, and one tier less while its proofs deny them. Pure. */
export function standingOf(
  descriptor: Descriptor,
  judge: TierJudge,
  contradictions: readonly { readonly reason: string; readonly count: number }[],
): { readonly tier: Tier; readonly detail: string | undefined } {
  const verdict = judge(descriptor);
  const count = contradictions.reduce((sum, each) => sum + each.count, 0);
  const isDenied = count >= CONTRADICTIONS_TO_DEMOTE;
  const below = TIERS[Math.max(0, TIERS.indexOf(descriptor.tier) - 1)] ?? TIERS[0];
  const tier = isDenied && TIERS.indexOf(below) < TIERS.indexOf(verdict.tier) ? below : verdict.tier;
  if (tier === descriptor.tier) return { tier, detail: undefined };
  const denied = `In a day ${count} of its proofs spoke against its descriptor: ${contradictions.map(({ reason }) => reason).join(", ")}.`;
  return { tier, detail: [...(isDenied ? [denied] : []), ...verdict.reasons].join(" ").slice(0, MAX_TEXT) };
}
