import { isUtf8 } from "node:buffer";
import { Encoder } from "cbor-x";
import { bytesEqual, compareBytes, messageOf, type Result, success } from "../base/index.ts";
import { type ProtocolError, type ProtocolErrorCode, rejected } from "./errors.ts";
import { MAX_CBOR_DEPTH, MAX_MESSAGE_BYTES } from "./limits.ts";

/**
 * What a message may hold: integers from -(2^64 - 1) to 2^64 - 1, text, bytes, truth values, null, lists, and maps whose keys are
 * 32-bit integers or text. No floats, no tags.
 */
export type CborValue = number | bigint | string | Uint8Array | boolean | null | readonly CborValue[] | CborMap;
export type CborMap = ReadonlyMap<number | string, CborValue>;

/** cbor-x with its own extensions off: plain maps of the shortest form, plain byte strings. */
const PLAIN = { useRecords: false, variableMapSize: true, tagUint8Array: false, useTag259ForMaps: false, mapsAsObjects: false };
const codec = new Encoder(PLAIN);

const MAX_UINT64 = 2n ** 64n - 1n;

/**
 * The one encoding of a value: RFC 8949 section 4.2.1 (shortest integers and lengths, definite lengths, map keys in the order of
 * their encoded bytes). Half a surrogate pair, which a text cut at a length may end with, becomes U+FFFD. Throws a TypeError for a
 * value that no message may hold, which is a bug of the caller.
 */
export function encodeCanonical(value: CborValue): Uint8Array {
  // The encoder reuses its buffer for the next call, so the result is copied out.
  return new Uint8Array(codec.encode(ordered(value)));
}

/** The value with every map in canonical key order, and integers as the encoder wants them: BigInt from 2^32 on. */
function ordered(value: CborValue): unknown {
  switch (typeof value) {
    case "number":
      if (!Number.isSafeInteger(value)) throw new TypeError(`${value} is no integer that a message can hold`);
      return value >= -(2 ** 32) && value < 2 ** 32 ? value + 0 : BigInt(value);
    case "bigint":
      if (value > MAX_UINT64 || value < -MAX_UINT64) throw new TypeError(`${value} does not fit 64 bits`);
      return value >= -(2n ** 32n) && value < 2n ** 32n ? Number(value) : value;
    case "string":
      return value.toWellFormed();
    case "boolean":
      return value;
    case "object":
      if (value === null || value instanceof Uint8Array) return value;
      if (Array.isArray(value)) return value.map(ordered);
      if (value instanceof Map) return orderedMap(value);
  }
  throw new TypeError(`a message cannot hold a value of type ${typeof value}`);
}

function orderedMap(map: CborMap): Map<number | string, unknown> {
  const entries = [...map].map(([key, value]) => {
    const isAllowed =
      typeof key === "string" ? key.isWellFormed() : typeof key === "number" && key >= -(2 ** 32) && key < 2 ** 32;
    if (!isAllowed) throw new TypeError("a map key is neither a short integer nor text");
    return { key, encodedKey: encodeCanonical(key), value: ordered(value) };
  });
  entries.sort((left, right) => compareBytes(left.encodedKey, right.encodedKey));
  return new Map(entries.map(({ key, value }) => [key, value]));
}

/**
 * Decodes exactly one value in its one allowed encoding. Refuses (`too-large`, `bad-cbor`, `not-canonical`) everything else,
 * in time linear in the size of the input, and never throws.
 */
export function decodeCanonical(bytes: Uint8Array): Result<CborValue, ProtocolError> {
  if (bytes.length > MAX_MESSAGE_BYTES)
    return rejected("too-large", `${bytes.length} bytes; a message has at most ${MAX_MESSAGE_BYTES}`);
  const flaw = findFlaw(bytes);
  if (flaw !== undefined) return rejected(flaw.code, flaw.what);
  try {
    const value = codec.decode(bytes) as CborValue;
    return bytesEqual(encodeCanonical(value), bytes)
      ? success(value)
      : rejected("not-canonical", "a map's keys are out of order, or one is given twice");
  } catch (thrown) {
    return rejected("bad-cbor", messageOf(thrown));
  }
}

interface Flaw {
  readonly code: ProtocolErrorCode;
  readonly what: string;
}

/**
 * What is wrong with the shape of encoded CBOR, found before any of it is built: it keeps a short hostile input from asking for
 * a huge array or a deep stack. Undefined when it is one whole item of allowed types, every number and length in its shortest form.
 */
function findFlaw(bytes: Uint8Array): Flaw | undefined {
  const bad = (what: string): Flaw => ({ code: "bad-cbor", what });
  const open: number[] = [];
  let position = 0;
  let remaining = 1;
  while (remaining > 0) {
    const start = position;
    const head = bytes[position];
    if (head === undefined) return bad(`it ends in the middle, at byte ${position}`);
    const major = head >> 5;
    const info = head & 0x1f;
    position += 1;
    remaining -= 1;
    if (major === 7) {
      if (info < 20 || info > 22) return bad(`a float or simple value at byte ${start}; messages hold neither`);
    } else if (major === 6) {
      return bad(`a tag at byte ${start}; messages hold none`);
    } else {
      if (info > 27) return bad(`an indefinite or reserved length at byte ${start}`);
      const size = info < 24 ? 0 : 1 << (info - 24);
      if (position + size > bytes.length) return bad(`it ends in the middle, at byte ${position}`);
      const argument = info < 24 ? info : readUint(bytes, position, size);
      if (size > 0 && argument < (size === 1 ? 24 : 256 ** (size / 2)))
        return { code: "not-canonical", what: `a number or length in a longer form than it needs at byte ${start}` };
      position += size;
      if (major === 2 || major === 3) {
        position += argument;
        if (position > bytes.length) return bad(`a text or byte string at byte ${start} that is longer than the message`);
        if (major === 3 && !isUtf8(bytes.subarray(position - argument, position)))
          return bad(`a text at byte ${start} that is not UTF-8`);
      } else if (major === 4 || major === 5) {
        const items = major === 4 ? argument : argument * 2;
        if (items > bytes.length - position)
          return bad(`a list or map at byte ${start} that claims more items than the message has bytes`);
        open.push(remaining);
        remaining = items;
        if (open.length > MAX_CBOR_DEPTH) return bad(`lists and maps nested deeper than ${MAX_CBOR_DEPTH}`);
      }
    }
    while (remaining === 0 && open.length > 0) remaining = open.pop() ?? 0;
  }
  return position === bytes.length ? undefined : bad(`${bytes.length - position} bytes after its end`);
}

function readUint(bytes: Uint8Array, position: number, size: number): number {
  let value = 0;
  for (let index = 0; index < size; index++) value = value * 256 + (bytes[position + index] ?? 0);
  return value;
}
