import type { CborMap, CborValue } from "../../../protocol/index.ts";

/** A value with one thing changed. */
export interface Mutant {
  /** Where: map keys and list positions from the outside in. */
  readonly path: readonly (string | number)[];
  readonly what: string;
  readonly value: CborValue;
}

/** What is put in place of anything: every type, and the edges of every range and length that the protocol knows. */
const REPLACEMENTS: readonly CborValue[] = [
  ...[0, 1, -1, 9, 10, 11, 99, 256, 257, 999, 1000, 1024, 1025, 32_768, 32_769, 65_535, 65_536, 65_537, 3_600_000, 3_600_001],
  ...[16_777_216, 16_777_217, 65_536_000, 65_536_001, 2 ** 32 - 1],
  ...[2n ** 32n, 2n ** 32n + 1n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n, -(2n ** 63n)],
  ...["", "x", "ping", "\u0000", "a\nb", "\u0085", "\u202e", "😀".repeat(16), "😀".repeat(17)],
  ...[32, 33, 64, 65, 128, 129, 256, 257, 512, 513, 1024, 1025].map((length) => "y".repeat(length)),
  ...[0, 15, 16, 17, 31, 32, 33, 1024, 1025, 32_768, 32_769].map((length) => new Uint8Array(length)),
  ...[true, false, null, [], ["x"], new Map(), new Map([["x", 1]])],
];

/** Every value that differs in one place: a part replaced, left out, doubled, or added. */
export function* mutantsOf(value: CborValue, path: Mutant["path"] = []): Generator<Mutant> {
  for (const replacement of REPLACEMENTS) yield { path, what: `replaced by ${describe(replacement)}`, value: replacement };
  if (value instanceof Map) yield* mutantsOfMap(value, path);
  if (Array.isArray(value)) yield* mutantsOfList(value, path);
}

function* mutantsOfMap(map: CborMap, path: Mutant["path"]): Generator<Mutant> {
  for (const [key, item] of map) {
    yield { path: [...path, key], what: "left out", value: without(map, key) };
    for (const inner of mutantsOf(item, [...path, key])) yield { ...inner, value: new Map([...map, [key, inner.value]]) };
  }
  for (const key of ["extra", "__proto__", "constructor", "issuer", 99, 0])
    yield { path: [...path, key], what: "added", value: new Map([...map, [key, 1]]) };
}

function* mutantsOfList(list: readonly CborValue[], path: Mutant["path"]): Generator<Mutant> {
  for (const [index, item] of list.entries()) {
    yield { path: [...path, index], what: "left out", value: list.filter((_, other) => other !== index) };
    for (const inner of mutantsOf(item, [...path, index])) yield { ...inner, value: list.with(index, inner.value) };
  }
  const [first] = list;
  if (first === undefined) return;
  for (const length of [8, 9, 10, 11, 16, 17, 32, 33])
    yield { path, what: `of ${length} items`, value: Array.from({ length }, () => first) };
}

function without(map: CborMap, key: string | number): CborMap {
  return new Map([...map].filter(([other]) => other !== key));
}

function describe(value: CborValue): string {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (value instanceof Map) return `a map of ${value.size}`;
  return typeof value === "string" && value.length > 20
    ? `a text of ${value.length}`
    : JSON.stringify(value, (_, item) => (typeof item === "bigint" ? `${item}` : item));
}
