import type { Database } from "../../base/index.ts";

/** A blob that a node proved to have taken. */
export interface Placement {
  readonly node: Uint8Array;
  readonly blob: Uint8Array;
  readonly size: number;
  /** When it was asked to take it, in milliseconds since 1970. */
  readonly placedMs: number;
  /** Byte-seconds since then that the node was credited with. */
  readonly claimed: bigint;
  /** The item of the plan that it belongs to, `module`, or `order`. */
  readonly item: string;
}

export type PlacementTable = ReturnType<typeof openPlacementTable>;

/**
 * Which blobs nodes keep. A blob that a node no longer holds leaves its row behind, out of sight: should it be placed there again, the
 * time that was paid for once is not paid for again.
 */
export function openPlacementTable(database: Database) {
  const select = database.prepare("SELECT * FROM placements WHERE node = ? AND blob = ?");
  // Without being told, SQLite would read the blobs that the node held once, too.
  const ofNode = database.prepare("SELECT * FROM placements INDEXED BY placements_held_of WHERE node = ? AND held = 1");
  const upsert = database.prepare(`INSERT INTO placements VALUES (?, ?, ?, ?, ?, ?, 1)
    ON CONFLICT (node, blob) DO UPDATE SET placed_at = excluded.placed_at, claimed = excluded.claimed, item = excluded.item, held = 1`);
  const claim = database.prepare("UPDATE placements SET claimed = claimed + ? WHERE node = ? AND blob = ?");
  const remove = database.prepare("UPDATE placements SET held = 0 WHERE node = ? AND blob = ?");
  const ofBlob = database.prepare("SELECT 1 FROM placements WHERE blob = ? AND held = 1 LIMIT 1");
  const find = (node: Uint8Array, blob: Uint8Array): (Placement & { readonly isHeld: boolean }) | undefined => {
    const row = select.get(node, blob);
    return row === undefined ? undefined : { ...asPlacement(row), isHeld: row["held"] === 1n };
  };
  return {
    /** What a node keeps of a blob now. */
    get: (node: Uint8Array, blob: Uint8Array): Placement | undefined => {
      const found = find(node, blob);
      return found?.isHeld === true ? found : undefined;
    },
    /** What a node keeps now. */
    ofNode: (node: Uint8Array): Placement[] => ofNode.all(node).map(asPlacement),
    /**
     * A node took a blob that it was asked to take at `placedMs`. Where it had kept it before until after that time, what was claimed
     * for the overlap counts as claimed.
     */
    place: ({ node, blob, size, placedMs, item }: Omit<Placement, "claimed">): void => {
      const before = find(node, blob);
      if (before?.isHeld === true) return;
      const earlierMs = before === undefined ? 0 : Math.max(0, placedMs - before.placedMs);
      const coveredBefore = (BigInt(size) * BigInt(earlierMs)) / 1000n;
      const claimed = before === undefined || before.claimed <= coveredBefore ? 0n : before.claimed - coveredBefore;
      upsert.run(node, blob, size, before === undefined ? placedMs : Math.max(placedMs, before.placedMs), claimed, item);
    },
    /** Byte-seconds of a blob were credited to a node. */
    addClaim: (node: Uint8Array, blob: Uint8Array, byteSeconds: bigint): void => void claim.run(byteSeconds, node, blob),
    /** A node no longer keeps a blob. */
    remove: (node: Uint8Array, blob: Uint8Array): void => void remove.run(node, blob),
    /** Whether any node keeps the blob. */
    isHeld: (blob: Uint8Array): boolean => ofBlob.get(blob) !== undefined,
  };
}

function asPlacement(row: Record<string, unknown>): Placement {
  return {
    node: row["node"] as Uint8Array,
    blob: row["blob"] as Uint8Array,
    size: Number(row["size"]),
    placedMs: Number(row["placed_at"]),
    claimed: row["claimed"] as bigint,
    item: row["item"] as string,
  };
}
