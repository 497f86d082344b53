/**
 * The node presents itself until each bookkeeper has answered the descriptor under way, in simulated time over a recorded link. Answers to
 * other descriptors, repeated answers, pauses and the end of the agent are each tried in their turn.
 */
import { test } from "tap";
import { nodeClaims } from "../../../agent/claims.ts";
import { makeNetworkTime } from "../../../agent/network-time.ts";
import { makeRegistrar, type RegistrarNeeds } from "../../../agent/registrar.ts";
import { makeSeededRandom, sha256, toHex } from "../../../base/index.ts";
import type { OutgoingMessage } from "../../../mqtt/index.ts";
import { descriptorMessage, nodeEd25519, nodeTopic, parseEnvelope, stateMessage } from "../../../protocol/index.ts";
import { BOOKKEEPER_KEY, keysOf, NODE_KEY } from "../../sim/agent-samples.ts";
import { FACTS, makeTestKey, NETWORK } from "../../sim/agent-world.ts";
import { makeSteppingClock } from "../../sim/stepping-clock.ts";

const SECOND = makeTestKey("bookkeeper 1").publicKey;
const DESCRIPTOR = nodeTopic(NETWORK, NODE_KEY.id, "desc");
const STATE = nodeTopic(NETWORK, NODE_KEY.id, "state");

function makeScene(change: Partial<RegistrarNeeds> = {}) {
  const clock = makeSteppingClock();
  const sent: OutgoingMessage[] = [];
  const trouble: string[] = [];
  const time = makeNetworkTime(clock);
  const boot = { count: 3, seed: new Uint8Array(32), startedMs: clock.monotonicMs() };
  const scene = { isUp: true };
  const registrar = makeRegistrar({
    ...{ key: NODE_KEY, clock, random: makeSeededRandom(1), network: NETWORK },
    bookkeepers: [BOOKKEEPER_KEY.publicKey],
    claims: () => nodeClaims({ clock, time, publicKey: NODE_KEY.publicKey, version: "1" }, boot),
    facts: () => FACTS,
    waitingProofs: () => 7,
    isUp: () => scene.isUp,
    publish: async (message) => void sent.push(message),
    onTrouble: (what) => void trouble.push(what),
    ...change,
  });
  const descriptors = () => sent.filter((message) => message.topic === DESCRIPTOR);
  const lastHash = (): Uint8Array => {
    const parsed = parseEnvelope(descriptors().at(-1)?.payload ?? new Uint8Array());
    return parsed.ok ? sha256(parsed.value.payload) : new Uint8Array();
  };
  return { clock, sent, trouble, scene, registrar, descriptors, lastHash };
}

test("each bookkeeper gets signs of life that cite a beacon of its own", async (t) => {
  const cited: string[] = [];
  const beacons = new Map([BOOKKEEPER_KEY.publicKey, SECOND].map((key) => [toHex(key), sha256(key)]));
  const clock = makeSteppingClock();
  const boot = { count: 3, seed: new Uint8Array(32), startedMs: clock.monotonicMs() };
  const needs = { clock, time: makeNetworkTime(clock), publicKey: NODE_KEY.publicKey, version: "1" };
  const { registrar } = makeScene({
    clock,
    bookkeepers: [BOOKKEEPER_KEY.publicKey, SECOND],
    claims: (bookkeeper = new Uint8Array()) => nodeClaims(needs, boot, beacons.get(toHex(bookkeeper))),
    publish: async ({ payload }) => {
      const opened = stateMessage.open(payload, NETWORK, keysOf(NODE_KEY), nodeEd25519);
      if (opened.ok) cited.push(toHex(opened.value.body.nonce ?? new Uint8Array()));
    },
  });
  registrar.beat();
  await clock.advance(25_000);
  registrar.stop();
  t.same(cited, [...beacons.values()].map(toHex));
});

test("the descriptor is retained, signed and sent again, the same bytes each time, less and less often", async (t) => {
  const { clock, registrar, descriptors, sent } = makeScene();
  registrar.present();
  await clock.advance(0);
  t.equal(descriptors().length, 1);
  t.ok(descriptors()[0]?.retain);
  const opened = descriptorMessage.open(descriptors()[0]?.payload ?? new Uint8Array(), NETWORK, keysOf(NODE_KEY), nodeEd25519);
  t.match(opened, { ok: true, value: { body: { bootCount: 3, tier: "Normal" } } });
  await clock.advance(60_000);
  const early = descriptors().length;
  t.ok(early >= 4 && early <= 8, `${early} in the first minute`);
  await clock.advance(3_600_000);
  t.ok(descriptors().length - early <= 61, "at most one a minute later on");
  t.equal(new Set(descriptors().map(({ payload }) => toHex(payload))).size, 1);
  t.ok(sent.some(({ topic }) => topic === STATE));
});

test("only an answer to the descriptor under way counts, once for each bookkeeper", async (t) => {
  const { clock, registrar, descriptors, lastHash } = makeScene({ bookkeepers: [BOOKKEEPER_KEY.publicKey, SECOND] });
  const [first, second] = [BOOKKEEPER_KEY.publicKey, SECOND];
  registrar.present();
  await clock.advance(0);
  const old = lastHash();
  registrar.present();
  await clock.advance(1_000);
  t.notOk(registrar.onAnswered({ issuer: first, hash: undefined }));
  t.notOk(registrar.onAnswered({ issuer: first, hash: new Uint8Array(32) }));
  t.ok(registrar.onAnswered({ issuer: first, hash: lastHash() }));
  t.notOk(registrar.onAnswered({ issuer: first, hash: lastHash() }), "it said so before");
  const count = descriptors().length;
  await clock.advance(120_000);
  t.ok(descriptors().length > count, "the other one has not answered");
  t.ok(registrar.onAnswered({ issuer: second, hash: lastHash() }));
  const all = descriptors().length;
  await clock.advance(600_000);
  t.equal(descriptors().length, all, "everybody knows the node");
  registrar.present();
  await clock.advance(0);
  if (toHex(old) !== toHex(lastHash()))
    t.notOk(registrar.onAnswered({ issuer: first, hash: old }), "an answer to an earlier one");
});

test("after an answer that asked for another descriptor, it waits before it sends that", async (t) => {
  const { clock, registrar, descriptors, lastHash } = makeScene();
  registrar.present();
  await clock.advance(0);
  registrar.presentAgain();
  t.notOk(registrar.onAnswered({ issuer: BOOKKEEPER_KEY.publicKey, hash: lastHash() }), "what was answered is gone");
  await clock.advance(1_000);
  t.equal(descriptors().length, 1);
  await clock.advance(2_500);
  t.equal(descriptors().length, 2);
});

test("a pause ends it, and so does the end of the agent, after which nothing begins again", async (t) => {
  const { clock, registrar, descriptors } = makeScene();
  registrar.present();
  await clock.advance(0);
  registrar.pause();
  await clock.advance(600_000);
  t.equal(descriptors().length, 1);
  registrar.beat();
  registrar.stop();
  registrar.present();
  registrar.presentAgain();
  await clock.advance(600_000);
  t.equal(descriptors().length, 1);
  t.equal(clock.sleeping, 0, "nothing keeps the process alive");
});

test("signs of life while the link is up, with the proofs that wait; the farewell says offline", async (t) => {
  const { clock, registrar, sent, scene } = makeScene();
  registrar.beat();
  await clock.advance(100_000);
  const beats = sent.length;
  t.ok(beats >= 4 && beats <= 6, `${beats} in 100 s`);
  const open = (message: OutgoingMessage | undefined) =>
    stateMessage.open(message?.payload ?? new Uint8Array(), NETWORK, keysOf(NODE_KEY), nodeEd25519);
  t.match(open(sent[0]), { ok: true, value: { body: { online: true, outbox: 7 } } });
  t.match(open(registrar.farewell()), { ok: true, value: { body: { online: false } } });
  t.match(registrar.farewell(), { topic: STATE, retain: true });
  scene.isUp = false;
  await clock.advance(100_000);
  t.equal(sent.length, beats);
  registrar.stop();
});

test("a descriptor that cannot be signed, or a journal that cannot be read, is told and ends nothing else", async (t) => {
  const { clock, registrar, trouble } = makeScene({
    facts: () => ({ ...FACTS, facts: { ...FACTS.facts, gpus: Number.NaN } }),
    waitingProofs: () => {
      throw new Error("disk I/O error");
    },
  });
  registrar.present();
  registrar.beat();
  await clock.advance(60_000);
  t.match(trouble[0], /the descriptor could not be signed: NaN/);
  t.match(trouble.slice(1), [/no sign of life could be signed: disk I\/O error/, /no sign of life/]);
  registrar.stop();
});
