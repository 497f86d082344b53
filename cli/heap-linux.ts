import { setFlagsFromString } from "node:v8";

/**
 * Keeps the heap of a program that mostly waits small: V8 trades some speed for space, and its young generation, which grows to 48 MB
 * for programs that compute, stays at a few. To be called before the program's parts are loaded.
 */
export function keepHeapSmall(): void {
  for (const flag of [
    "--optimize-for-size",
    "--min-semi-space-size=1",
    "--max-semi-space-size=1",
    "--semi-space-growth-factor=1",
  ]) {
    setFlagsFromString(flag);
  }
}
