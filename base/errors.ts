/**
 * An error with a machine-readable code. Each room derives one class with its own union of codes; the message says what
 * failed, on what, and what to do next.
 */
export class CodedError<Code extends string> extends Error {
  readonly code: Code;

  constructor(code: Code, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

export type BaseErrorCode =
  | "file-too-large"
  | "file-unreadable"
  | "file-missing"
  | "bad-secret"
  | "lock-held"
  | "database-full"
  | "database-corrupt"
  | "database-busy"
  | "database-failed";

/** What the tools of this room throw. */
export class BaseError extends CodedError<BaseErrorCode> {}

/** The message of anything that was thrown, for a log line or a reason. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** States what must be true here; a failure is a bug of ours, never of the input. */
export function assert(condition: unknown, what: string): asserts condition {
  if (!condition) throw new Error(`bug: ${what}`);
}
