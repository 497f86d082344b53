import { CodedError } from "../base/index.ts";

export type MqttErrorCode =
  /** There is no connection now; what was to be sent was not. */
  | "offline"
  /** The broker did not confirm in time, or the connection ended first; it may or may not have arrived. */
  | "unconfirmed"
  /** The broker refused the connection or the message. */
  | "refused"
  /** A message that no receiver would read; it was not sent. */
  | "too-large"
  /** The configured address cannot be a broker's. */
  | "bad-url"
  /** A password or certificate that the configuration names cannot be read. */
  | "bad-login"
  /** A certificate cannot be for this host. */
  | "bad-host"
  /** The embedded broker could not listen. */
  | "cannot-listen";

/** What this room throws. */
export class MqttError extends CodedError<MqttErrorCode> {}
