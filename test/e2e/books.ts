import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { openAgentState } from "../../agent/state-store.ts";
import { toHex } from "../../base/index.ts";
import { auditLedger, openLedger } from "../../bookkeeper/index.ts";
import { decodeRecord } from "../../bookkeeper/ledger/records.ts";
import type { Field } from "./field.ts";

/** What the agents' journals and the ledger say together, once nothing is under way. */
export interface Balance {
  /** Assignments and challenges that agents journaled as accepted. */
  readonly accepted: number;
  /** Of those, the ones whose proof has a bookkeeper's receipt. */
  readonly receipted: number;
  readonly waiting: number;
  /** Why the ledger refused proofs. */
  readonly refusedProofs: readonly string[];
  /** Proofs in the ledger. */
  readonly recorded: number;
  /** Assignments proved more than once, by the agents' journals. */
  readonly provedTwice: number;
  readonly audit: ReturnType<typeof auditLedger>;
}

/** Reads journals and ledger of a field whose programs have ended. */
export function readBalance(field: Field): Balance {
  let accepted = 0;
  let receipted = 0;
  let waiting = 0;
  let provedTwice = 0;
  const refusedProofs: string[] = [];
  for (const { directory } of field.agents) {
    const state = openAgentState(join(directory, "agent.db"), { readOnly: true });
    const proofs = state.proofs.after({ bootCount: 0, seq: 0 }, Number.MAX_SAFE_INTEGER);
    accepted += countTasks(join(directory, "agent.db"));
    receipted += proofs.filter((proof) => proof.status === "accepted").length;
    waiting += state.tasks.open().length + state.proofs.waitingCount();
    provedTwice += proofs.length - new Set(proofs.map((proof) => toHex(proof.task))).size;
    state.close();
  }
  const ledger = openLedger(join(field.bookkeeper.directory, "ledger.db"), { readOnly: true });
  const audit = auditLedger(ledger);
  for (const row of ledger.records.all()) {
    const record = decodeRecord(row);
    if (record.type === "refused-proof") refusedProofs.push(`${record.reason}: ${record.detail}`);
  }
  const recorded = ledger.proofs.count();
  ledger.close();
  return { accepted, receipted, waiting, refusedProofs, recorded, provedTwice, audit };
}

/** Every task that was ever accepted: none is forgotten within the hour that a test lasts at most. */
function countTasks(path: string): number {
  const database = new DatabaseSync(path, { readOnly: true });
  const row = database.prepare("SELECT count(*) AS n FROM tasks").get();
  database.close();
  return Number(row?.["n"] ?? 0);
}
