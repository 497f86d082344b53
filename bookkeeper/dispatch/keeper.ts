import { type Clock, type Random, toHex } from "../../base/index.ts";
import type { Contents } from "../contents-store.ts";
import type { Ledger } from "../ledger/ledger-store.ts";
import type { Placement } from "../ledger/placements-store.ts";
import { ASK_AGAIN_MS } from "../limits.ts";
import { MODULE_ITEM, ORDER_ITEM, type Plan, type PlanItem } from "../plan.ts";
import type { Issuer } from "./issuer.ts";

/** What looking after kept blobs needs. */
export interface KeeperNeeds {
  readonly ledger: Ledger;
  readonly issuer: Issuer;
  readonly contents: Contents;
  readonly clock: Clock;
  readonly random: Random;
}

/** When a blob on a node is looked after next, in milliseconds since 1970. */
interface Dates {
  challengeMs: number;
  forgetMs: number;
}

/** What a node is told to forget a blob with that no item of the plan asks for any more. */
const FORGET: Pick<PlanItem, "expires" | "max_attempts"> = { expires: 300_000, max_attempts: 3 };

export type Keeper = ReturnType<typeof makeKeeper>;

/** Looks after the blobs that nodes keep: challenges them at random times, and has them forgotten when their time is over. */
export function makeKeeper(needs: KeeperNeeds, plan: Plan) {
  const { ledger, issuer, clock } = needs;
  const dates = new Map<string, ReadonlyMap<string, Dates>>();

  const forget = ({ node, blob }: Placement, name: string, terms: typeof FORGET): void => {
    // Whatever tier a node has come down to, what it took it can forget.
    const limits = { minTier: "Lite", maxAttempts: terms.max_attempts, expiresMs: terms.expires } as const;
    issuer.assign({ node, item: name, kind: "store", spec: { op: "delete", blob }, ...limits });
  };

  const look = (placement: Placement, next: Dates): void => {
    const now = clock.wallMs();
    const item = plan.items.find((each) => each.name === placement.item);
    const store = item?.store;
    // An answer about what is not here any more could not be checked.
    if (store === undefined || now - placement.placedMs >= store.keep || !needs.contents.has(placement.blob)) {
      const name = `${placement.item}/forget`;
      if (now < next.forgetMs || ledger.assignments.isOpen(placement.node, name, placement.blob)) return;
      forget(placement, name, item ?? FORGET);
      next.forgetMs = now + ASK_AGAIN_MS;
    } else if (now >= next.challengeMs && placement.size > 0) {
      issuer.challenge(placement, `${placement.item}/challenge`);
      next.challengeMs = now + waitWithMean(store.challenge_every, needs.random);
    }
  };

  /** The first challenge, too, comes at a random time: an exponential wait does not care when it began. */
  const firstDates = ({ item: name }: Placement): Dates => {
    const mean = plan.items.find((each) => each.name === name)?.store?.challenge_every ?? 0;
    return { challengeMs: clock.wallMs() + waitWithMean(mean, needs.random), forgetMs: 0 };
  };

  return {
    /** Looks after what a node keeps, as long as there is room for more work on it. */
    tend: (node: Uint8Array, isFull: () => boolean): void => {
      const name = toHex(node);
      const before = dates.get(name);
      const after = new Map<string, Dates>();
      for (const placement of ledger.placements.ofNode(node)) {
        // Modules and orders belong to nobody's item: they stay until they are asked back by hand.
        if (placement.item.startsWith(`${MODULE_ITEM}/`) || placement.item === ORDER_ITEM) continue;
        const blob = toHex(placement.blob);
        const next = before?.get(blob) ?? firstDates(placement);
        after.set(blob, next);
        if (!isFull()) look(placement, next);
      }
      if (after.size > 0) dates.set(name, after);
      else dates.delete(name);
    },
  };
}

/** A random wait with the given mean, exponentially distributed: how long it has lasted says nothing about how long it still will. */
function waitWithMean(meanMs: number, random: Random): number {
  return -Math.log(1 - random.fraction()) * meanMs;
}
