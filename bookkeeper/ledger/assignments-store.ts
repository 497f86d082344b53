import { assert, type Database } from "../../base/index.ts";
import { decodeObject, encodeObject, type WireObject } from "../../protocol/index.ts";

/**
 * Where an assignment stands. `issued`: nobody answered yet. `proved`, `failed`: its proof was recorded. `rejected`: its proof was
 * refused, for good. `refused`: its node did not take it. `expired`: it ran out; its node may still prove it, if it took it before.
 */
export type AssignmentState = "issued" | "proved" | "failed" | "rejected" | "refused" | "expired";

/** An assignment or challenge that was issued, and what became of it. */
export interface AssignmentTerms {
  readonly id: Uint8Array;
  readonly node: Uint8Array;
  readonly role: "assignment" | "challenge";
  readonly kind: string;
  /** The item of the plan that caused it, or `order`. */
  readonly item: string;
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

/** The same with its signed bytes. */
export interface AssignmentRow extends AssignmentTerms {
  readonly envelope: Uint8Array;
  /** The payload inside, where the caller has taken it out. */
  readonly payload?: Uint8Array;
}

/** What a proof is held against. Contents inside the message are left out. */
export interface IssuedSpec {
  /** The specification that was issued; of a challenge, the question as a `prove` operation. */
  readonly spec: WireObject;
  /** How often the node may have begun it. */
  readonly maxAttempts: number;
}

/** An assignment to be journaled. */
export interface NewAssignment extends Omit<AssignmentRow, "state" | "detail" | "sends" | "proofHeight" | "recheck" | "payload"> {
  readonly issued: IssuedSpec;
  /** When it is sent again unless it is answered, in milliseconds since 1970. */
  readonly nextSendMs: number;
}

/** An assignment whose specification is read when it is asked for. Throws when it was damaged. */
export type Issued = AssignmentTerms & { readonly issued: () => IssuedSpec };

/** What a proof is judged by. */
export type JudgedAssignment = Pick<Issued, "id" | "node" | "kind" | "item" | "issuedAtMs" | "beaconHeight" | "state" | "issued">;

export type AssignmentTable = ReturnType<typeof openAssignmentTable>;

/** The assignments in the ledger's database. Their signed bytes lie in a table of their own, out of the way of what changes often. */
export function openAssignmentTable(database: Database) {
  const columns = "id, node, role, kind, item, issued_at, expires_at, beacon_height, state, detail, sends, proof_height, recheck";
  const select = database.prepare(`SELECT ${columns}, terms FROM assignments WHERE id = ?`);
  const judged = database.prepare(
    "SELECT node, kind, item, issued_at, beacon_height, state, terms FROM assignments WHERE id = ?",
  );
  const insert = database.prepare(
    "INSERT INTO assignments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'issued', NULL, 1, ?, NULL, NULL)",
  );
  const insertCommand = database.prepare("INSERT INTO commands VALUES (?, ?)");
  const command = database.prepare("SELECT envelope FROM commands WHERE id = ?");
  const due = database.prepare(
    `SELECT ${columns}, envelope FROM assignments JOIN commands USING (id) WHERE state = 'issued' AND next_send <= ? ORDER BY next_send LIMIT ?`,
  );
  const sent = database.prepare("UPDATE assignments SET sends = sends + 1, next_send = ? WHERE id = ?");
  const postponed = database.prepare("UPDATE assignments SET next_send = ? WHERE id = ?");
  const settle = database.prepare("UPDATE assignments SET state = ?, detail = ?, proof_height = ?, recheck = ? WHERE id = ?");
  const reject = database.prepare("UPDATE assignments SET state = 'rejected', detail = ?, proof_height = ? WHERE id = ?");
  const close = database.prepare("UPDATE assignments SET state = ?, detail = ? WHERE id = ? AND state = 'issued'");
  const openOf = database.prepare("SELECT count(*) AS n FROM assignments WHERE node = ? AND state = 'issued'");
  const lastOf = database.prepare("SELECT max(issued_at) AS at FROM assignments WHERE node = ? AND item = ?");
  const openAbout = database.prepare(
    "SELECT 1 FROM assignments WHERE node = ? AND item = ? AND blob = ? AND state = 'issued' LIMIT 1",
  );
  const recheck = database.prepare("UPDATE assignments SET recheck = ? WHERE id = ? AND recheck = 'pending'");
  const toRecheck = database.prepare(
    `SELECT ${columns}, terms FROM assignments WHERE recheck = 'pending' ORDER BY proof_height LIMIT 1`,
  );
  const needed = database.prepare(
    "SELECT blob FROM assignments WHERE state = 'issued' AND blob IS NOT NULL UNION SELECT blob FROM assignments WHERE recheck = 'pending'",
  );
  const specs = makeSpecs();
  const asIssued = (row: Record<string, unknown> | undefined): Issued | undefined =>
    row === undefined ? undefined : { ...asTerms(row), issued: () => specs.of(row["terms"] as Uint8Array) };
  const counts = database.prepare("SELECT state, kind, count(*) AS n FROM assignments GROUP BY state, kind");
  return {
    /** An assignment, and what was asked for. */
    get: (id: Uint8Array): Issued | undefined => asIssued(select.get(id)),
    /** What a proof of the assignment is judged by; the same, but read faster. */
    toJudge: (id: Uint8Array): JudgedAssignment | undefined => {
      const row = judged.get(id);
      if (row === undefined) return undefined;
      return {
        id,
        node: row["node"] as Uint8Array,
        kind: row["kind"] as string,
        item: row["item"] as string,
        issuedAtMs: Number(row["issued_at"]),
        beaconHeight: Number(row["beacon_height"]),
        state: row["state"] as AssignmentState,
        issued: () => specs.of(row["terms"] as Uint8Array),
      };
    },
    /** The signed bytes of an assignment. */
    commandOf: (id: Uint8Array): Uint8Array | undefined => command.get(id)?.["envelope"] as Uint8Array | undefined,
    /** Journals an assignment, as sent for the first time. */
    insert: (row: NewAssignment): void => {
      const { spec } = row.issued;
      const blob = spec["blob"] ?? spec["module"];
      const terms = encodeObject({ spec: { ...spec, inline: undefined }, maxAttempts: row.issued.maxAttempts });
      insert.run(
        ...[row.id, row.node, row.role, row.kind, row.item, blob instanceof Uint8Array ? blob : null, terms],
        ...[row.issuedAtMs, row.expiresAtMs, row.beaconHeight, row.nextSendMs],
      );
      insertCommand.run(row.id, row.envelope);
    },
    /** Unanswered assignments that are to be sent now, expired ones among them. */
    due: (nowMs: number, limit: number): AssignmentRow[] =>
      due.all(nowMs, limit).map((row) => ({ ...asTerms(row), envelope: row["envelope"] as Uint8Array })),
    /** It was sent once more. */
    setSent: (id: Uint8Array, nextSendMs: number): void => void sent.run(nextSendMs, id),
    /** Its node is not there; it is looked at again later. */
    postpone: (id: Uint8Array, nextSendMs: number): void => void postponed.run(nextSendMs, id),
    /** Its proof was recorded. */
    settle: (
      id: Uint8Array,
      state: "proved" | "failed",
      detail: string | undefined,
      proofHeight: number,
      isToRecheck: boolean,
    ): void => void settle.run(state, detail ?? null, proofHeight, isToRecheck ? "pending" : null, id),
    /** Its proof was refused; no other one is taken. `height`: the record of that, where there is one. */
    reject: (id: Uint8Array, reason: string, height: number | undefined): void =>
      void reject.run(`proof: ${reason}`, height ?? null, id),
    /** Its node refused it, or it ran out, if it is still unanswered. */
    close: (id: Uint8Array, state: "refused" | "expired", detail?: string): void => void close.run(state, detail ?? null, id),
    openCount: (node: Uint8Array): number => Number(openOf.get(node)?.["n"] ?? 0n),
    lastIssuedMs: (node: Uint8Array, item: string): number => Number(lastOf.get(node, item)?.["at"] ?? 0n),
    /** Whether something of an item about this blob is unanswered. */
    isOpen: (node: Uint8Array, item: string, blob: Uint8Array): boolean => openAbout.get(node, item, blob) !== undefined,
    /** What repeating the job came to; false where somebody else has concluded it. */
    setRecheck: (id: Uint8Array, result: "agreed" | "differed"): boolean => recheck.run(result, id).changes > 0,
    nextToRecheck: (): Issued | undefined => asIssued(toRecheck.get()),
    /** The blobs that unanswered assignments and jobs to be repeated are about. */
    neededBlobs: (): Uint8Array[] => needed.all().map((row) => row["blob"] as Uint8Array),
    counts: (): { readonly state: AssignmentState; readonly kind: string; readonly count: number }[] =>
      counts
        .all()
        .map((row) => ({ state: row["state"] as AssignmentState, kind: row["kind"] as string, count: Number(row["n"]) })),
  };
}

/** Specifications at hand: an item of a plan asks every node for the same. */
const MAX_SPECS = 256;

/** Reads specifications, those that come again and again only once. */
function makeSpecs() {
  const known = new Map<string, IssuedSpec>();
  return {
    of: (terms: Uint8Array): IssuedSpec => {
      const name = Buffer.from(terms.buffer, terms.byteOffset, terms.length).toString("latin1");
      const found = known.get(name);
      if (found !== undefined) return found;
      const decoded = decodeObject(terms);
      assert(decoded.ok, "the ledger holds an assignment that cannot be read");
      const issued = { spec: decoded.value["spec"] as WireObject, maxAttempts: Number(decoded.value["maxAttempts"]) };
      if (known.size >= MAX_SPECS) known.delete(known.keys().next().value ?? "");
      known.set(name, issued);
      return issued;
    },
  };
}

function asTerms(row: Record<string, unknown>): AssignmentTerms {
  return {
    id: row["id"] as Uint8Array,
    node: row["node"] as Uint8Array,
    role: row["role"] as AssignmentRow["role"],
    kind: row["kind"] as string,
    item: row["item"] as string,
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
