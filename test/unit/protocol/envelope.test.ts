/**
 * The envelope says who signed what for which network and purpose, and has one form only. It is checked with the public COSE vector, every
 * other form of its parts, and each role and network against each other.
 */
import { test } from "tap";
import { concatBytes, fromHex, toHex } from "../../../base/index.ts";
import {
  encodeCanonical,
  keyIdOf,
  makeSigningKey,
  nodeEd25519,
  parseEnvelope,
  ROLES,
  seal,
  sigStructure,
  verifyEnvelope,
} from "../../../protocol/index.ts";
import { flipBit, forge, longHeadOf } from "../../fixtures/protocol/forge.ts";
import { KEYS, NETWORK } from "../../fixtures/protocol/sample-keys.ts";
import { sampleNamed } from "../../fixtures/protocol/samples.ts";

const PAYLOAD = sampleNamed("beacon").payload;

function hex(text: string): Uint8Array {
  return fromHex(text) ?? new Uint8Array();
}

function refusal(bytes: Uint8Array): string {
  const parsed = parseEnvelope(bytes);
  return parsed.ok ? "accepted" : `${parsed.error.code}: ${parsed.error.message}`;
}

test("the public vector eddsa-sig-01 of cose-wg/Examples", (t) => {
  const key = makeSigningKey(hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"), nodeEd25519);
  const protectedBytes = hex("a201270300");
  const payload = Buffer.from("This is the content.");
  const expected = hex(
    `d28445a201270300a10442313154546869732069732074686520636f6e74656e742e5840${"7142fd2ff96d56db85bee905a76ba1d0b7321a95c8c4d3607c5781932b7afb8711497dfa751bf40b58b3bcc32300b1487f3db34085eef013bf08f4a44d6fef0d"}`,
  );
  const message = sigStructure(protectedBytes, new Uint8Array(), payload);
  const signature = key.sign(message);
  const unprotected = encodeCanonical(new Map([[4, Buffer.from("11")]]));
  const envelope = concatBytes(
    hex("d284"),
    encodeCanonical(protectedBytes),
    unprotected,
    encodeCanonical(payload),
    encodeCanonical(signature),
  );
  t.equal(toHex(envelope), toHex(expected), "signed again, byte for byte");
  t.ok(nodeEd25519.verify(expected.subarray(expected.length - 64), message, key.publicKey));
  t.equal(refusal(expected), "not-an-envelope: its unprotected header is not empty", "and this protocol does not take it");
  t.end();
});

test("what is sealed is taken apart again, as it was", (t) => {
  for (const role of ROLES) {
    const bytes = seal(PAYLOAD, NETWORK, role, KEYS.node);
    const parsed = parseEnvelope(bytes);
    if (!parsed.ok) throw parsed.error;
    t.equal(parsed.value.role, role);
    t.equal(toHex(parsed.value.keyId), toHex(keyIdOf(KEYS.node.publicKey)));
    t.equal(toHex(parsed.value.payload), toHex(PAYLOAD));
    t.equal(toHex(seal(PAYLOAD, NETWORK, role, KEYS.node)), toHex(bytes), "the same each time");
  }
  t.end();
});

test("nothing signed for one role or network verifies for another", (t) => {
  const networks = ["sample", "sample2", "sampl", "main", "sample|proof", "a.b-c"];
  for (const role of ROLES) {
    for (const network of networks) {
      const parsed = parseEnvelope(seal(PAYLOAD, network, role, KEYS.node));
      if (!parsed.ok) throw parsed.error;
      const verified = networks.flatMap((otherNetwork) =>
        ROLES.filter((otherRole) =>
          verifyEnvelope({ ...parsed.value, role: otherRole }, otherNetwork, KEYS.node.publicKey, nodeEd25519),
        ).map((otherRole) => `${otherNetwork} ${otherRole}`),
      );
      t.same(verified, [`${network} ${role}`]);
    }
  }
  t.end();
});

test("Ed25519 goes by its new number too, but one does not stand for the other", (t) => {
  const parsed = parseEnvelope(forge({ payload: PAYLOAD, algorithm: -19 }));
  t.ok(parsed.ok && verifyEnvelope(parsed.value, NETWORK, KEYS.node.publicKey, nodeEd25519));
  const old = parseEnvelope(forge({ payload: PAYLOAD }));
  if (!parsed.ok || !old.ok) throw new Error("refused");
  const mixed = { ...parsed.value, signature: old.value.signature };
  t.notOk(verifyEnvelope(mixed, NETWORK, KEYS.node.publicKey, nodeEd25519));
  t.end();
});

test("every other form is refused, with the reason", (t) => {
  const good = forge({ payload: PAYLOAD });
  const headerAt = 2;
  const header = parseEnvelope(good);
  if (!header.ok) throw header.error;
  const { protectedBytes, signature } = header.value;
  const withHeader = (bytes: Uint8Array): Uint8Array =>
    concatBytes(hex("d284"), encodeCanonical(bytes), hex("a0"), encodeCanonical(PAYLOAD), encodeCanonical(signature));
  const map = (...entries: [number, unknown][]): Uint8Array =>
    withHeader(encodeCanonical(new Map(entries) as Map<number, number>));
  const type = "application/vnd.bonus.proof+cbor";
  const kid = KEYS.node.keyId;
  const long = (part: Uint8Array, size: number): Uint8Array => concatBytes(longHeadOf(2, part.length, size), part);
  const cases: Readonly<Record<string, readonly [Uint8Array, RegExp]>> = {
    nothing: [new Uint8Array(), /^not-an-envelope: it is no COSE_Sign1/],
    "one byte": [hex("d2"), /no COSE_Sign1/],
    text: [Buffer.from("hello"), /no COSE_Sign1/],
    "no tag": [good.subarray(1), /no COSE_Sign1/],
    "tag 18 in two bytes": [concatBytes(hex("d81284"), good.subarray(2)), /no COSE_Sign1/],
    "tag 98": [concatBytes(hex("d86284"), good.subarray(2)), /no COSE_Sign1/],
    "a list of five": [concatBytes(hex("d285"), good.subarray(2)), /no COSE_Sign1/],
    "a list without length": [concatBytes(hex("d29f"), good.subarray(2), hex("ff")), /no COSE_Sign1/],
    "only the head": [hex("d284"), /protected header is cut/],
    "header length in two bytes": [
      concatBytes(hex("d284"), long(protectedBytes, 2), good.subarray(headerAt + 2 + protectedBytes.length)),
      /protected header is cut or wrongly/,
    ],
    "header length in four bytes": [
      concatBytes(hex("d284"), long(protectedBytes, 4), good.subarray(headerAt + 2 + protectedBytes.length)),
      /protected header is cut or wrongly/,
    ],
    "header as text": [flipBit(good, headerAt, 5), /protected header is cut or wrongly/],
    "unprotected map with an entry": [forge({ payload: PAYLOAD, unprotected: hex("a10400") }), /unprotected header is not empty/],
    "unprotected list": [forge({ payload: PAYLOAD, unprotected: hex("80") }), /unprotected header is not empty/],
    "unprotected map without length": [forge({ payload: PAYLOAD, unprotected: hex("bfff") }), /unprotected header is not empty/],
    "payload detached": [
      concatBytes(hex("d284"), encodeCanonical(protectedBytes), hex("a0f6"), encodeCanonical(signature)),
      /payload is cut or wrongly/,
    ],
    "payload length in four bytes": [
      concatBytes(hex("d284"), encodeCanonical(protectedBytes), hex("a0"), long(PAYLOAD, 4), encodeCanonical(signature)),
      /payload is cut or wrongly/,
    ],
    "payload longer than the message": [
      concatBytes(hex("d284"), encodeCanonical(protectedBytes), hex("a059ffff"), PAYLOAD),
      /payload is cut or wrongly/,
    ],
    "signature of 63": [forge({ payload: PAYLOAD, signature: signature.subarray(1) }), /signature has not 64 bytes/],
    "signature of 65": [forge({ payload: PAYLOAD, signature: concatBytes(signature, hex("00")) }), /signature has not 64 bytes/],
    "signature length in two bytes": [
      concatBytes(good.subarray(0, good.length - 66), long(signature, 2)),
      /signature has not 64 bytes/,
    ],
    "no signature": [good.subarray(0, good.length - 66), /signature has not 64 bytes/],
    "a byte after the end": [concatBytes(good, hex("00")), /bytes after its end/],
    "header not CBOR": [withHeader(hex("ff")), /its protected header: /],
    "header empty": [withHeader(hex("")), /its protected header: it ends in the middle/],
    "header not a map": [withHeader(hex("80")), /not exactly three entries/],
    "header of two": [map([1, -8], [3, type]), /not exactly three entries/],
    "header of four": [map([1, -8], [2, 1], [3, type], [4, kid]), /not exactly three entries/],
    "header with a long integer": [withHeader(concatBytes(hex("a3011807"), encodeCanonical(3))), /its protected header: /],
    "algorithm ES256": [map([1, -7], [3, type], [4, kid]), /^bad-algorithm: it is signed with algorithm -7/],
    "algorithm none": [map([1, 0], [3, type], [4, kid]), /^bad-algorithm/],
    "algorithm as text": [map([1, "EdDSA"], [3, type], [4, kid]), /^bad-algorithm/],
    "other content type": [map([1, -8], [3, "application/cbor"], [4, kid]), /content type is none of this protocol/],
    "content type as number": [map([1, -8], [3, 60], [4, kid]), /content type is none of this protocol/],
    "role of Object": [map([1, -8], [3, "application/vnd.bonus.constructor+cbor"], [4, kid]), /content type is none/],
    "key id of 15": [map([1, -8], [3, type], [4, kid.subarray(1)]), /key id has not 16 bytes/],
    "key id as text": [map([1, -8], [3, type], [4, toHex(kid).slice(0, 16)]), /key id has not 16 bytes/],
  };
  for (const [name, [bytes, reason]] of Object.entries(cases)) t.match(refusal(bytes), reason, name);
  t.end();
});

test("a message has at most 65536 bytes", (t) => {
  const overhead = seal(new Uint8Array(65_000), NETWORK, "proof", KEYS.node).length - 65_000;
  const largest = seal(new Uint8Array(65_536 - overhead), NETWORK, "proof", KEYS.node);
  t.equal(largest.length, 65_536);
  t.ok(parseEnvelope(largest).ok, "the largest is taken");
  const tooLarge = seal(new Uint8Array(65_537 - overhead), NETWORK, "proof", KEYS.node);
  t.match(refusal(tooLarge), /^too-large: 65537 bytes; a message has at most 65536/);
  t.match(refusal(new Uint8Array(10_000_000)), /^too-large/);
  t.end();
});

test("payloads around each length of a length", (t) => {
  for (const length of [0, 1, 23, 24, 255, 256, 257, 65_000]) {
    const parsed = parseEnvelope(seal(new Uint8Array(length), NETWORK, "state", KEYS.node));
    t.equal(parsed.ok && parsed.value.payload.length, length);
  }
  t.end();
});

test("every part of an envelope counts: no bit can be turned", (t) => {
  const { envelope } = sampleNamed("receipt-accepted");
  const opened: number[] = [];
  for (let bit = 0; bit < envelope.length * 8; bit++) {
    const parsed = parseEnvelope(flipBit(envelope, bit >> 3, bit & 7));
    if (parsed.ok && verifyEnvelope(parsed.value, NETWORK, KEYS.bookkeeper.publicKey, nodeEd25519)) opened.push(bit);
  }
  t.same(opened, []);
  t.end();
});
