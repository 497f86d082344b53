import type { Tier, Usage } from "../protocol/index.ts";

/** What happens in the agent, for the terminal, the log and scripts. Ids are hexadecimal, keys are bech32m. */
export type AgentEvent =
  | { readonly type: "started"; readonly node: string; readonly bootCount: number; readonly tier: Tier; readonly board: string }
  | { readonly type: "online"; readonly protocolVersion: 4 | 5 }
  | { readonly type: "offline"; readonly why: string; readonly retryInMs: number }
  | { readonly type: "registered"; readonly bookkeeper: string; readonly chain: "confirmed" | "continued-elsewhere" }
  /** The machine was measured anew. */
  | { readonly type: "measured"; readonly tier: Tier | undefined; readonly reasons: readonly string[] }
  /** A bookkeeper takes the node for another tier than before; `why`: where that is less than the node claims. */
  | { readonly type: "standing"; readonly bookkeeper: string; readonly tier: Tier; readonly why?: string | undefined }
  | { readonly type: "accepted"; readonly assignment: string; readonly kind: string; readonly what: string }
  | { readonly type: "refused"; readonly assignment: string | undefined; readonly reason: string; readonly detail: string }
  | { readonly type: "began"; readonly assignment: string; readonly kind: string; readonly attempt: number }
  | { readonly type: "progress"; readonly assignment: string; readonly text: string }
  | {
      readonly type: "finished";
      readonly assignment: string;
      readonly kind: string;
      readonly result: "done" | "failed";
      readonly reason?: string;
      readonly usage: Usage;
    }
  | { readonly type: "proved"; readonly assignment: string; readonly bootCount: number; readonly seq: number }
  | {
      readonly type: "receipt";
      readonly status: "accepted" | "refused" | "gap";
      readonly bootCount?: number | undefined;
      readonly fromSeq?: number | undefined;
      readonly toSeq?: number | undefined;
      readonly reason?: string | undefined;
      /** The node's whole contribution, in micro-points. */
      readonly contribution?: bigint | undefined;
    }
  | { readonly type: "trouble"; readonly what: string }
  | { readonly type: "stopped" };
