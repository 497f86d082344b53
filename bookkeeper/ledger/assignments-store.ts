import type { Database } from "../../base/index.ts";

/** Where an assignment stands. Its node may still prove it after it expired, if it took it before. */
export type AssignmentState = "issued" | "proved" | "failed" | "refused" | "expired";

/** An assignment or challenge that was issued, and what became of it. */
export interface AssignmentRow {
  readonly id: Uint8Array;
  readonly node: Uint8Array;
  readonly role: "assignment" | "challenge";
  readonly kind: string;
  /** The item of the plan that caused it, or `order`. */
  readonly item: string;
  readonly envelope: Uint8Array;
  readonly payload: Uint8Array;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  readonly beaconHeight: number;
  readonly state: AssignmentState;
  /** The reason of a refusal or failure. */
  readonly detail?: string;
  readonly sends: number;
  /** The record of its proof. */
  readonly proofHeight?: number;
  /** Whether the job is to be repeated here, and what came of that. */
  readonly recheck?: "pending" | "agreed" | "differed";
}

export type AssignmentTable = ReturnType<typeof openAssignmentTable>;

/** The assignments in the ledger's database. */
export function openAssignmentTable(database: Database) {
  const select = database.prepare("SELECT * FROM assignments WHERE id = ?");
  const insert = database.prepare(
    "INSERT INTO assignments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'issued', NULL, 0, ?, NULL, NULL)",
  );
  const due = database.prepare("SELECT * FROM assignments WHERE state = 'issued' AND next_send <= ? ORDER BY next_send LIMIT ?");
  const sent = database.prepare("UPDATE assignments SET sends = sends + 1, next_send = ? WHERE id = ?");
  const settle = database.prepare("UPDATE assignments SET state = ?, detail = ?, proof_height = ?, recheck = ? WHERE id = ?");
  const close = database.prepare("UPDATE assignments SET state = ?, detail = ? WHERE id = ? AND state = 'issued'");
  const openOf = database.prepare("SELECT count(*) AS n FROM assignments WHERE node = ? AND state = 'issued'");
  const lastOf = database.prepare("SELECT max(issued_at) AS at FROM assignments WHERE node = ? AND item = ?");
  const openOfItem = database.prepare("SELECT * FROM assignments WHERE node = ? AND item = ? AND state = 'issued' LIMIT 1");
  const recheck = database.prepare("UPDATE assignments SET recheck = ? WHERE id = ?");
  const toRecheck = database.prepare("SELECT * FROM assignments WHERE recheck = 'pending' ORDER BY proof_height LIMIT 1");
  const counts = database.prepare("SELECT state, kind, count(*) AS n FROM assignments GROUP BY state, kind");
  return {
    get: (id: Uint8Array): AssignmentRow | undefined => asAssignment(select.get(id)),
    /** Journals an assignment, before it is sent for the first time. */
    insert: (row: Omit<AssignmentRow, "state" | "detail" | "sends" | "proofHeight" | "recheck">): void =>
      void insert.run(
        row.id,
        row.node,
        row.role,
        row.kind,
        row.item,
        row.envelope,
        row.payload,
        row.issuedAtMs,
        row.expiresAtMs,
        row.beaconHeight,
        row.issuedAtMs,
      ),
    /** Unanswered assignments that are to be sent now, expired ones among them. */
    due: (nowMs: number, limit: number): AssignmentRow[] => due.all(nowMs, limit).flatMap((row) => asAssignment(row) ?? []),
    setSent: (id: Uint8Array, nextSendMs: number): void => void sent.run(nextSendMs, id),
    /** Its proof was recorded. */
    settle: (
      id: Uint8Array,
      state: "proved" | "failed",
      detail: string | undefined,
      proofHeight: number,
      isToRecheck: boolean,
    ): void => void settle.run(state, detail ?? null, proofHeight, isToRecheck ? "pending" : null, id),
    /** It was refused or ran out, if it is still unanswered. */
    close: (id: Uint8Array, state: "refused" | "expired", detail?: string): void => void close.run(state, detail ?? null, id),
    openCount: (node: Uint8Array): number => Number(openOf.get(node)?.["n"] ?? 0n),
    lastIssuedMs: (node: Uint8Array, item: string): number => Number(lastOf.get(node, item)?.["at"] ?? 0n),
    openOfItem: (node: Uint8Array, item: string): AssignmentRow | undefined => asAssignment(openOfItem.get(node, item)),
    setRecheck: (id: Uint8Array, result: "agreed" | "differed"): void => void recheck.run(result, id),
    nextToRecheck: (): AssignmentRow | undefined => asAssignment(toRecheck.get()),
    counts: (): { readonly state: AssignmentState; readonly kind: string; readonly count: number }[] =>
      counts
        .all()
        .map((row) => ({ state: row["state"] as AssignmentState, kind: row["kind"] as string, count: Number(row["n"]) })),
  };
}

function asAssignment(row: Record<string, unknown> | undefined): AssignmentRow | undefined {
  if (row === undefined) return undefined;
  return {
    id: row["id"] as Uint8Array,
    node: row["node"] as Uint8Array,
    role: row["role"] as AssignmentRow["role"],
    kind: row["kind"] as string,
    item: row["item"] as string,
    envelope: row["envelope"] as Uint8Array,
    payload: row["payload"] as Uint8Array,
    issuedAtMs: Number(row["issued_at"]),
    expiresAtMs: Number(row["expires_at"]),
    beaconHeight: Number(row["beacon_height"]),
    state: row["state"] as AssignmentState,
    sends: Number(row["sends"]),
    ...(row["detail"] === null ? {} : { detail: row["detail"] as string }),
    ...(row["proof_height"] === null ? {} : { proofHeight: Number(row["proof_height"]) }),
    ...(row["recheck"] === null ? {} : { recheck: row["recheck"] as "pending" | "agreed" | "differed" }),
  };
}
