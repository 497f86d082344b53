/**
 * Both implementations of Ed25519 have to be the one of RFC 8032, and to agree wherever a crafted signature could split verifiers. Its
 * vectors, forged keys and signatures built with plain arithmetic, and wrong lengths are given to each.
 */
import { test } from "tap";
import { concatBytes, fromHex, toHex } from "../../../base/index.ts";
import { type Ed25519, loadEd25519, nodeEd25519, privateKeyOf } from "../../../protocol/index.ts";
import {
  add,
  challengeOf,
  encodePoint,
  isSamePoint,
  L,
  smallOrderPoints,
  times,
  toBytes,
  toNumber,
  ZERO,
} from "./edwards25519.ts";
import { RFC_8032_VECTORS } from "./rfc8032-vectors.ts";

const { ed25519, sodiumMissing } = await loadEd25519();
const BOTH: readonly Ed25519[] = sodiumMissing === undefined ? [ed25519, nodeEd25519] : [nodeEd25519];
const SEED = new Uint8Array(32).fill(7);
const KEY = nodeEd25519.publicKey(SEED);
const MESSAGE = Buffer.from("a message");
const SIGNATURE = nodeEd25519.signer(SEED)(MESSAGE);

function hex(text: string): Uint8Array {
  const bytes = fromHex(text);
  if (bytes === undefined) throw new Error(`${text} is no hexadecimal`);
  return bytes;
}

test("sodium-native loads on this machine", { skip: sodiumMissing ?? false }, (t) => {
  t.equal(ed25519.name, "sodium-native");
  t.end();
});

test("the vectors of RFC 8032", (t) => {
  for (const each of BOTH) {
    for (const { name, seed, publicKey, message, signature } of RFC_8032_VECTORS) {
      const what = `${each.name}: ${name}`;
      t.equal(toHex(each.publicKey(hex(seed))), publicKey, `${what}: public key`);
      t.equal(toHex(each.signer(hex(seed))(hex(message))), signature, `${what}: signature`);
      t.ok(each.verify(hex(signature), hex(message), hex(publicKey)), `${what}: verifies`);
      t.notOk(each.verify(hex(signature), concatBytes(hex(message), Uint8Array.of(0)), hex(publicKey)), `${what}: other message`);
    }
  }
  t.end();
});

test("whatever has another length is not valid, and no seed", (t) => {
  for (const each of BOTH) {
    for (const length of [0, 1, 31, 32, 33, 63, 65, 128])
      t.notOk(each.verify(new Uint8Array(Buffer.alloc(length, SIGNATURE)), MESSAGE, KEY), `${each.name}: signature of ${length}`);
    for (const length of [0, 1, 31, 33, 64])
      t.notOk(each.verify(SIGNATURE, MESSAGE, new Uint8Array(Buffer.alloc(length, KEY))), `${each.name}: key of ${length}`);
    t.notOk(each.verify(concatBytes(SIGNATURE, Uint8Array.of(0)), MESSAGE, KEY), `${each.name}: a byte too many`);
    for (const length of [0, 31, 33, 64])
      t.throws(() => each.publicKey(new Uint8Array(length)), `${each.name}: seed of ${length}`);
    for (const length of [0, 31, 33, 64])
      t.throws(() => each.signer(new Uint8Array(length)), `${each.name}: signer of ${length}`);
  }
  t.throws(() => privateKeyOf(new Uint8Array(33)), { message: "a seed has 32 bytes, not 33" });
  t.end();
});

test("S of L or more is not valid: a signature cannot be turned into another", (t) => {
  const scalar = toNumber(SIGNATURE.subarray(32));
  for (const each of BOTH) {
    t.ok(each.verify(concatBytes(SIGNATURE.subarray(0, 32), toBytes(scalar)), MESSAGE, KEY), each.name);
    for (let times = 1n; scalar + times * L < 2n ** 256n; times += 1n)
      t.notOk(
        each.verify(concatBytes(SIGNATURE.subarray(0, 32), toBytes(scalar + times * L)), MESSAGE, KEY),
        `${each.name}: S + ${times} L`,
      );
  }
  t.end();
});

test("a key or R of small order is not valid, though its equation holds", (t) => {
  const points = smallOrderPoints().map(encodePoint);
  // Each point, with either sign, and the forms of 0 and 1 that are not reduced.
  const P = 2n ** 255n - 19n;
  const keys = [...points, ...[0n, 1n].map((y) => toBytes(y + P))].flatMap((key) => [key, flipSign(key)]);
  // SB = R + hA: with such an A, one of these R and S fulfils it for every second to eighth message.
  const signatures = [
    ...points.map((r) => concatBytes(r, toBytes(0n))),
    ...smallOrderPoints().map((point) => concatBytes(encodePoint(add(times(5n), point)), toBytes(5n))),
  ];
  const secret = 1_234_567n;
  const key = encodePoint(times(secret));
  for (const each of BOTH) {
    const taken = keys.filter((small) =>
      signatures.some((signature) => [1, 2, 3, 4, 5, 6, 7, 8].some((byte) => each.verify(signature, Uint8Array.of(byte), small))),
    );
    t.same(taken.map(toHex), [], `${each.name}: keys`);
    const takenAsR = points.filter((r) =>
      each.verify(concatBytes(r, toBytes((challengeOf(r, key, MESSAGE) * secret) % L)), MESSAGE, key),
    );
    t.same(takenAsR.map(toHex), [], `${each.name}: R`);
  }
  t.end();
});

function flipSign(point: Uint8Array): Uint8Array {
  const flipped = new Uint8Array(point);
  flipped[31] = (flipped[31] ?? 0) ^ 0x80;
  return flipped;
}

test("a key or R with a part of small order splits nobody: both check without the cofactor", (t) => {
  const secret = 2n ** 200n + 12_345n;
  const nonce = 2n ** 190n + 6_789n;
  const key = encodePoint(times(secret));
  const r = encodePoint(times(nonce));
  for (const [index, torsion] of smallOrderPoints().entries()) {
    const mixedKey = encodePoint(add(times(secret), torsion));
    const mixedR = encodePoint(add(times(nonce), torsion));
    const multiples = Array.from({ length: 8 }, (_, multiple) => isSamePoint(times(BigInt(multiple), torsion), ZERO));
    const judged = Array.from({ length: 24 }, (_, byte) => {
      const message = Uint8Array.of(byte);
      const challenge = challengeOf(r, mixedKey, message);
      const signature = concatBytes(r, toBytes((nonce + challenge * secret) % L));
      const otherSignature = concatBytes(mixedR, toBytes((nonce + challengeOf(mixedR, key, message) * secret) % L));
      return BOTH.flatMap((each) => [
        // It holds only where the challenge takes the torsion away.
        each.verify(signature, message, mixedKey) === multiples[Number(challenge % 8n)],
        each.verify(otherSignature, message, key) === (index === 0),
      ]);
    });
    t.ok(judged.flat().every(Boolean), `torsion ${index}`);
    t.ok(multiples.includes(true) && (index === 0 || multiples.includes(false)), "some hold and some do not");
  }
  t.end();
});

test("a key that is no point, and bytes that are no Buffer of their own, do no harm", (t) => {
  const within = new Uint8Array(200).fill(9);
  within.set(SIGNATURE, 3);
  within.set(KEY, 70);
  within.set(MESSAGE, 110);
  for (const each of BOTH) {
    for (const byte of [0x02, 0xff])
      t.notOk(each.verify(SIGNATURE, MESSAGE, new Uint8Array(32).fill(byte)), `${each.name}: no key`);
    t.ok(
      each.verify(within.subarray(3, 67), within.subarray(110, 110 + MESSAGE.length), within.subarray(70, 102)),
      `${each.name}: views`,
    );
    const signature = each.signer(SEED)(MESSAGE);
    t.equal(signature.length, 64);
    t.equal(toHex(each.signer(SEED)(MESSAGE)), toHex(signature), "a second signature leaves the first alone");
  }
  t.end();
});
