import { CodedError } from "../base/index.ts";

export type HalErrorCode =
  /** The directory of board profiles cannot be read. */
  | "boards-unreadable"
  /** A board profile does not say what one may say; the message lists every problem. */
  | "board-invalid";

/** What this room throws. Probes and measurements never do: they answer a ProbeResult. */
export class HalError extends CodedError<HalErrorCode> {}
