import { assert, type Database } from "../../base/index.ts";
import type { ChainHead } from "../../protocol/index.ts";

/** Where a registered node stands: which descriptor counts, and where its chain ends. */
export interface NodeState {
  /** Hash of the descriptor's payload. */
  readonly descriptorHash: Uint8Array;
  readonly head?: ChainHead;
}

/** A node as the ledger knows it. */
export interface NodeRow extends NodeState {
  readonly key: Uint8Array;
  /** The signed descriptor. */
  readonly descriptor: Uint8Array;
}

export type NodeTable = ReturnType<typeof openNodeTable>;

/** The registered nodes in the ledger's database, and the heads of their chains. */
export function openNodeTable(database: Database) {
  const joined = "FROM nodes LEFT JOIN heads ON heads.node = nodes.key";
  const select = database.prepare(`SELECT * ${joined} WHERE key = ?`);
  const state = database.prepare(`SELECT descriptor_hash, boot_count, seq, hash ${joined} WHERE key = ?`);
  const all = database.prepare(`SELECT * ${joined} ORDER BY key`);
  const descriptor = database.prepare("SELECT descriptor FROM nodes WHERE key = ?");
  const upsert = database.prepare(`INSERT INTO nodes VALUES (?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET descriptor = excluded.descriptor, descriptor_hash = excluded.descriptor_hash`);
  const head = database.prepare(`INSERT INTO heads VALUES (?, ?, ?, ?)
    ON CONFLICT (node) DO UPDATE SET boot_count = excluded.boot_count, seq = excluded.seq, hash = excluded.hash`);
  return {
    get: (key: Uint8Array): NodeRow | undefined => asNode(select.get(key)),
    /** The same without the descriptor itself. */
    stateOf: (key: Uint8Array): NodeState | undefined => {
      const row = state.get(key);
      return row === undefined ? undefined : asState(row);
    },
    /** The signed descriptor of a registered node. */
    descriptorOf: (key: Uint8Array): Uint8Array => {
      const row = descriptor.get(key);
      assert(row !== undefined, "the node is registered");
      return row["descriptor"] as Uint8Array;
    },
    all: (): NodeRow[] => all.all().flatMap((row) => asNode(row) ?? []),
    register: (key: Uint8Array, envelope: Uint8Array, hash: Uint8Array): void => void upsert.run(key, envelope, hash),
    setHead: (key: Uint8Array, to: ChainHead): void => void head.run(key, to.bootCount, to.seq, to.hash),
  };
}

function asNode(row: Record<string, unknown> | undefined): NodeRow | undefined {
  if (row === undefined) return undefined;
  return { key: row["key"] as Uint8Array, descriptor: row["descriptor"] as Uint8Array, ...asState(row) };
}

function asState(row: Record<string, unknown>): NodeState {
  const descriptorHash = row["descriptor_hash"] as Uint8Array;
  if (row["hash"] === null) return { descriptorHash };
  const head = { bootCount: Number(row["boot_count"]), seq: Number(row["seq"]), hash: row["hash"] as Uint8Array };
  return { descriptorHash, head };
}
