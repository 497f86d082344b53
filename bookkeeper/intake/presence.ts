import { type Clock, toHex } from "../../base/index.ts";
import type { State, Tier } from "../../protocol/index.ts";
import type { Ledger } from "../ledger/ledger-store.ts";
import { MAX_REMEMBERED_NODES, PRESENCE_GAP_MS } from "../limits.ts";

/** An unbroken stretch of a node's presence that is not wholly booked yet. */
interface Stretch {
  readonly node: Uint8Array;
  readonly tier: Tier;
  fromMs: number;
  lastMs: number;
}

/** The latest sign of life in the node's own order. */
interface Moment {
  readonly bootCount: number;
  readonly uptimeSeconds: number;
  /** Height of the beacon that it cited. */
  readonly beaconHeight: number;
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
  const latest = new Map<string, Moment>();

  const book = (stretch: Stretch): void => {
    const durationMs = Math.trunc(stretch.lastMs - stretch.fromMs);
    if (durationMs <= 0) return;
    const { node, tier } = stretch;
    ledger.transaction(() => ledger.records.append({ type: "presence", atMs: needs.clock.wallMs(), node, durationMs, tier }));
    stretch.fromMs = stretch.lastMs;
  };

  const end = (name: string): void => {
    const stretch = stretches.get(name);
    if (stretch !== undefined) book(stretch);
    stretches.delete(name);
  };

  const remember = (name: string, moment: Moment): void => {
    // Put at the end, so that the first one is that of the longest silence: too long for anything old to count as fresh.
    latest.delete(name);
    if (latest.size >= MAX_REMEMBERED_NODES) latest.delete(latest.keys().next().value ?? "");
    latest.set(name, moment);
  };

  const isThere = ({ lastMs }: Stretch): boolean => needs.clock.wallMs() - lastMs <= PRESENCE_GAP_MS;

  /** A node says that it leaves, or its broker says so for it with what it signed when it came. */
  const onLeave = (name: string, { bootCount }: State): boolean => {
    const before = latest.get(name);
    if (before !== undefined && bootCount < before.bootCount) return false;
    end(name);
    return true;
  };

  return {
    /** Takes a verified sign of life, of a registered node of this tier. Answers whether it counted. Throws what the ledger throws. */
    onState: (node: Uint8Array, body: State, tier: Tier): boolean => {
      const name = toHex(node);
      if (!body.online) return onLeave(name, body);
      const nowMs = needs.clock.wallMs();
      const beacon = body.nonce === undefined ? undefined : ledger.beacons.byHash(body.nonce);
      if (beacon === undefined || nowMs - beacon.atMs > PRESENCE_GAP_MS) return false;
      const { bootCount, uptimeSeconds } = body;
      const moment = { bootCount, uptimeSeconds, beaconHeight: beacon.height };
      if (!isLater(moment, latest.get(name))) return false;
      remember(name, moment);
      const stretch = stretches.get(name);
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
      return stretch !== undefined && isThere(stretch);
    },
    /** Keys of the nodes that are there now. Stretches that ended in silence are booked; throws what the ledger throws then. */
    present: (): Uint8Array[] => {
      for (const [name, stretch] of stretches) if (!isThere(stretch)) end(name);
      return [...stretches.values()].map((stretch) => stretch.node);
    },
    /** Books what is left; for the end. */
    close: (): void => {
      for (const name of [...stretches.keys()]) end(name);
    },
  };
}

function isLater(moment: Moment, last: Moment | undefined): boolean {
  if (last === undefined) return true;
  // A node that lost its state counts from one again; what cites a later beacon was signed later all the same.
  if (moment.beaconHeight !== last.beaconHeight) return moment.beaconHeight > last.beaconHeight;
  if (moment.bootCount !== last.bootCount) return moment.bootCount > last.bootCount;
  return moment.uptimeSeconds > last.uptimeSeconds;
}
