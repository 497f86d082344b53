/** Time as the rooms see it. `base/clock-linux.ts` reads the real one; tests hand in a simulated one. */
export interface Clock {
  /** Milliseconds since 1970 as the device believes; may be decades off and may jump. */
  wallMs(): number;
  /** Milliseconds on a clock that never jumps and starts anywhere; only differences mean something. */
  monotonicMs(): number;
  /** Resolves after the time has passed; rejects with the signal's reason when it is aborted first. */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>;
}
