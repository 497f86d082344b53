import { CodedError } from "../base/index.ts";
import { FAILURE_REASONS, type FailureReason } from "../protocol/index.ts";

export type AgentErrorCode =
  /** The configuration cannot be used; the message lists each problem with file and line. */
  | "bad-config"
  /** The device is fit for no tier. */
  | "unfit-machine"
  /** A blob is not here, is damaged, or does not fit. */
  | "blob-missing"
  | "blob-damaged"
  | "blob-mismatch"
  | "no-room"
  | "fetch-failed"
  | "target-forbidden";

/** What this room throws. */
export class AgentError extends CodedError<AgentErrorCode> {}

/** The reason that a proof gives for work which threw: the error's own code where the protocol has it as a reason, else `internal`. */
export function failureReasonOf(thrown: unknown): FailureReason {
  const code = thrown instanceof AgentError ? thrown.code : undefined;
  return FAILURE_REASONS.find((reason) => reason === code) ?? "internal";
}
