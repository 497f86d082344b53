/**
 * Whoever sits on the broker can send any bytes, so no damaged message may ever open, throw or be read in two ways. Every bit of every
 * sample is turned, and random insertions, deletions and splices of all of them are offered to every door. SEED replays a run.
 */
import { test } from "tap";
import { bytesEqual, concatBytes, makeSeededRandom, toHex } from "../../base/index.ts";
import { loadEd25519, type MessageType, ROLES } from "../../protocol/index.ts";
import { flipBit } from "../fixtures/protocol/forge.ts";
import { KEYS, NETWORK } from "../fixtures/protocol/sample-keys.ts";
import { MESSAGES, SAMPLES } from "../fixtures/protocol/samples.ts";
import { printedSeed } from "../sim/printed-seed.ts";

const { ed25519 } = await loadEd25519();

/** The most generous receiver: it knows all keys, and takes any key id that it does not know for each of them. */
const keyIds = new Map(Object.values(KEYS).map((key) => [toHex(key.keyId), key.publicKey]));
const generous = (fallback: Uint8Array) => (keyId: Uint8Array) => keyIds.get(toHex(keyId)) ?? fallback;

test("no sample opens with any one bit turned", (t) => {
  let tried = 0;
  for (const { name, role, signer, envelope } of SAMPLES) {
    const keyFor = generous(KEYS[signer].publicKey);
    const opened: number[] = [];
    for (let bit = 0; bit < envelope.length * 8; bit++) {
      if (MESSAGES[role].open(flipBit(envelope, bit >> 3, bit & 7), NETWORK, keyFor, ed25519).ok) opened.push(bit);
      tried += 1;
    }
    t.same(opened, [], name);
  }
  t.comment(`${tried} bits`);
  t.end();
});

/** One random change: bytes inserted, deleted, doubled, zeroed or replaced, or the ends of two messages joined. */
function mutate(bytes: Uint8Array, other: Uint8Array, random: ReturnType<typeof makeSeededRandom>): Uint8Array {
  const pick = (below: number): number => Math.floor(random.fraction() * below);
  const at = pick(bytes.length);
  const length = 1 + pick(random.fraction() < 0.8 ? 2 : 40);
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
  switch (pick(7)) {
    case 0:
      return concatBytes(before, random.bytes(length), after);
    case 1:
      return concatBytes(before, after.subarray(length));
    case 2:
      return concatBytes(before, after.subarray(0, length), after);
    case 3:
      return concatBytes(before, new Uint8Array(Math.min(length, after.length)), after.subarray(length));
    case 4:
      return concatBytes(before, random.bytes(Math.min(length, after.length)), after.subarray(length));
    case 5:
      return concatBytes(before, other.subarray(Math.min(at, other.length)));
    default:
      return flipBit(flipBit(bytes, at, pick(8)), pick(bytes.length), pick(8));
  }
}

test("no random change opens at any door", (t) => {
  const random = makeSeededRandom(printedSeed(t));
  const originals = new Set(SAMPLES.map(({ envelope }) => toHex(envelope)));
  let tried = 0;
  for (let round = 0; round < 20_000; round++) {
    const [one, two] = [0, 0].map(() => SAMPLES[Math.floor(random.fraction() * SAMPLES.length)]);
    if (one === undefined || two === undefined) throw new Error("no samples");
    const mutant = mutate(one.envelope, two.envelope, random);
    if (originals.has(toHex(mutant))) continue;
    tried += 1;
    const doors = round % 10 === 0 ? ROLES : [one.role];
    for (const role of doors) {
      if (MESSAGES[role].open(mutant, NETWORK, generous(KEYS[one.signer].publicKey), ed25519).ok)
        t.fail(`round ${round}: ${one.name} opens as a ${role}: ${toHex(mutant)}`);
    }
  }
  t.ok(tried > 19_000, `${tried} of 20000 differed from every sample`);
  t.end();
});

test("a changed payload that is read at all is read in its one form", (t) => {
  const random = makeSeededRandom(printedSeed(t));
  let read = 0;
  for (let round = 0; round < 20_000; round++) {
    const [one, two] = [0, 0].map(() => SAMPLES[Math.floor(random.fraction() * SAMPLES.length)]);
    if (one === undefined || two === undefined) throw new Error("no samples");
    const mutant = mutate(one.payload, two.payload, random);
    const message = MESSAGES[one.role] as MessageType<object>;
    const decoded = message.decode(mutant);
    if (!decoded.ok) continue;
    read += 1;
    if (!bytesEqual(message.encode(decoded.value), mutant))
      t.fail(`round ${round}: ${one.name} is read from another form: ${toHex(mutant)}`);
  }
  t.ok(read > 1_000, `${read} of 20000 said something that could have been said`);
  t.end();
});

test("random bytes open at no door", (t) => {
  const random = makeSeededRandom(printedSeed(t));
  for (let round = 0; round < 3_000; round++) {
    const bytes = random.bytes(Math.floor(random.fraction() * 300));
    const dressed = round % 2 === 0 ? bytes : concatBytes(Uint8Array.of(0xd2, 0x84, 0x40 + (bytes.length % 24)), bytes);
    for (const role of ROLES)
      if (MESSAGES[role].open(dressed, NETWORK, generous(KEYS.node.publicKey), ed25519).ok || MESSAGES[role].decode(bytes).ok)
        t.fail(toHex(bytes));
  }
  t.pass("none did");
  t.end();
});
