import type { Receipt, Tier } from "../protocol/index.ts";
import { formatId } from "../protocol/index.ts";
import type { AgentEvent } from "./events.ts";
import type { AgentState } from "./state-store.ts";

/** What a bookkeeper takes this node for. */
export interface GrantedTier {
  readonly tier: Tier;
  /** Why that is less than the node claims; undefined where it is not. */
  readonly why?: string | undefined;
  /** When the bookkeeper said so, in seconds of its own time since 1970. */
  readonly saidAt: number;
}

/** What each bookkeeper takes this node for, by the bookkeeper's id. */
export type GrantedTiers = Readonly<Record<string, GrantedTier>>;

/** Reads what was kept; empty where nothing was, or where it was damaged. */
export function readGrantedTiers(state: Pick<AgentState, "meta">): GrantedTiers {
  const text = state.meta.get("granted");
  try {
    return typeof text === "string" ? (JSON.parse(text) as GrantedTiers) : {};
  } catch {
    return {};
  }
}

/** Keeps what bookkeepers say of this node's tier in the receipts to its descriptor, the later word of each. */
export function makeStandings(state: AgentState, emit: (event: AgentEvent) => void) {
  return {
    /** Takes a receipt to the descriptor that counts. An earlier word that was played back changes nothing. */
    onReceipt: ({ issuer, issuedAt, tier, detail }: Pick<Receipt, "issuer" | "issuedAt" | "tier" | "detail">): void => {
      if (tier === undefined) return;
      const bookkeeper = formatId(issuer);
      const granted = readGrantedTiers(state);
      const before = granted[bookkeeper];
      if (before !== undefined && before.saidAt > issuedAt) return;
      const now: GrantedTier = { tier, why: detail, saidAt: issuedAt };
      state.transaction(() => state.meta.set("granted", JSON.stringify({ ...granted, [bookkeeper]: now })));
      if (before?.tier !== tier || before.why !== detail) emit({ type: "standing", bookkeeper, tier, why: detail });
    },
  };
}
