import type { Clock } from "../../base/index.ts";
import type { Descriptor, Tier } from "../../protocol/index.ts";
import type { BookkeeperEvent } from "../events.ts";
import type { Ledger } from "../ledger/ledger-store.ts";
import type { NodeState } from "../ledger/nodes-store.ts";
import { CONTRADICTION_WINDOW_MS } from "../limits.ts";
import { standingOf, type TierJudge } from "../verify/tier-judge.ts";
import type { Descriptors } from "./descriptors.ts";
import type { Sender } from "./sender.ts";

/** What standings need. */
export interface StandingNeeds {
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly descriptors: Descriptors;
  readonly judge: TierJudge;
  readonly emit: (event: BookkeeperEvent) => void;
  /** Tells a node what it is taken for, with the receipt to its descriptor. */
  readonly tell: (sender: Sender, state: NodeState) => void;
}

export type Standings = ReturnType<typeof makeStandings>;

/** What nodes are taken for: what they claim, unless their own figures or their proofs speak against it. */
export function makeStandings(needs: StandingNeeds) {
  const { ledger } = needs;

  const tierOf = (node: Uint8Array, descriptor: Descriptor): Tier => ledger.standings.get(node)?.tier ?? descriptor.tier;

  /** Judges anew, inside a transaction. Answers what is to be told once that is on disk; undefined where nothing changed. */
  const judge = (sender: Sender, descriptor: Descriptor): BookkeeperEvent | undefined => {
    const atMs = needs.clock.wallMs();
    const before = ledger.standings.get(sender.key);
    const against = ledger.standings.contradictionsSince(sender.key, atMs - CONTRADICTION_WINDOW_MS);
    const { tier, detail } = standingOf(descriptor, needs.judge, against);
    if (before?.tier === (detail === undefined ? undefined : tier) && before?.detail === detail) return undefined;
    ledger.standings.set(sender.key, detail === undefined ? undefined : { tier, detail });
    const told = detail ?? "It is taken for what it claims again.";
    ledger.records.append({ type: "standing", atMs, node: sender.key, tier, claimed: descriptor.tier, detail: told });
    return { type: "standing", node: sender.id, tier, claimed: descriptor.tier, detail: told };
  };

  return {
    judge,
    /** The tier that counts for a node that presented itself as this. */
    tierOf,
    /** Why a node is taken for less than it claims; undefined where it is not. */
    whyOf: (node: Uint8Array): string | undefined => ledger.standings.get(node)?.detail,
    /** Judges a node anew whose proofs said something about it, or whose time of that is over, and tells it of a change. */
    review: (sender: Sender): void => {
      const state = ledger.nodes.stateOf(sender.key);
      if (state === undefined) return;
      const descriptor = needs.descriptors.of(sender.key, state);
      const changed = ledger.transaction(() => judge(sender, descriptor));
      if (changed === undefined) return;
      needs.emit(changed);
      needs.tell(sender, state);
    },
  };
}
