import { oneLine } from "../base/index.ts";

/** Text fit for a claim of ours: one line of at most `max` characters, never empty. */
export function printable(text: string, max = 200): string {
  const line = oneLine(text, max);
  return line === "" ? "no detail" : line;
}
