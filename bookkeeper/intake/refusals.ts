import { bytesEqual, toHex } from "../../base/index.ts";
import { type Ed25519, nodeTopic, refusalMessage } from "../../protocol/index.ts";
import type { BookkeeperEvent } from "../events.ts";
import type { Ledger } from "../ledger/ledger-store.ts";
import { onlyKeyOf, type Sender } from "./sender.ts";

/** What taking refusals needs. */
export interface RefusalNeeds {
  readonly ledger: Ledger;
  readonly ed25519: Ed25519;
  readonly emit: (event: BookkeeperEvent) => void;
  readonly disbelieve: (topic: string, reason: string, detail: string) => void;
}

/** Takes nodes' refusals of assignments: they are not sent again, and what a node says it does not hold counts as gone. */
export function makeRefusals(needs: RefusalNeeds, network: string): { onRefusal(sender: Sender, payload: Uint8Array): void } {
  const { ledger } = needs;
  return {
    onRefusal: (sender, payload) => {
      const opened = refusalMessage.open(payload, network, onlyKeyOf(sender), needs.ed25519);
      if (!opened.ok) return needs.disbelieve(nodeTopic(network, sender.id, "pow"), opened.error.code, opened.error.message);
      const { assignment: id, reason, detail = "" } = opened.value.body;
      const row = id === undefined ? undefined : ledger.assignments.get(id);
      if (row !== undefined && bytesEqual(row.node, sender.key)) {
        ledger.transaction(() => {
          // Whoever says it was done before has taken it before: its proof is on the way, or here already.
          if (reason !== "replayed" && reason !== "conflicting") ledger.assignments.close(row.id, "refused", reason);
          const { spec } = row.issued();
          const blob = spec["module"] ?? spec["blob"];
          if (reason === "blob-unknown" && blob instanceof Uint8Array) ledger.placements.remove(sender.key, blob);
        });
      }
      needs.emit({ type: "refusal", node: sender.id, assignment: id === undefined ? undefined : toHex(id), reason, detail });
    },
  };
}
