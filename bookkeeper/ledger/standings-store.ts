import type { Database } from "../../base/index.ts";
import type { Tier } from "../../protocol/index.ts";

/** The tier that this bookkeeper takes a node for, where that is not the one that it claims. */
export interface Standing {
  readonly tier: Tier;
  /** Why, for people. */
  readonly detail: string;
}

export type StandingTable = ReturnType<typeof openStandingTable>;

/** Nodes that are taken for less than they claim, and what their proofs showed that their descriptors deny. */
export function openStandingTable(database: Database) {
  const select = database.prepare("SELECT tier, detail FROM standings WHERE node = ?");
  const upsert = database.prepare(`INSERT INTO standings VALUES (?, ?, ?)
    ON CONFLICT (node) DO UPDATE SET tier = excluded.tier, detail = excluded.detail`);
  const remove = database.prepare("DELETE FROM standings WHERE node = ?");
  const insert = database.prepare("INSERT INTO contradictions VALUES (?, ?, ?)");
  const recent = database.prepare(
    "SELECT reason, count(*) AS n FROM contradictions WHERE node = ? AND at_ms >= ? GROUP BY reason ORDER BY reason",
  );
  const forget = database.prepare("DELETE FROM contradictions WHERE node = ? AND at_ms < ?");
  return {
    /** Undefined: the node is taken for what it claims. */
    get: (node: Uint8Array): Standing | undefined => {
      const row = select.get(node);
      return row === undefined ? undefined : { tier: row["tier"] as Tier, detail: row["detail"] as string };
    },
    /** Undefined: it is taken for what it claims again. */
    set: (node: Uint8Array, standing: Standing | undefined): void =>
      void (standing === undefined ? remove.run(node) : upsert.run(node, standing.tier, standing.detail)),
    /** A proof showed something that the node's descriptor denies. */
    addContradiction: (node: Uint8Array, atMs: number, reason: string): void => void insert.run(node, atMs, reason),
    /** How often each reason came since then. Older ones are forgotten. */
    contradictionsSince: (node: Uint8Array, sinceMs: number): { readonly reason: string; readonly count: number }[] => {
      forget.run(node, sinceMs);
      return recent.all(node, sinceMs).map((row) => ({ reason: row["reason"] as string, count: Number(row["n"]) }));
    },
  };
}
