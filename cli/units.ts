/** Amounts as people read them. Parsing them is `base`'s part. */
export { formatBytes } from "../base/index.ts";

/** Bits per second in decimal units, as links are sold: `2.5 Gbit/s`. */
export function formatBitsPerSecond(bitsPerSecond: number): string {
  const units = ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"];
  let power = 0;
  while (power < units.length - 1 && bitsPerSecond >= 1000 ** (power + 1)) power += 1;
  return `${Math.round((bitsPerSecond / 1000 ** power) * 10) / 10} ${units[power]}`;
}

/** A length of time in its two largest units: `850 ms`, `12 s`, `3 h 5 min`, `2 d 4 h`. */
export function formatDurationMs(durationMs: number): string {
  if (durationMs < 1_000) return `${Math.round(durationMs)} ms`;
  if (durationMs < 10_000) return `${Math.round(durationMs / 100) / 10} s`;
  const units: readonly (readonly [seconds: number, name: string])[] = [
    [86_400, "d"],
    [3_600, "h"],
    [60, "min"],
    [1, "s"],
  ];
  let seconds = Math.round(durationMs / 1000);
  const parts: string[] = [];
  for (const [size, name] of units) {
    const count = Math.floor(seconds / size);
    seconds -= count * size;
    if (count > 0) parts.push(`${count} ${name}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.join(" ");
}

/** A whole number with its thousands set apart: `12 345`. */
export function formatCount(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+(?!\d))/g, " ");
}

/** A number of things with their name: `1 CPU`, `2 CPUs`. */
export function formatPlural(count: number, one: string, many: string = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}
