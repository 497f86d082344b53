/**
 * Our CBOR must be the one that the rest of the world means by deterministic CBOR. cborg, an independent and strict implementation, is the
 * oracle for random values, random bytes and damaged encodings. SEED replays a run.
 */
import { decode as decodeByCborg, encode as encodeByCborg, rfc8949EncodeOptions } from "cborg";
import fc from "fast-check";
import { test } from "tap";
import { bytesEqual } from "../../base/index.ts";
import { type CborValue, decodeCanonical, encodeCanonical } from "../../protocol/index.ts";
import { printedSeed } from "../sim/printed-seed.ts";
import { cborValue } from "../unit/protocol/message-arbitraries.ts";

const STRICT = { strict: true, useMaps: true, rejectDuplicateMapKeys: true, allowIndefinite: false, allowUndefined: false };

/** The value with integers as cborg gives them: numbers as far as they are exact. */
function asCborg(value: CborValue): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (value instanceof Uint8Array) return [...value].join(" ");
  if (Array.isArray(value)) return value.map(asCborg);
  return value instanceof Map ? new Map([...value].map(([key, item]) => [key, asCborg(item)])) : value;
}

function isSame(left: unknown, right: unknown): boolean {
  if (left instanceof Map && right instanceof Map)
    return left.size === right.size && [...left].every(([key, item]) => right.has(key) && isSame(item, right.get(key)));
  if (Array.isArray(left) && Array.isArray(right))
    return left.length === right.length && left.every((item, index) => isSame(item, right[index]));
  return Object.is(left, right);
}

/** Bytes that our decoder takes, cborg takes as the same value and would write the same. */
function agrees(bytes: Uint8Array): boolean {
  const ours = decodeCanonical(bytes);
  if (!ours.ok) return true;
  const theirs = decodeByCborg(bytes, STRICT) as CborValue;
  return (
    isSame(asCborg(ours.value), asCborg(theirs)) &&
    bytesEqual(encodeByCborg(theirs, rfc8949EncodeOptions), bytes) &&
    bytesEqual(encodeCanonical(ours.value), bytes)
  );
}

test("what we write, cborg reads as the same value and writes the same", (t) => {
  fc.assert(
    fc.property(cborValue, (value) => {
      const bytes = encodeCanonical(value);
      return decodeCanonical(bytes).ok && agrees(bytes) && bytesEqual(encodeByCborg(value, rfc8949EncodeOptions), bytes);
    }),
    { numRuns: 3_000, seed: printedSeed(t) },
  );
  t.pass("no difference found");
  t.end();
});

test("what we read of random bytes, cborg reads alike", (t) => {
  // Mostly heads of short items, so that a good part of it is well-formed.
  const byte = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(0, 1, 0x18, 0x20, 0x40, 0x41, 0x60, 0x61, 0x80, 0x81, 0xa0, 0xa1, 0xf5) },
    fc.nat(255),
  );
  let accepted = 0;
  fc.assert(
    fc.property(fc.array(byte, { maxLength: 24 }), (list) => {
      const bytes = Uint8Array.from(list);
      if (decodeCanonical(bytes).ok) accepted += 1;
      return agrees(bytes);
    }),
    { numRuns: 30_000, seed: printedSeed(t) },
  );
  t.ok(accepted > 300, `${accepted} were well-formed`);
  t.end();
});

test("what we read of a damaged encoding, cborg reads alike", (t) => {
  const damage = fc.record({ kind: fc.constantFrom("flip", "insert", "delete", "double"), at: fc.nat(), byte: fc.nat(255) });
  let accepted = 0;
  fc.assert(
    fc.property(cborValue, damage, (value, { kind, at, byte }) => {
      const bytes = [...encodeCanonical(value)];
      const position = at % bytes.length;
      if (kind === "flip") bytes[position] = (bytes[position] ?? 0) ^ (1 << (byte & 7));
      else if (kind === "insert") bytes.splice(position, 0, byte);
      else if (kind === "delete") bytes.splice(position, 1);
      else bytes.splice(position, 0, bytes[position] ?? 0);
      const damaged = Uint8Array.from(bytes);
      if (decodeCanonical(damaged).ok) accepted += 1;
      return agrees(damaged);
    }),
    { numRuns: 20_000, seed: printedSeed(t) },
  );
  t.ok(accepted > 1_000, `${accepted} said something else, in the one form for it`);
  t.end();
});
