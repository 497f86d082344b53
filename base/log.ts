/** Values that go with a log line, by name. */
export type LogFields = Readonly<Record<string, unknown>>;

/** A structured log: the fields first, then one constant sentence. Never hand it a key, a seed or a payload. */
export interface Log {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  /** A log whose lines all carry these fields too. */
  child(fields: LogFields): Log;
}

/** From the most to the least talkative. `silent` writes nothing. */
export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** The log of code under test and of verbs that only print. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLog,
};
