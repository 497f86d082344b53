import type { Tier } from "../protocol/index.ts";

/** What happens in the bookkeeper, for the terminal, the log and scripts. Ids are hexadecimal, keys are bech32m. */
export type BookkeeperEvent =
  | { readonly type: "started"; readonly bookkeeper: string; readonly records: number }
  | { readonly type: "online"; readonly protocolVersion: 4 | 5 }
  | { readonly type: "offline"; readonly why: string; readonly retryInMs: number }
  | { readonly type: "registered"; readonly node: string; readonly tier: Tier; readonly board: string }
  | {
      /** A node is taken for another tier than before: less than it claims, or again that. */
      readonly type: "standing";
      readonly node: string;
      readonly tier: Tier;
      readonly claimed: Tier;
      readonly detail: string;
    }
  | {
      readonly type: "assigned";
      readonly node: string;
      readonly assignment: string;
      readonly kind: string;
      readonly item: string;
    }
  | {
      readonly type: "verified";
      readonly node: string;
      readonly assignment: string;
      readonly kind: string;
      readonly outcome: "done" | "failed";
      readonly reason?: string;
      readonly bootCount: number;
      readonly seq: number;
      readonly height: number;
      /** Micro-points. */
      readonly credited: bigint;
    }
  | {
      readonly type: "proof-refused";
      readonly node: string;
      readonly assignment: string;
      readonly kind: string;
      readonly reason: string;
      readonly detail: string;
    }
  | {
      readonly type: "refusal";
      readonly node: string;
      readonly assignment: string | undefined;
      readonly reason: string;
      readonly detail: string;
    }
  | { readonly type: "equivocation"; readonly node: string; readonly bootCount: number; readonly seq: number }
  | { readonly type: "disbelieved"; readonly topic: string; readonly reason: string; readonly detail: string }
  | {
      readonly type: "rechecked";
      readonly node: string;
      readonly assignment: string;
      readonly result: "agreed" | "differed";
      readonly detail: string;
    }
  | {
      readonly type: "account";
      readonly node: string;
      readonly online: bigint;
      readonly work: bigint;
      readonly bonus: bigint;
      readonly total: bigint;
    }
  | { readonly type: "trouble"; readonly what: string }
  | { readonly type: "stopped" };
