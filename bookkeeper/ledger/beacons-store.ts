import type { Database } from "../../base/index.ts";

/** A beacon that was published. */
export interface KeptBeacon {
  readonly height: number;
  readonly hash: Uint8Array;
  /** When, in milliseconds since 1970. */
  readonly atMs: number;
}

export type BeaconTable = ReturnType<typeof openBeaconTable>;

/** This bookkeeper's beacons, as long as they are remembered. */
export function openBeaconTable(database: Database) {
  const last = database.prepare("SELECT * FROM beacons ORDER BY height DESC LIMIT 1");
  const byHash = database.prepare("SELECT * FROM beacons WHERE hash = ?");
  const insert = database.prepare("INSERT INTO beacons VALUES (?, ?, ?)");
  const prune = database.prepare("DELETE FROM beacons WHERE at_ms < ?");
  return {
    last: (): KeptBeacon | undefined => asBeacon(last.get()),
    /** A beacon by its hash, while it is remembered. */
    byHash: (hash: Uint8Array): KeptBeacon | undefined => asBeacon(byHash.get(hash)),
    insert: (height: number, hash: Uint8Array, atMs: number): void => void insert.run(height, hash, atMs),
    forgetBefore: (atMs: number): void => void prune.run(atMs),
  };
}

function asBeacon(row: Record<string, unknown> | undefined): KeptBeacon | undefined {
  if (row === undefined) return undefined;
  return { height: Number(row["height"]), hash: row["hash"] as Uint8Array, atMs: Number(row["at_ms"]) };
}
