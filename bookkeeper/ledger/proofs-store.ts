import type { Database } from "../../base/index.ts";

/** A place in a node's chain. */
export interface Place {
  readonly bootCount: number;
  readonly seq: number;
}

/** A proof that the ledger holds a place for. */
export interface HeldProof {
  readonly hash: Uint8Array;
  readonly receipt: KeptReceipt;
}

/** A signed receipt as it was given, for everyone who asks again. */
export interface KeptReceipt {
  readonly id: number;
  readonly envelope: Uint8Array;
}

export type ProofTable = ReturnType<typeof openProofTable>;

/** The proofs that were answered, each with the receipt that answered it. */
export function openProofTable(database: Database) {
  const select = database.prepare(
    "SELECT hash, id, envelope FROM proofs JOIN receipts ON receipts.id = proofs.receipt WHERE node = ? AND boot_count = ? AND seq = ?",
  );
  const insertReceipt = database.prepare("INSERT INTO receipts (envelope) VALUES (?)");
  const insert = database.prepare("INSERT INTO proofs VALUES (?, ?, ?, ?, ?)");
  const count = database.prepare("SELECT count(*) AS n FROM proofs");
  const evidence = database.prepare(
    "SELECT id, envelope FROM equivocations JOIN receipts ON receipts.id = equivocations.receipt WHERE node = ? AND boot_count = ? AND seq = ? AND hash = ?",
  );
  const insertEvidence = database.prepare("INSERT INTO equivocations VALUES (?, ?, ?, ?, ?)");
  const keep = (receipt: Uint8Array): number => Number(insertReceipt.run(receipt).lastInsertRowid);
  return {
    at: (node: Uint8Array, { bootCount, seq }: Place): HeldProof | undefined => {
      const row = select.get(node, bootCount, seq);
      return row === undefined ? undefined : { hash: row["hash"] as Uint8Array, receipt: asReceipt(row) };
    },
    /** Keeps one receipt, and the proofs that it answers. */
    insert: (node: Uint8Array, receipt: Uint8Array, proofs: readonly (Place & { readonly hash: Uint8Array })[]): void => {
      const id = keep(receipt);
      for (const { bootCount, seq, hash } of proofs) insert.run(node, bootCount, seq, hash, id);
    },
    /** How another proof for a place that was taken was answered; undefined when it is new. */
    equivocationAt: (node: Uint8Array, { bootCount, seq }: Place, hash: Uint8Array): KeptReceipt | undefined => {
      const row = evidence.get(node, bootCount, seq, hash);
      return row === undefined ? undefined : asReceipt(row);
    },
    /** Keeps the receipt that answered another proof for a place that was taken. */
    insertEquivocation: (node: Uint8Array, { bootCount, seq }: Place, hash: Uint8Array, receipt: Uint8Array): void =>
      void insertEvidence.run(node, bootCount, seq, hash, keep(receipt)),
    /** Proofs that were answered, accepted and refused. */
    count: (): number => Number(count.get()?.["n"] ?? 0n),
  };
}

function asReceipt(row: Record<string, unknown>): KeptReceipt {
  return { id: Number(row["id"]), envelope: row["envelope"] as Uint8Array };
}
