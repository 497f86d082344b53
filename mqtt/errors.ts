import { CodedError } from "../base/index.ts";

export type MqttErrorCode =
  /** There is no connection now; what was to be sent was not. */
  | "offline"
  /** The broker did not confirm in time, or the connection ended first; it may or may not have arrived. */
  | "unconfirmed"
  /** The broker refused the connection or the message. */
  | "refused"
  /** The configured address cannot be a broker's. */
  | "bad-url"
  /** A password or certificate that the configuration names cannot be read. */
  | "bad-login"
  /** The embedded broker could not listen. */
  | "cannot-listen";

/** What this room throws. */
export class MqttError extends CodedError<MqttErrorCode> {}
