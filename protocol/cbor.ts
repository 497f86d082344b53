import { isUtf8 } from "node:buffer";
import { Encoder } from "cbor-x";
import { messageOf, type Result, success } from "../base/index.ts";
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
  const result = new Map<number | string, unknown>();
  for (const key of [...map.keys()].sort(compareKeys)) {
    const isAllowed = typeof key === "string" ? key.isWellFormed() : Number.isInteger(key) && key >= -(2 ** 32) && key < 2 ** 32;
    if (!isAllowed) throw new TypeError("a map key is neither a short integer nor text");
    result.set(key, ordered(map.get(key) as CborValue));
  }
  return result;
}

/** The order of keys by their encoded bytes: integers from 0 up, then from -1 down, then texts, the shorter (in UTF-8) first. */
function compareKeys(left: number | string, right: number | string): number {
  if (typeof left === "number" && typeof right === "number") {
    return left < 0 !== right < 0 ? right - left : Math.abs(left) - Math.abs(right);
  }
  if (typeof left !== "string" || typeof right !== "string") return typeof left === "number" ? -1 : 1;
  return Buffer.byteLength(left) - Buffer.byteLength(right) || Buffer.compare(Buffer.from(left), Buffer.from(right));
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
    return success(codec.decode(bytes) as CborValue);
  } catch (thrown) {
    return rejected("bad-cbor", messageOf(thrown));
  }
}

interface Flaw {
  readonly code: ProtocolErrorCode;
  readonly what: string;
}

/** A list or map whose items are being read. */
interface OpenItem {
  readonly isMap: boolean;
  /** Items still to come; of a map, keys and values together. */
  remaining: number;
  /** Where its last key was, from `keyStart` to before `keyEnd`. */
  keyStart: number;
  keyEnd: number;
}

/**
 * What is wrong with encoded CBOR, found before any of it is built: it keeps a short hostile input from asking for a huge array or a
 * deep stack. Undefined when it is one whole item of allowed types in its canonical form, which is what `encodeCanonical` would write.
 */
function findFlaw(bytes: Uint8Array): Flaw | undefined {
  const bad = (what: string): Flaw => ({ code: "bad-cbor", what });
  const open: OpenItem[] = [];
  let position = 0;
  let current: OpenItem = { isMap: false, remaining: 1, keyStart: 0, keyEnd: 0 };
  while (current.remaining > 0) {
    const start = position;
    const isKey = current.isMap && current.remaining % 2 === 0;
    const head = bytes[position];
    if (head === undefined) return bad(`it ends in the middle, at byte ${position}`);
    const major = head >> 5;
    const info = head & 0x1f;
    position += 1;
    current.remaining -= 1;
    if (isKey && !((major <= 1 && info <= 26) || major === 3))
      return bad(`a map key at byte ${start} that is neither a short integer nor text`);
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
      if (major === 1 && size === 8 && bytes.subarray(position, position + 8).every((byte) => byte === 0xff))
        return bad(`an integer at byte ${start} that is below -(2^64 - 1)`);
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
        open.push(current);
        current = { isMap: major === 5, remaining: items, keyStart: position, keyEnd: position };
        if (open.length > MAX_CBOR_DEPTH) return bad(`lists and maps nested deeper than ${MAX_CBOR_DEPTH}`);
      }
    }
    if (isKey) {
      if (compareRanges(bytes, current.keyStart, current.keyEnd, start, position) >= 0)
        return { code: "not-canonical", what: `a map key at byte ${start} that is out of order, or given twice` };
      current.keyStart = start;
      current.keyEnd = position;
    }
    while (current.remaining === 0 && open.length > 0) current = open.pop() as OpenItem;
  }
  return position === bytes.length ? undefined : bad(`${bytes.length - position} bytes after its end`);
}

/** Compares two encoded keys. None is the beginning of another, because each begins with its length. */
function compareRanges(bytes: Uint8Array, left: number, leftEnd: number, right: number, rightEnd: number): number {
  for (let at = 0; left + at < leftEnd && right + at < rightEnd; at++) {
    const difference = (bytes[left + at] ?? 0) - (bytes[right + at] ?? 0);
    if (difference !== 0) return difference;
  }
  return leftEnd - left - (rightEnd - right);
}

function readUint(bytes: Uint8Array, position: number, size: number): number {
  let value = 0;
  for (let index = 0; index < size; index++) value = value * 256 + (bytes[position + index] ?? 0);
  return value;
}
