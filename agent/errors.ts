import { CodedError } from "../base/index.ts";

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
