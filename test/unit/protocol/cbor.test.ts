/**
 * The strict CBOR has one encoding for each value and no other may be read, or two parties could sign and see different things. Values at
 * every boundary are written and read, every other form of them is offered, and hostile inputs of the largest size are decoded in bulk.
 */
import { test } from "tap";
import { concatBytes, fromHex, toHex } from "../../../base/index.ts";
import {
  type CborValue,
  decodeCanonical,
  decodeObject,
  encodeCanonical,
  encodeObject,
  MAX_CBOR_DEPTH,
  MAX_MESSAGE_BYTES,
  toDiagnostic,
} from "../../../protocol/index.ts";

function codeOf(hex: string | Uint8Array): string {
  const decoded = decodeCanonical(typeof hex === "string" ? (fromHex(hex) ?? new Uint8Array()) : hex);
  return decoded.ok ? "accepted" : decoded.error.code;
}

/** The value that encoded bytes are, which have to be accepted. */
function decoded(bytes: Uint8Array): CborValue {
  const result = decodeCanonical(bytes);
  if (!result.ok) throw result.error;
  return result.value;
}

/** RFC 8949 appendix A, as far as messages hold such values, and the boundaries beside them. */
const VALUES: readonly (readonly [value: CborValue, hex: string])[] = [
  [0, "00"],
  [1, "01"],
  [10, "0a"],
  [23, "17"],
  [24, "1818"],
  [25, "1819"],
  [100, "1864"],
  [255, "18ff"],
  [256, "190100"],
  [1000, "1903e8"],
  [65_535, "19ffff"],
  [65_536, "1a00010000"],
  [1_000_000, "1a000f4240"],
  [2 ** 32 - 1, "1affffffff"],
  [2n ** 32n, "1b0000000100000000"],
  [1_000_000_000_000n, "1b000000e8d4a51000"],
  [2n ** 53n - 1n, "1b001fffffffffffff"],
  [2n ** 53n, "1b0020000000000000"],
  [2n ** 63n - 1n, "1b7fffffffffffffff"],
  [2n ** 63n, "1b8000000000000000"],
  [2n ** 64n - 1n, "1bffffffffffffffff"],
  [-1, "20"],
  [-10, "29"],
  [-24, "37"],
  [-25, "3818"],
  [-100, "3863"],
  [-256, "38ff"],
  [-257, "390100"],
  [-1000, "3903e7"],
  [-65_536, "39ffff"],
  [-65_537, "3a00010000"],
  [-(2 ** 32), "3affffffff"],
  [-(2n ** 32n) - 1n, "3b0000000100000000"],
  [-(2n ** 53n), "3b001fffffffffffff"],
  [-(2n ** 63n), "3b7fffffffffffffff"],
  [-(2n ** 63n) - 1n, "3b8000000000000000"],
  [1n - 2n ** 64n, "3bfffffffffffffffe"],
  [false, "f4"],
  [true, "f5"],
  [null, "f6"],
  [new Uint8Array(), "40"],
  [Uint8Array.of(1, 2, 3, 4), "4401020304"],
  ["", "60"],
  ["a", "6161"],
  ["IETF", "6449455446"],
  ['"\\', "62225c"],
  ["ü", "62c3bc"],
  ["水", "63e6b0b4"],
  ["😀", "64f09f9880"],
  ["\ufeffA", "64efbbbf41"],
  ["\u0000", "6100"],
  [[], "80"],
  [[1, 2, 3], "83010203"],
  [[1, [2, 3], [4, 5]], "8301820203820405"],
  [Array.from({ length: 25 }, (_, index) => index + 1), "98190102030405060708090a0b0c0d0e0f101112131415161718181819"],
  [new Map(), "a0"],
  [
    new Map<string, CborValue>([
      ["a", 1],
      ["b", [2, 3]],
    ]),
    "a26161016162820203",
  ],
];

test("every value has its one encoding, and is read back from it", (t) => {
  for (const [value, hex] of VALUES) {
    t.equal(toHex(encodeCanonical(value)), hex, toDiagnostic(value));
    const back = decodeCanonical(fromHex(hex) ?? new Uint8Array());
    t.ok(back.ok, `${hex} is accepted`);
    if (back.ok) t.same(back.value, value);
    if (back.ok && typeof value !== "object") t.equal(typeof back.value, typeof value, "integers of 2^32 and more are BigInt");
  }
  t.end();
});

test("lengths around every boundary", (t) => {
  for (const length of [0, 1, 23, 24, 25, 255, 256, 257, 65_000]) {
    for (const value of [new Uint8Array(length), "y".repeat(length), "ü".repeat(length >> 1), Array.from({ length }, () => 0)]) {
      const bytes = encodeCanonical(value);
      t.same(decoded(bytes), value, `${length}`);
      const head = length < 24 ? 1 : length < 256 ? 2 : 3;
      if (typeof value !== "string") t.equal(bytes.length, head + length);
    }
  }
  t.end();
});

test("keys stand in the order of their bytes, whatever order they came in", (t) => {
  const keys = [10, 100, -1, "z", "aa", 1, -100, 256, "", "b", 65_536, "ü"];
  const expected = [1, 10, 100, 256, 65_536, -1, -100, "", "b", "z", "aa", "ü"];
  for (const order of [keys, [...keys].reverse(), expected]) {
    const bytes = encodeCanonical(new Map(order.map((key) => [key, 0])));
    const value = decoded(bytes);
    t.same(value instanceof Map ? [...value.keys()] : [], expected);
  }
  t.end();
});

test("every other form of a value is refused", (t) => {
  const forms: Readonly<Record<string, readonly string[]>> = {
    "not-canonical": [
      ..."1800 1817 190000 1900ff 1a00000000 1a0000ffff 1b0000000000000000 1b00000000ffffffff".split(" "),
      ..."3800 3817 3900ff 3a0000ffff 3b00000000ffffffff".split(" "),
      ..."5800 580100 59000100 5a0000000100 5b000000000000000100 780161 79000161 9800 990000 9a00000000 b800 b900010000".split(
        " ",
      ),
      "a202000100", // {2: 0, 1: 0}
      "a201000100", // {1: 0, 1: 0}
      "a2616100616100", // {"a": 0, "a": 0}
      "a220000100", // {-1: 0, 1: 0}
      "a262616100616200", // {"aa": 0, "b": 0}
      "81a202000100", // [{2: 0, 1: 0}]
    ],
    "bad-cbor": [
      ...["", "18", "19 00", "1a000000", "1b00000000000000", "41", "58", "5818", "61", "81", "8201", "a1", "a101", "a10102 00"],
      ...["0000", "6000", "a000", "f600"],
      ...[
        "1c",
        "1d",
        "1e",
        "1f",
        "3f",
        "5c",
        "5f",
        "7f",
        "9f",
        "bf",
        "9fff",
        "bfff",
        "5f4100ff",
        "7f6161ff",
        "9f01ff",
        "bf0100ff",
        "ff",
      ],
      ...["f7", "f0", "e0", "f3", "f800", "f814", "f820", "f8ff", "fc"],
      ...["f90000", "f93c00", "fa47c35000", "fb3ff199999999999a", "f97e00", "fb7ff8000000000000"],
      ...[
        "c000",
        "c11a514b67b0",
        "c249010000000000000000",
        "c340",
        "d64401020304",
        "d818456449455446",
        "d90102",
        "db000000000000000001",
      ],
      ...["61ff", "62c328", "63eda080", "62c080", "64f4908080", "61c3", "6180"],
      ...["a1410000", "a1f500", "a1f600", "a18000", "a1a000", "a11b000000010000000000"],
      ...[
        "9affffffff",
        "9bffffffffffffffff",
        "baffffffff",
        "bb7fffffffffffffff",
        "5affffffff",
        "5bffffffffffffffff",
        "7bffffffffffffffff",
      ],
      "a2410000410000", // a byte string as key, twice
      "3bffffffffffffffff", // -2^64
    ],
  };
  for (const [code, all] of Object.entries(forms)) for (const form of all) t.equal(codeOf(form.replaceAll(" ", "")), code, form);
  t.end();
});

test("what no message can hold is a mistake of the caller", (t) => {
  const wrong: readonly unknown[] = [
    ...[0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, -(2 ** 53), 2n ** 64n, -(2n ** 64n), -(2n ** 64n) - 1n],
    ...[undefined, Symbol("x"), () => 0, {}, { a: 1 }, new Date(0), [undefined], [0.5], new Set([1])],
    ...[
      new Map([[1, undefined]]),
      new Map([[true, 1]]),
      new Map([[2n, 1]]),
      new Map([[0.5, 1]]),
      new Map([[2 ** 32, 1]]),
      new Map([[new Uint8Array(), 1]]),
    ],
  ];
  for (const value of wrong) t.throws(() => encodeCanonical(value as CborValue), TypeError, String(value as object));
  t.equal(toHex(encodeCanonical(-0)), "00", "there is one zero");
  t.equal(toHex(encodeCanonical(5n)), "05", "and one five");
  t.end();
});

test("a text that was cut in the middle of a character is still one that others take", (t) => {
  const cut = "a😀".slice(0, 2);
  t.equal(toHex(encodeCanonical(cut)), "64 61efbfbd".replace(" ", ""));
  t.equal(decoded(encodeCanonical(cut)), "a\ufffd");
  t.throws(() => encodeCanonical(new Map([["\ud800", 1]])), TypeError, "a key so cut could become another's equal");
  t.end();
});

test("lists and maps nest 16 deep, and no deeper", (t) => {
  const nested = (depth: number, empty: CborValue, wrap: (inner: CborValue) => CborValue): Uint8Array => {
    let value = empty;
    for (let level = 1; level < depth; level++) value = wrap(value);
    return encodeCanonical(value);
  };
  const shapes = {
    lists: (depth: number) => nested(depth, [], (inner) => [inner]),
    maps: (depth: number) => nested(depth, new Map(), (inner) => new Map([[1, inner]])),
    both: (depth: number) => nested(depth, [], (inner) => (Array.isArray(inner) ? new Map([["k", inner]]) : [inner])),
  };
  for (const [name, shape] of Object.entries(shapes)) {
    t.equal(codeOf(shape(MAX_CBOR_DEPTH)), "accepted", `${name} at the limit`);
    t.equal(codeOf(shape(MAX_CBOR_DEPTH + 1)), "bad-cbor", `${name} past it`);
  }
  t.equal(MAX_CBOR_DEPTH, 16);
  t.end();
});

test("65536 bytes are read, and not one more", (t) => {
  const largest = encodeCanonical(new Uint8Array(MAX_MESSAGE_BYTES - 3));
  t.equal(largest.length, MAX_MESSAGE_BYTES);
  t.equal(codeOf(largest), "accepted");
  t.equal(codeOf(concatBytes(largest, Uint8Array.of(0))), "too-large");
  t.equal(codeOf(new Uint8Array(100_000_000)), "too-large", "however large it is");
  t.end();
});

test("hostile inputs of 64 KiB end soon, all of them together", { timeout: 30_000 }, (t) => {
  const size = MAX_MESSAGE_BYTES;
  const filled = (byte: number): Uint8Array => new Uint8Array(size).fill(byte);
  const repeated = (...unit: number[]): Uint8Array =>
    Uint8Array.from({ length: size }, (_, index) => unit[index % unit.length] ?? 0);
  const headed = (head: number[], rest: Uint8Array): Uint8Array => concatBytes(Uint8Array.from(head), rest).subarray(0, size);
  const longList = headed([0x99, 0xff, 0xfd], filled(0x00));
  const manyKeys = encodeCanonical(new Map(Array.from({ length: 15_000 }, (_, index) => [index, 0])));
  const sameKeys = headed([0xb9, 0x7f, 0xfe], filled(0x01)).subarray(0, size - 1);
  const inputs = [
    ...Array.from({ length: 256 }, (_, byte) => filled(byte)),
    ...[
      [0x81, 0xa1],
      [0xa1, 0x00],
      [0x82, 0x80],
      [0x98, 0x18],
      [0xa1, 0x61, 0x61],
      [0x80, 0xa0, 0x60],
      [0x78, 0xff],
    ].map((unit) => repeated(...unit)),
    ...[
      longList,
      manyKeys,
      sameKeys,
      headed([0x99, 0xff, 0xfc], repeated(0x61, 0x61)),
      headed([0x99, 0x80, 0x00], repeated(0x81, 0x00)),
    ],
    ...[
      headed([0x79, 0xff, 0xfd], filled(0x79)),
      headed([0x79, 0xff, 0xfd], filled(0xff)),
      headed([0x79, 0xff, 0xfd], repeated(0xc3, 0xbc)),
    ],
    encodeCanonical(Array.from({ length: 3_000 }, (_, index) => `key ${index} of many`)),
    encodeCanonical(new Map(Array.from({ length: 3_000 }, (_, index) => [`key ${index} of many`, [index]]))),
  ];
  const accepted = inputs.filter((input) => codeOf(input) === "accepted");
  t.ok(accepted.length >= 5 && inputs.length > 250, `${accepted.length} of ${inputs.length} are well-formed`);
  t.equal(codeOf(manyKeys), "accepted");
  t.equal(codeOf(longList), "accepted");
  t.equal(codeOf(sameKeys), "not-canonical");
  t.end();
});

test("names that objects inherit are names like any other", (t) => {
  const names = ["constructor", "toString", "__proto__", "hasOwnProperty", "valueOf"];
  const bytes = encodeCanonical(new Map(names.map((name) => [name, 1])));
  const object = decodeObject(bytes);
  t.ok(object.ok);
  if (object.ok) t.equal(toHex(encodeObject(object.value)), toHex(bytes), "written again as they were");
  for (const name of names) {
    const written = encodeObject(Object.fromEntries([[name, { [name]: "x" }]]));
    t.equal(codeOf(written), "accepted", name);
  }
  t.notOk(decodeObject(encodeCanonical(new Map([[1, 1]]))).ok, "a number is no name");
  t.notOk(decodeObject(encodeCanonical([1])).ok, "and a list no object");
  t.match(decodeObject(encodeCanonical(new Map([["a", [null]]]))), {
    ok: false,
    error: { message: /claim a: null stands for nothing/ },
  });
  t.end();
});
