import { type Database, toHex } from "../../base/index.ts";

/** A signed proof in the chain; `status` is absent while it waits for a receipt. `replaced`: its task is proved again at a later place. */
export interface ProofRow {
  readonly bootCount: number;
  readonly seq: number;
  readonly hash: Uint8Array;
  readonly task: Uint8Array;
  readonly envelope: Uint8Array;
  readonly status?: "accepted" | "refused" | "replaced";
  readonly reason?: string;
}

/** A place in the chain; seq 0 is the one before the first. */
export interface Place {
  readonly bootCount: number;
  readonly seq: number;
}

/** A place in the chain and the proof that took it. */
export interface ChainPoint extends Place {
  readonly hash: Uint8Array;
}

/** Whether a place comes after another one in the chain. */
export function isAfter(left: Place, right: Place): boolean {
  return left.bootCount > right.bootCount || (left.bootCount === right.bootCount && left.seq > right.seq);
}

/** The table of signed proofs: the chain as far back as it is kept, and in it the outbox. */
export function proofTable(database: Database) {
  const insert = database.prepare("INSERT INTO proofs VALUES (?, ?, ?, ?, ?, NULL, NULL, NULL)");
  const one = database.prepare("SELECT * FROM proofs WHERE boot_count = ? AND seq = ?");
  const after = database.prepare("SELECT * FROM proofs WHERE (boot_count, seq) > (?, ?) ORDER BY boot_count, seq LIMIT ?");
  const waiting = database.prepare("SELECT * FROM proofs WHERE status IS NULL ORDER BY boot_count, seq LIMIT ?");
  const waitingFor = database.prepare(`SELECT boot_count, seq, bookkeeper FROM proofs JOIN tasks ON tasks.id = proofs.task
    WHERE status IS NULL ORDER BY boot_count, seq`);
  const settle = database.prepare(
    "UPDATE proofs SET status = ?, reason = ?, receipt = ? WHERE boot_count = ? AND seq = ? AND status IS NULL",
  );
  const remove = database.prepare("DELETE FROM proofs WHERE boot_count = ? AND seq = ? AND status IS NULL");
  const newest = "(SELECT boot_count, seq FROM proofs ORDER BY boot_count DESC, seq DESC LIMIT 1 OFFSET ?)";
  const prune = database.prepare(`DELETE FROM proofs WHERE status IS NOT NULL AND (boot_count, seq) < ${newest} AND NOT EXISTS
    (SELECT 1 FROM proofs AS waits WHERE waits.status IS NULL AND (waits.boot_count, waits.seq) < (proofs.boot_count, proofs.seq))`);
  const cut = database.prepare(`DELETE FROM proofs WHERE status IS NOT NULL AND (boot_count, seq) < ${newest}`);
  const waitingCount = database.prepare("SELECT count(*) AS n FROM proofs WHERE status IS NULL");
  return {
    insert: (proof: Omit<ProofRow, "status" | "reason">): void =>
      void insert.run(proof.bootCount, proof.seq, proof.hash, proof.task, proof.envelope),
    at: (bootCount: number, seq: number): ProofRow | undefined => asProof(one.get(bootCount, seq)),
    /** Proofs after a place in the chain, in chain order, receipted ones too. */
    after: (point: Place, limit: number): ProofRow[] =>
      after.all(point.bootCount, point.seq, limit).flatMap((row) => asProof(row) ?? []),
    waiting: (limit: number): ProofRow[] => waiting.all(limit).flatMap((row) => asProof(row) ?? []),
    /** For each bookkeeper that owes a receipt, the place of the oldest proof that waits for it, in chain order. */
    oldestWaiting: (): Place[] => {
      const places = new Map<string, Place>();
      for (const row of waitingFor.iterate()) {
        const bookkeeper = toHex(row["bookkeeper"] as Uint8Array);
        if (!places.has(bookkeeper)) places.set(bookkeeper, { bootCount: Number(row["boot_count"]), seq: Number(row["seq"]) });
      }
      return [...places.values()];
    },
    waitingCount: (): number => Number(waitingCount.get()?.["n"] ?? 0n),
    /** Leaves an unreceipted proof in the chain, but waits for it no more. */
    replace: (proof: ChainPoint): void => void settle.run("replaced", null, null, proof.bootCount, proof.seq),
    settle: (proof: ChainPoint, status: "accepted" | "refused", reason: string | undefined, receipt: Uint8Array): void =>
      void settle.run(status, reason ?? null, receipt, proof.bootCount, proof.seq),
    /** Takes an unreceipted proof out of the chain, so that its task can be proved anew in another. */
    remove: (proof: ChainPoint): void => void remove.run(proof.bootCount, proof.seq),
    /**
     * Drops receipted proofs older than the newest `keep`, but for those after one that waits: whoever it waits for may miss them too.
     * Of these the newest `keepAtMost` are kept.
     */
    prune: (keep: number, keepAtMost: number): void => {
      prune.run(keep);
      cut.run(keepAtMost);
    },
  };
}

function asProof(row: Record<string, unknown> | undefined): ProofRow | undefined {
  if (row === undefined) return undefined;
  return {
    bootCount: Number(row["boot_count"]),
    seq: Number(row["seq"]),
    hash: row["hash"] as Uint8Array,
    task: row["task"] as Uint8Array,
    envelope: row["envelope"] as Uint8Array,
    ...(row["status"] === null ? {} : { status: row["status"] as NonNullable<ProofRow["status"]> }),
    ...(row["reason"] === null ? {} : { reason: row["reason"] as string }),
  };
}
