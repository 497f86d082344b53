/** Contribution as people read it: points with six places, from micro-points. */
export function formatPoints(microPoints: bigint): string {
  const sign = microPoints < 0n ? "-" : "";
  const magnitude = microPoints < 0n ? -microPoints : microPoints;
  return `${sign}${magnitude / 1_000_000n}.${String(magnitude % 1_000_000n).padStart(6, "0")}`;
}

/** A value as JSON carries it: whole numbers beyond 2^53 as text, bytes as hexadecimal. */
export function jsonSafe(value: unknown): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (Array.isArray(value)) return value.map(jsonSafe);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, jsonSafe(part)]));
}
