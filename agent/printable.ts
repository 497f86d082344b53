/** Text fit for a claim and for a terminal: one line without control characters, no half of a character, at most `max` long, never empty. */
export function printable(text: string, max = 200): string {
  const clean = text
    .replace(/\p{Cc}+/gu, " ")
    .trim()
    .slice(0, max)
    .toWellFormed();
  return clean === "" ? "no detail" : clean;
}
