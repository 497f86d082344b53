import type { PrintedEvent, Program, ProgramOptions } from "./program.ts";

/** How wrong a program's clock is. */
export interface ClockShift {
  /** Added to the right time from the start, in milliseconds. */
  readonly offsetMs?: number;
  /** What each `jumpClock` adds on top, in milliseconds. */
  readonly jumpsMs?: readonly number[];
}

/** Ten years in milliseconds. */
export const TEN_YEARS_MS = 10 * 365.25 * 86_400_000;

/** Runs a program with a wall clock that is wrong; its monotonic clock is right. */
export function withShiftedClock(shift: ClockShift): ProgramOptions {
  return {
    nodeOptions: [`--import=${new URL("shifted-clock-child.ts", import.meta.url).href}`],
    env: { CLOCK_OFFSET_MS: String(shift.offsetMs ?? 0), CLOCK_JUMPS_MS: (shift.jumpsMs ?? []).join(",") },
  };
}

/** Makes the clock of a program jump, and answers the year that it shows now. */
export async function jumpClock(program: Program): Promise<number> {
  const jumped = program.waitForNext((event: PrintedEvent) => event.type === "clock", "its clock jumped");
  program.signal("SIGUSR2");
  return new Date(String((await jumped)["now"])).getUTCFullYear();
}
