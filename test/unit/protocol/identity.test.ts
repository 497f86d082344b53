/**
 * An id is a public key that people can copy: mistakes must be found, and other implementations must come to the same one. The key id is
 * held against libsodium's and a published BLAKE2b digest, the text form against the vectors of BIP 350 and random slips of the fingers.
 */
import { bech32m } from "@scure/base";
import fc from "fast-check";
import { test } from "tap";
import { bytesEqual, sha256, toHex } from "../../../base/index.ts";
import { formatId, keyIdOf, loadEd25519, makeSigningKey, nodeEd25519, parseId } from "../../../protocol/index.ts";
import { KEYS, SEEDS } from "../../fixtures/protocol/sample-keys.ts";
import { printedSeed } from "../../sim/printed-seed.ts";

const { sodiumMissing } = await loadEd25519();
const keys = fc.uint8Array({ minLength: 32, maxLength: 32 });

test("the key id is the start of BLAKE2b-256", (t) => {
  // BLAKE2b with a digest of 32 bytes, of "abc": known to every implementation.
  t.equal(toHex(keyIdOf(Buffer.from("abc"))), "bddd813c634239723171ef3fee98579b");
  t.equal(keyIdOf(KEYS.node.publicKey).length, 16);
  t.notSame(keyIdOf(KEYS.node.publicKey), sha256(KEYS.node.publicKey).subarray(0, 16));
  t.end();
});

test("libsodium computes the same key id", { skip: sodiumMissing ?? false }, async (t) => {
  const sodium = (
    (await import("sodium-native" as string)) as { default: { crypto_generichash(out: Buffer, input: Buffer): void } }
  ).default;
  fc.assert(
    fc.property(keys, (key) => {
      const digest = Buffer.alloc(32);
      sodium.crypto_generichash(digest, Buffer.from(key));
      return bytesEqual(digest.subarray(0, 16), keyIdOf(key));
    }),
    { numRuns: 200, seed: printedSeed(t) },
  );
  t.pass("no difference found");
});

test("an id of 62 characters says the key again", (t) => {
  fc.assert(
    fc.property(keys, (key) => {
      const id = formatId(key);
      const parsed = parseId(id);
      return id.length === 62 && id.startsWith("bxn1") && /^[a-z0-9]+$/.test(id) && parsed.ok && bytesEqual(parsed.value, key);
    }),
    { numRuns: 300, seed: printedSeed(t) },
  );
  t.equal(makeSigningKey(SEEDS.node, nodeEd25519).id, KEYS.node.id);
  t.end();
});

test("up to four wrong characters are always found", (t) => {
  const slips = fc.array(fc.tuple(fc.nat(57), fc.constantFrom(..."qpzry9x8gf2tvdw0s3jn54khce6mua7l")), {
    minLength: 1,
    maxLength: 4,
  });
  fc.assert(
    fc.property(keys, slips, (key, changes) => {
      const id = formatId(key);
      const mistyped = [...id];
      for (const [position, character] of changes) mistyped[4 + position] = character;
      return mistyped.join("") === id || !parseId(mistyped.join("")).ok;
    }),
    { numRuns: 2_000, seed: printedSeed(t) },
  );
  t.pass("none got through");
  t.end();
});

/** BIP 350, "Test vectors for Bech32m". */
const VALID = [
  "A1LQFN3A",
  "a1lqfn3a",
  "an83characterlonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11sg7hg6",
  "abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx",
  "11llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllludsr8",
  "split1checkupstagehandshakeupstreamerranterredcaperredlc445v",
  "?1v759aa",
] as const;
const INVALID = [
  "\u00201xj0phk",
  "\u007f1g6xzxy",
  "\u00801vctc34",
  "an84characterslonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11d6pts4",
  "qyrz8wqd2c9m",
  "1qyrz8wqd2c9m",
  "y1b0jsk6g",
  "lt1igcx5c0",
  "in1muywd",
  "mm1crxm3i",
  "au1s5cgom",
  "M1VUXWEZ",
  "16plkw9",
  "1p2gdwpf",
] as const;

test("the vectors of BIP 350: what is right is of another kind, what is wrong is no id", (t) => {
  for (const text of VALID) {
    t.ok(bech32m.decodeUnsafe(text, 90), `${text} is bech32m`);
    const parsed = parseId(text);
    t.match(parsed, { ok: false, error: { code: "bad-identity", message: /another kind; ids here start with bxn1/ } }, text);
  }
  for (const text of INVALID) t.match(parseId(text), { ok: false, error: { code: "bad-identity" } }, JSON.stringify(text));
  t.end();
});

test("other texts are no ids", (t) => {
  const { id } = KEYS.node;
  const others = {
    empty: "",
    "of another network": bech32m.encode("bxt", bech32m.toWords(KEYS.node.publicKey)),
    "a byte short": bech32m.encode("bxn", bech32m.toWords(KEYS.node.publicKey.subarray(1))),
    "a byte long": bech32m.encode("bxn", bech32m.toWords(new Uint8Array(33))),
    "of no bytes": bech32m.encode("bxn", []),
    "a wildcard": "+",
    "mixed case": `${id.slice(0, 30)}${id.slice(30).toUpperCase()}`,
    "with a space": ` ${id}`,
    "with a line end": `${id}\n`,
    "very long": "b".repeat(100_000),
    "not ASCII": id.replace("x", "х"),
  };
  for (const [name, text] of Object.entries(others)) {
    const parsed = parseId(text);
    t.notOk(parsed.ok, name);
    if (!parsed.ok) t.ok(parsed.error.message.length < 250, `${name}: ${parsed.error.message.slice(0, 100)}`);
  }
  t.end();
});
