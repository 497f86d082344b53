/**
 * Text of a stranger's, fit for a log, a terminal and a message: one line without control characters, no half of a character, at most `max`
 * UTF-16 units long. May be empty.
 */
export function oneLine(text: string, max: number): string {
  return text
    .replace(/[\p{Cc}\s]+/gu, " ")
    .trim()
    .slice(0, max)
    .toWellFormed();
}
