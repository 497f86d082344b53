/**
 * bookkeeper: the program that checks what agents claim. It registers nodes, issues assignments from a plan, verifies proofs against the
 * node's chain, its beacons and its own copies, repeats a share of the jobs, books contribution by double entry, and answers with
 * signed receipts. Every balance follows from records that are only ever appended.
 */
export { type BookkeeperConfig, parseBookkeeperConfig } from "./config.ts";
export { BookkeeperError, type BookkeeperErrorCode } from "./errors.ts";
export type { BookkeeperEvent } from "./events.ts";
export type { AccountRow, EntryRow } from "./ledger/accounts-store.ts";
export { type AuditReport, auditLedger } from "./ledger/audit.ts";
export { type Ledger, openLedger } from "./ledger/ledger-store.ts";
export { ACCOUNT_PARTS, type AccountPart, type LedgerRecord } from "./ledger/records.ts";
export type { BookkeeperRun, RunningBookkeeper } from "./main.ts";
export { type Order, type Plan, parseOrder, parsePlan } from "./plan.ts";
export { type Policy, parsePolicy, valueOfWork } from "./policy.ts";
export { type Check, type ExplainOptions, explainProof } from "./verify/explain.ts";

/** Composes the bookkeeper and starts it. Its parts are loaded only now: verbs that merely look at a ledger stay light. */
export async function startBookkeeper(...args: Parameters<typeof import("./main.ts").startBookkeeper>) {
  return (await import("./main.ts")).startBookkeeper(...args);
}
