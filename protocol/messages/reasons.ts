/** The machine-readable reasons of the protocol. Programs switch on them; a detail beside them speaks to people. */

/** Why a node refuses an assignment before anything is run. */
export const REFUSAL_REASONS = [
  "malformed",
  "not-canonical",
  "bad-signature",
  "untrusted-bookkeeper",
  "wrong-node",
  "expired",
  "clock-unknown",
  "replayed",
  "conflicting",
  "kind-unknown",
  "kind-not-allowed",
  "bad-spec",
  "tier-too-low",
  "capability-missing",
  "isolation-too-weak",
  "over-memory-limit",
  "over-disk-limit",
  "over-daily-bytes",
  "quiet-hours",
  "target-forbidden",
  "blob-unknown",
  "busy",
  "outbox-full",
  "stopping",
] as const;
export type RefusalReason = (typeof REFUSAL_REASONS)[number];

/** Why an assignment that was begun did not come to its result. */
export const FAILURE_REASONS = [
  "interrupted",
  "aborted",
  "wall-time",
  "cpu-time",
  "memory",
  "output",
  "trap",
  "invalid-module",
  "isolation-lost",
  "blob-missing",
  "blob-mismatch",
  "blob-damaged",
  "fetch-failed",
  "no-room",
  "target-forbidden",
  "program-missing",
  "internal",
] as const;
export type FailureReason = (typeof FAILURE_REASONS)[number];

/** Why a bookkeeper refuses a proof, for good. */
export const RECEIPT_REASONS = [
  "unknown-assignment",
  "not-this-node",
  "wrong-kind",
  "already-proved",
  "too-many-attempts",
  "equivocation",
  "unknown-beacon",
  "older-than-assignment",
  "result-mismatch",
  "implausible-time",
  "implausible-cpu",
  "implausible-memory",
  "implausible-bytes",
  "implausible-disk",
  "bad-evidence",
  "wrong-answer",
  "isolation-too-weak",
] as const;
export type ReceiptReason = (typeof RECEIPT_REASONS)[number];
