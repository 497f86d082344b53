/**
 * The small tools that every room uses are right at their edges. Bytes, amounts with units, near words, waits and results are computed for
 * known cases and for random ones; SEED replays those.
 */
import fc from "fast-check";
import { test } from "tap";
import {
  assert,
  BaseError,
  backoffMs,
  bytesEqual,
  CodedError,
  compareBytes,
  concatBytes,
  failure,
  formatBytes,
  fromHex,
  makeSeededRandom,
  makeSystemRandom,
  messageOf,
  nearestWord,
  parseBitsPerSecond,
  parseByteCount,
  parseDurationMs,
  QUANTITY_FORMS,
  sha256,
  success,
  toHex,
} from "../../../base/index.ts";
import { printedSeed } from "../../sim/printed-seed.ts";

test("hexadecimal there and back", (t) => {
  t.equal(toHex(Uint8Array.of(0, 10, 255)), "000aff");
  t.same(fromHex("000AfF"), Uint8Array.of(0, 10, 255));
  t.same(fromHex(""), new Uint8Array());
  for (const text of ["0", "0g", "0x00", " 00", "00 ", "0\n", "００"]) t.equal(fromHex(text), undefined, JSON.stringify(text));
  const whole = Uint8Array.of(1, 2, 3, 4);
  t.equal(toHex(whole.subarray(1, 3)), "0203", "a view is read where it is");
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => bytesEqual(fromHex(toHex(bytes)) ?? Uint8Array.of(0), bytes)),
    { seed: printedSeed(t) },
  );
  t.end();
});

test("bytes compared, joined and hashed", (t) => {
  t.ok(bytesEqual(new Uint8Array(), new Uint8Array()));
  t.notOk(bytesEqual(Uint8Array.of(1), Uint8Array.of(1, 0)));
  t.ok(compareBytes(Uint8Array.of(1), Uint8Array.of(1, 0)) < 0);
  t.ok(compareBytes(Uint8Array.of(2), Uint8Array.of(1, 9)) > 0);
  t.equal(compareBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2)), 0);
  t.equal(toHex(concatBytes(Uint8Array.of(1), new Uint8Array(), Uint8Array.of(2, 3))), "010203");
  t.equal(concatBytes().length, 0);
  // FIPS 180-4, of "abc" and of nothing.
  t.equal(toHex(sha256(Buffer.from("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  t.equal(toHex(sha256(new Uint8Array())), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  t.end();
});

test("durations, bytes and rates as people write them", (t) => {
  t.same(
    ["250ms", "30s", "5m", "1.5h", "2d", "0s", "90 s"].map(parseDurationMs),
    [250, 30_000, 300_000, 5_400_000, 172_800_000, 0, 90_000],
  );
  t.same(["1B", "2kB", "1.5MB", "3GB", "1TB"].map(parseByteCount), [1, 2_000, 1_500_000, 3e9, 1e12]);
  t.same(["1KiB", "512MiB", "2GiB", "1 TiB"].map(parseByteCount), [1_024, 536_870_912, 2_147_483_648, 1_099_511_627_776]);
  t.same(["9bit/s", "64kbit/s", "20Mbit/s", "2.5Gbit/s"].map(parseBitsPerSecond), [9, 64_000, 20_000_000, 2_500_000_000]);
  const wrong = [
    "",
    "5",
    "s",
    "-5s",
    "+5s",
    "5S",
    "5 sec",
    "5  s",
    " 5s",
    "5s ",
    "1e3s",
    "0x5s",
    ".5s",
    "5.s",
    "1,5s",
    "٥s",
    "5constructor",
    "9999999999999999s",
    "999999999999999d",
    "1.2345678s",
    "5toString",
  ];
  for (const text of wrong) t.equal(parseDurationMs(text), undefined, JSON.stringify(text));
  for (const text of ["5kb", "5KB", "5Kib", "5MiB/s", "5k", "5M"]) t.equal(parseByteCount(text), undefined, text);
  for (const text of ["5Mb/s", "5mbit/s", "5Mbit", "5 Mbit / s", "5MB/s"]) t.equal(parseBitsPerSecond(text), undefined, text);
  for (const form of Object.values(QUANTITY_FORMS)) {
    const example = /such as (\S+)$/.exec(form)?.[1] ?? "";
    t.ok(parseDurationMs(example) ?? parseByteCount(example) ?? parseBitsPerSecond(example), `${form}: the example is one`);
  }
  t.end();
});

test("bytes as people read them never look like more than they are", (t) => {
  t.same([0, 1, 1023, 1024, 1536, 939_524_096, 1_073_741_823, 25_279_000_000, 2 ** 50].map(formatBytes), [
    "0 B",
    "1 B",
    "1023 B",
    "1 KiB",
    "1.5 KiB",
    "896 MiB",
    "1023 MiB",
    "23.5 GiB",
    "1 PiB",
  ]);
  fc.assert(
    fc.property(fc.maxSafeInteger().map(Math.abs), (bytes) => {
      const [amount = "", unit = ""] = formatBytes(bytes).split(" ");
      const power = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"].indexOf(unit);
      return power >= 0 && Number(amount) * 1024 ** power <= bytes && (Number(amount) < 1024 || unit === "PiB");
    }),
    { seed: printedSeed(t) },
  );
  t.end();
});

test("the nearest word is a slip of the fingers away, or there is none", (t) => {
  const words = ["network", "broker", "port", "limits", "max_tier", "state_dir"];
  for (const [slip, word] of [
    ["netwrok", "network"],
    ["brokr", "broker"],
    ["brooker", "broker"],
    ["prot", "port"],
    ["PORT", "port"],
    ["limit", "limits"],
    ["max_teir", "max_tier"],
    ["statedir", "state_dir"],
    ["network", "network"],
  ] as const)
    t.equal(nearestWord(slip, words), word, slip);
  for (const other of ["", "x", "door", "wallet", "p", "max"]) t.equal(nearestWord(other, words), undefined, other);
  t.equal(nearestWord("abc", []), undefined);
  t.equal(nearestWord("aab", ["aac", "aad"]), "aac", "the first of equals");
  fc.assert(
    fc.property(fc.string({ minLength: 6, maxLength: 12 }), fc.nat(), (word, at) => {
      const position = at % word.length;
      const slip = word.slice(0, position) + word.slice(position + 1);
      return nearestWord(slip, [word]) === word;
    }),
    { seed: printedSeed(t) },
  );
  t.end();
});

test("waits double up to their cap, and half of each is chance", (t) => {
  const shape = { baseMs: 500, capMs: 60_000 };
  const fixed = (value: number) => ({ bytes: () => new Uint8Array(), fraction: () => value });
  t.same(
    [0, 1, 2, 3, 6, 7, 8, 1_000, 2 ** 40].map((attempt) => backoffMs(attempt, shape, fixed(0))),
    [250, 500, 1_000, 2_000, 16_000, 30_000, 30_000, 30_000, 30_000],
  );
  t.equal(backoffMs(0, shape, fixed(0.999_999)), 500);
  const random = makeSystemRandom();
  fc.assert(
    fc.property(
      fc.nat(2_000),
      fc.integer({ min: 1, max: 10_000 }),
      fc.integer({ min: 1, max: 10_000_000 }),
      (attempt, baseMs, capMs) => {
        const waitMs = backoffMs(attempt, { baseMs, capMs }, random);
        const ceiling = Math.min(capMs, baseMs * 2 ** Math.min(attempt, 32));
        return Number.isInteger(waitMs) && waitMs >= Math.floor(ceiling / 2) && waitMs <= ceiling;
      },
    ),
    { seed: printedSeed(t) },
  );
  t.end();
});

test("randomness: of the kernel, and from a seed", (t) => {
  const system = makeSystemRandom();
  t.equal(system.bytes(33).length, 33);
  t.equal(system.bytes(0).length, 0);
  t.notSame(system.bytes(32), system.bytes(32));
  const [one, same, other] = [1, 1, 2].map(makeSeededRandom);
  t.same(one?.bytes(64), same?.bytes(64));
  t.notSame(one?.bytes(64), other?.bytes(64));
  // What a printed seed replays must not change with a version.
  t.equal(toHex(makeSeededRandom(42).bytes(8)), "55293412751a95d1");
  for (const random of [system, makeSeededRandom(3), makeSeededRandom(-1), makeSeededRandom(2 ** 40)]) {
    const fractions = Array.from({ length: 2_000 }, () => random.fraction());
    t.ok(fractions.every((fraction) => fraction >= 0 && fraction < 1));
    t.ok(
      new Set(fractions).size > 1_900 &&
        fractions.some((fraction) => fraction < 0.1) &&
        fractions.some((fraction) => fraction > 0.9),
    );
  }
  t.end();
});

test("errors carry a code and a cause, results say which of two they are", (t) => {
  const cause = new Error("inside");
  const error = new BaseError("file-missing", "outside", { cause });
  t.ok(error instanceof CodedError && error instanceof Error);
  t.same([error.name, error.code, error.message, error.cause], ["BaseError", "file-missing", "outside", cause]);
  t.same(
    [messageOf(error), messageOf("text"), messageOf(undefined), messageOf(null), messageOf(5)],
    ["outside", "text", "undefined", "null", "5"],
  );
  t.throws(() => assert(false, "what must hold"), { message: "bug: what must hold" });
  t.doesNotThrow(() => assert(1, "what holds"));
  t.same(success(1), { ok: true, value: 1 });
  t.same(failure("no"), { ok: false, error: "no" });
  t.end();
});
