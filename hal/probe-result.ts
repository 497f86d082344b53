/** Why a probe has no answer although there should be one. Plain data, so that it travels as JSON. */
export interface ProbeFailure {
  /**
   * `denied`: no permission. `too-large`: over its limit. `malformed`: not what the kernel documents. `timeout`: no answer in time.
   * `unreadable`: any other error of the device or the file system.
   */
  readonly code: "denied" | "too-large" | "malformed" | "timeout" | "unreadable";
  /** What failed, on what. */
  readonly message: string;
}

/**
 * What a probe answers. `absent` is a fact about the machine (it has no such thing, and `why` says how that is known); `failed` is
 * not knowing.
 */
export type ProbeResult<Value> =
  | { readonly kind: "found"; readonly value: Value }
  | { readonly kind: "absent"; readonly why: string }
  | { readonly kind: "failed"; readonly error: ProbeFailure };

/** The answer that holds a value. */
export function found<Value>(value: Value): ProbeResult<Value> {
  return { kind: "found", value };
}

/** The answer of a machine that has no such thing. */
export function absent(why: string): { readonly kind: "absent"; readonly why: string } {
  return { kind: "absent", why };
}

/** The answer of a probe that could not find out. */
export function failed(code: ProbeFailure["code"], message: string): { readonly kind: "failed"; readonly error: ProbeFailure } {
  return { kind: "failed", error: { code, message } };
}

/** The value, or undefined where there is none for whatever reason: for attributes that only enrich a fact. */
export function known<Value>(result: ProbeResult<Value>): Value | undefined {
  return result.kind === "found" ? result.value : undefined;
}

/** Why there is no value, for people; undefined where there is one. */
export function whyMissing(result: ProbeResult<unknown>): string | undefined {
  if (result.kind === "found") return undefined;
  return result.kind === "absent" ? result.why : result.error.message;
}
