import { type Clock, toHex } from "../../base/index.ts";
import type { State, Tier } from "../../protocol/index.ts";
import type { Ledger } from "../ledger/ledger-store.ts";
import { PRESENCE_GAP_MS } from "../limits.ts";

/** An unbroken stretch of a node's presence that is not wholly booked yet. */
interface Stretch {
  readonly node: Uint8Array;
  readonly tier: Tier;
  fromMs: number;
  lastMs: number;
}

export type Presence = ReturnType<typeof makePresence>;

/**
 * Who is there, from signed signs of life: each has to cite a beacon just published (so it cannot have been signed ahead) and to be later
 * in the node's own order than the one before (so it cannot be played back). The time between two of them counts when the silence was
 * short; it is booked in pieces, by this bookkeeper's own clock.
 */
export function makePresence(needs: { readonly ledger: Ledger; readonly clock: Clock }, options: { readonly recordMs: number }) {
  const { ledger } = needs;
  const stretches = new Map<string, Stretch>();
  const order = new Map<string, { bootCount: number; uptimeSeconds: number }>();

  const book = (stretch: Stretch): void => {
    const durationMs = Math.trunc(stretch.lastMs - stretch.fromMs);
    if (durationMs <= 0) return;
    const { node, tier } = stretch;
    ledger.transaction(() => ledger.records.append({ type: "presence", atMs: needs.clock.wallMs(), node, durationMs, tier }));
    stretch.fromMs = stretch.lastMs;
  };

  const end = (name: string): void => {
    const stretch = stretches.get(name);
    stretches.delete(name);
    if (stretch !== undefined) book(stretch);
  };

  return {
    /** Takes a verified sign of life, of a registered node of this tier. Answers whether it counted. */
    onState: (node: Uint8Array, body: State, tier: Tier): boolean => {
      const name = toHex(node);
      const nowMs = needs.clock.wallMs();
      if (!isLater(body, order.get(name))) return false;
      order.set(name, { bootCount: body.bootCount, uptimeSeconds: body.uptimeSeconds });
      const stretch = stretches.get(name);
      if (!body.online) {
        end(name);
        return true;
      }
      const beacon = body.nonce === undefined ? undefined : ledger.beacons.byHash(body.nonce);
      if (beacon === undefined || nowMs - beacon.atMs > PRESENCE_GAP_MS) return false;
      if (stretch === undefined || stretch.tier !== tier || nowMs - stretch.lastMs > PRESENCE_GAP_MS) {
        end(name);
        stretches.set(name, { node, tier, fromMs: nowMs, lastMs: nowMs });
        return true;
      }
      stretch.lastMs = nowMs;
      if (stretch.lastMs - stretch.fromMs >= options.recordMs) book(stretch);
      return true;
    },
    isPresent: (node: Uint8Array): boolean => {
      const stretch = stretches.get(toHex(node));
      return stretch !== undefined && needs.clock.wallMs() - stretch.lastMs <= PRESENCE_GAP_MS;
    },
    /** Keys of the nodes that are there now. */
    present: (): Uint8Array[] => {
      const now = needs.clock.wallMs();
      return [...stretches.values()].filter((stretch) => now - stretch.lastMs <= PRESENCE_GAP_MS).map((stretch) => stretch.node);
    },
    /** Books what is left; for the end. */
    close: (): void => {
      for (const name of [...stretches.keys()]) end(name);
    },
  };
}

function isLater(body: State, last: { bootCount: number; uptimeSeconds: number } | undefined): boolean {
  if (last === undefined || body.bootCount > last.bootCount) return true;
  if (body.bootCount < last.bootCount) return false;
  // The last will is signed when its connection begins, so it may be older than the signs of life after it.
  return body.online ? body.uptimeSeconds > last.uptimeSeconds : true;
}
