/**
 * Amounts with units as people write them in configuration files, plans and flags. Every parser answers undefined where the
 * text is not an amount it knows, so that the caller can name the key and the file.
 */

const DURATION_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const BYTES: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};
const BITS_PER_SECOND: Readonly<Record<string, number>> = { "bit/s": 1, "kbit/s": 1e3, "Mbit/s": 1e6, "Gbit/s": 1e9 };

/** What an amount may look like, for messages. */
export const QUANTITY_FORMS = {
  duration: "a number with ms, s, m, h or d, such as 30s",
  bytes: "a number with B, kB, MB, GB, TB, KiB, MiB, GiB or TiB, such as 512MiB",
  rate: "a number with bit/s, kbit/s, Mbit/s or Gbit/s, such as 20Mbit/s",
} as const;

/** "90s", "5m" or "1.5h" in milliseconds. */
export function parseDurationMs(text: string): number | undefined {
  return parseAmount(text, DURATION_MS);
}

/** "64KiB" or "10GB" in bytes. */
export function parseByteCount(text: string): number | undefined {
  return parseAmount(text, BYTES);
}

/** "20Mbit/s" in bits per second. */
export function parseBitsPerSecond(text: string): number | undefined {
  return parseAmount(text, BITS_PER_SECOND);
}

function parseAmount(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^(\d{1,15}(?:\.\d{1,6})?) ?([A-Za-z/]{1,6})$/.exec(text);
  if (match?.[1] === undefined || match[2] === undefined || !Object.hasOwn(units, match[2])) return undefined;
  const amount = Math.round(Number(match[1]) * (units[match[2]] ?? 0));
  return Number.isSafeInteger(amount) ? amount : undefined;
}

const BINARY_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** A number of bytes as people read it: `896 MiB`, `23.5 GiB`. Rounded down, so that it never looks as if it reached a threshold. */
export function formatBytes(bytes: number): string {
  let power = 0;
  while (power < BINARY_UNITS.length - 1 && bytes >= 1024 ** (power + 1)) power += 1;
  const amount = bytes / 1024 ** power;
  const shown = amount < 100 && power > 0 ? Math.floor(amount * 10) / 10 : Math.floor(amount);
  return `${shown} ${BINARY_UNITS[power]}`;
}
