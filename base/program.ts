/** How a helper program is run. */
export interface ProgramOptions {
  readonly signal?: AbortSignal;
  /** Killed after this long. Default and ceiling: MAX_PROGRAM_MS. */
  readonly timeoutMs?: number;
  /** Killed once either stream grew past this. Default and ceiling: MAX_PROGRAM_OUTPUT_BYTES. */
  readonly maxOutputBytes?: number;
  readonly stdin?: Uint8Array;
}

/** What became of a helper program. `absent`: no such program on this machine, which is a lesser capability and no fault. */
export type ProgramOutcome =
  | { readonly kind: "exited"; readonly exitCode: number; readonly stdout: Uint8Array; readonly stderr: Uint8Array }
  | { readonly kind: "absent"; readonly why: string }
  | { readonly kind: "killed"; readonly why: "timeout" | "output" | "aborted" | "signal" }
  | { readonly kind: "failed"; readonly why: string };

/** Runs a program of this machine with fixed arguments, never through a shell, and never rejects. */
export type RunProgram = (command: string, args: readonly string[], options?: ProgramOptions) => Promise<ProgramOutcome>;
