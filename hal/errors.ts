import { CodedError } from "../base/index.ts";

export type HalErrorCode =
  /** A captured machine: the text is none; it is more than a capture holds; the file cannot be read; it cannot be written. */
  | "capture-invalid"
  | "capture-too-large"
  | "capture-unreadable"
  | "capture-unwritable"
  /** The directory of board profiles cannot be read. */
  | "boards-unreadable"
  /** A board profile does not say what one may say; the message lists every problem. */
  | "board-invalid"
  /** The address to serve measurements at cannot be had. */
  | "endpoint-unavailable"
  /** A bandwidth endpoint refused; did not answer in time; said what is no frame; cannot be reached, or went away. */
  | "endpoint-refused"
  | "endpoint-silent"
  | "endpoint-malformed"
  | "endpoint-unreachable";

/** What this room throws. Probes and measurements never do: they answer a ProbeResult. */
export class HalError extends CodedError<HalErrorCode> {}
