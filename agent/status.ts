import { join } from "node:path";
import type { NodeFacts } from "./descriptor.ts";
import { type GrantedTiers, readGrantedTiers } from "./standings.ts";
import { type AgentState, openAgentState, type StateSummary } from "./state-store.ts";

/** The files of an agent's state directory. */
export const STATE_FILES = { seed: "identity.seed", state: "agent.db", certificate: "node.crt", blobs: "blobs" } as const;

type Note = Pick<NodeFacts, "board" | "tier" | "reasons" | "kinds" | "isolation"> & { readonly node: string };

/** What can be told of a node from its state directory, whether the agent runs or not. */
export type NodeStatus = Note & StateSummary & { /** What each bookkeeper takes the node for. */ readonly granted: GrantedTiers };

/** Keeps what `readNodeStatus` tells besides the figures. */
export function writeNote(state: AgentState, node: string, facts: NodeFacts): void {
  const { board, tier, reasons, kinds, isolation } = facts;
  state.transaction(() => state.meta.set("node", JSON.stringify({ node, board, tier, reasons, kinds, isolation })));
}

/** Reads a node's state. Throws BaseError `database-failed` where there is none; undefined before the agent's first full start. */
export function readNodeStatus(stateDirectory: string): NodeStatus | undefined {
  const state = openAgentState(join(stateDirectory, STATE_FILES.state), { readOnly: true });
  try {
    const note = state.meta.get("node");
    return typeof note === "string"
      ? { ...(JSON.parse(note) as Note), ...state.summary(), granted: readGrantedTiers(state) }
      : undefined;
  } finally {
    state.close();
  }
}
