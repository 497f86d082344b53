import { CodedError } from "../base/index.ts";

export type BookkeeperErrorCode =
  /** A configuration, plan, policy or order cannot be used; the message lists each problem with file and line. */
  | "bad-config"
  /** A file that a plan names is missing or too large. */
  | "bad-content"
  /** The ledger contradicts itself. */
  | "ledger-damaged"
  /** This machine lacks what a bookkeeper must have. */
  | "unfit-machine";

/** What this room throws. */
export class BookkeeperError extends CodedError<BookkeeperErrorCode> {}
