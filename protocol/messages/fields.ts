import * as v from "valibot";
import { MAX_LIST, MAX_TEXT } from "../limits.ts";
import type { WireObject } from "./codec.ts";

/** The building blocks of every message's schema: each bounded, each with one unit. */

const bytes = v.custom<Uint8Array>((value) => value instanceof Uint8Array, "expected bytes");

/** Exactly `length` bytes. */
export function fixedBytes(length: number) {
  return v.pipe(
    bytes,
    v.check((value) => value.length === length, `expected ${length} bytes`),
  );
}

/** At most `max` bytes. */
export function someBytes(max: number) {
  return v.pipe(
    bytes,
    v.check((value) => value.length <= max, `expected at most ${max} bytes`),
  );
}

/** A whole number as the CBOR decoder gives it: from 2^32 on it is a BigInt. */
const whole = v.pipe(
  v.union([v.number(), v.bigint()]),
  v.check((value) => typeof value === "bigint" || Number.isSafeInteger(value), "expected a whole number"),
);

/** A whole number from `min` to `max`, held as a number. */
export function count(max: number = Number.MAX_SAFE_INTEGER, min = 0) {
  return v.pipe(
    whole,
    v.check((value) => value >= min && value <= max, `expected a whole number from ${min} to ${max}`),
    v.transform((value) => Number(value)),
  );
}

/** A whole number from 0 to 2^63 - 1, held as a BigInt: bytes, byte-seconds, contribution. */
export const amount = v.pipe(
  whole,
  v.check((value) => value >= 0 && value < 2n ** 63n, "expected a whole number from 0 to 2^63-1"),
  v.transform((value) => BigInt(value)),
);

/** Text of any kind, of at most `max` characters (Unicode code points, which every language counts alike). */
export function anyText(max: number) {
  return v.pipe(
    v.string(),
    v.check(
      (value) => value.length <= max || (value.length <= 2 * max && [...value].length <= max),
      `expected at most ${max} characters`,
    ),
  );
}

/** Text of 1 to `max` characters, without control characters (so that it cannot play tricks on a terminal or a log). */
export function text(max: number = MAX_TEXT) {
  return v.pipe(
    anyText(max),
    v.check((value) => value !== "", "expected at least one character"),
    v.check((value) => !/\p{Cc}/u.test(value), "control characters are not allowed"),
  );
}

/** A list of up to `max` items. */
export function listOf<Item extends v.GenericSchema>(item: Item, max: number = MAX_LIST, min = 0) {
  return v.pipe(v.array(item), v.minLength(min), v.maxLength(max));
}

/** A map whose inside the service of its kind reads. */
export const openObject = v.custom<WireObject>(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array),
  "expected a map",
);

export const publicKey = fixedBytes(32);
export const hash = fixedBytes(32);
/** Assignment and challenge ids: 16 random bytes. */
export const taskId = fixedBytes(16);

export const TIERS = ["Lite", "Normal", "Super"] as const;
/** The class of a device: what kind of work it is fit for. Ordered from least to most. */
export type Tier = (typeof TIERS)[number];
export const tier = v.picklist(TIERS);

export const ISOLATION_LEVELS = ["process", "namespaces"] as const;
/**
 * How strangers' code is kept apart, from weaker to stronger. `process`: a child process with resource limits. `namespaces`: also
 * its own user, process, network, mount and IPC namespaces, with no capabilities and no path to the device's files.
 */
export type IsolationLevel = (typeof ISOLATION_LEVELS)[number];
/** The isolation that was really obtained, and by which program. */
export const isolation = v.strictObject({ level: v.picklist(ISOLATION_LEVELS), mechanism: text(64) });

/**
 * What work used. CPU in microseconds; memory in byte-seconds (resident bytes integrated over the run); bytes sent and received;
 * disk in byte-seconds (bytes kept, times how long).
 */
export const usage = v.strictObject({
  cpuMicros: amount,
  memoryByteSeconds: amount,
  upBytes: amount,
  downBytes: amount,
  diskByteSeconds: amount,
});
export type Usage = v.InferOutput<typeof usage>;

/** Usage of nothing. */
export const NO_USAGE: Usage = { cpuMicros: 0n, memoryByteSeconds: 0n, upBytes: 0n, downBytes: 0n, diskByteSeconds: 0n };

/** The claims that every message of a node carries. */
export const nodeClaims = {
  issuer: publicKey,
  /** Seconds since 1970 as the node believes; never trusted. */
  issuedAt: count(),
  /** Where `issuedAt` comes from: nothing better than the power-on default, the system clock, or a bookkeeper's beacons. */
  clock: v.picklist(["unset", "system", "beacon"]),
  /** Hash of the latest beacon that the node had seen: it cannot have been signed earlier. Absent before the first one. */
  nonce: v.optional(hash),
  /** Seconds since this start of the agent. */
  uptimeSeconds: count(),
  /** How many times the agent of this node has started; the chain is ordered by (bootCount, seq). */
  bootCount: count(2 ** 32 - 1, 1),
  /** Random for each start, so that two starts with one count can be told apart. */
  bootSeed: fixedBytes(32),
  /** Version of the agent. */
  software: listOf(text(64), 1, 1),
};

/** The claims that every message of a bookkeeper carries. */
export const bookkeeperClaims = {
  issuer: publicKey,
  /** Seconds since 1970. */
  issuedAt: count(),
};
