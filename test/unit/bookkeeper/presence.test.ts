/*
 * Presence is booked by the bookkeeper's own clock and never for time that nobody showed: not from words without a fresh beacon, not across
 * long silences, not from words played back, and not twice over a restart.
 */
import t, { type Test } from "tap";
import { makeSeededRandom } from "../../../base/index.ts";
import { makePresence, type Presence } from "../../../bookkeeper/intake/presence.ts";
import { auditLedger } from "../../../bookkeeper/ledger/audit.ts";
import { decodeRecord } from "../../../bookkeeper/ledger/records.ts";
import { PRESENCE_GAP_MS } from "../../../bookkeeper/limits.ts";
import { loadEd25519, type State, type Tier } from "../../../protocol/index.ts";
import { type Desk, makeDesk } from "../../sim/bookkeeper-desk.ts";
import type { ModelNode } from "../../sim/bookkeeper-node.ts";
import { printedSeed } from "../../sim/printed-seed.ts";

const { ed25519 } = await loadEd25519();

const RECORD_MS = 60_000;

/** A desk with a book of presence, which a test can crash or close. */
function makeGate(t: Test) {
  const desk = makeDesk(t, ed25519);
  const open = (): Presence => makePresence(desk, { recordMs: RECORD_MS });
  let presence = open();
  const hear = (node: ModelNode, body: State, tier: Tier = "Normal"): boolean => presence.onState(node.key.publicKey, body, tier);
  return {
    ...{ desk, hear },
    get presence() {
      return presence;
    },
    crash: (): void => {
      presence = open();
    },
    restart: (): void => {
      presence.close();
      presence = open();
    },
    /** Time passes, at the bookkeeper and on the node. */
    wait: async (node: ModelNode, durationMs: number): Promise<void> => {
      node.wait(Math.ceil(durationMs / 1_000));
      await desk.clock.advance(durationMs);
    },
    /** A sign of life by the beacon of this moment. */
    speak: (node: ModelNode, tier?: Tier): State => {
      const { body } = node.state({ nonce: desk.beat().hash });
      t.equal(hear(node, body, tier), true, "an honest sign of life counts");
      return body;
    },
    booked: (): { readonly durationMs: number; readonly tier: Tier }[] =>
      [...desk.ledger.records.all()]
        .map(decodeRecord)
        .flatMap((record) => (record.type === "presence" ? [{ durationMs: record.durationMs, tier: record.tier }] : [])),
  };
}

const sumOf = (booked: readonly { readonly durationMs: number }[]): number =>
  booked.reduce((sum, { durationMs }) => sum + durationMs, 0);

function totalOf(t: Test, desk: Desk, node: ModelNode): bigint {
  t.strictSame(auditLedger(desk.ledger).problems, []);
  return desk.ledger.accounts.of(node.key.publicKey).online;
}

t.test("only a sign of life that cites a fresh beacon counts", async (t) => {
  const { desk, presence, hear, booked } = makeGate(t);
  const node = desk.join();
  const says = (nonce?: Uint8Array): boolean => {
    node.wait(1);
    return hear(node, node.state(nonce === undefined ? {} : { nonce }).body);
  };
  const first = desk.beacon;
  t.equal(says(), false, "without a beacon");
  t.equal(says(new Uint8Array(32).fill(1)), false, "a beacon of its own making");
  await desk.clock.advance(PRESENCE_GAP_MS);
  t.equal(presence.isPresent(node.key.publicKey), false);
  t.equal(says(first.hash), true, "just fresh enough");
  t.equal(presence.isPresent(node.key.publicKey), true);
  await desk.clock.advance(1);
  t.equal(says(first.hash), false, "too old by a millisecond");
  desk.beat();
  await desk.clock.advance(PRESENCE_GAP_MS - 1);
  t.equal(presence.isPresent(node.key.publicKey), true);
  await desk.clock.advance(1);
  t.equal(presence.isPresent(node.key.publicKey), false, "words that did not count kept nobody there");
  t.strictSame(presence.present(), []);
  t.strictSame(booked(), []);
});

t.test("a short silence is bridged, a longer one is not counted at all", async (t) => {
  const gate = makeGate(t);
  const node = gate.desk.join();
  gate.speak(node);
  await gate.wait(node, PRESENCE_GAP_MS);
  gate.speak(node);
  t.strictSame(gate.booked(), [{ durationMs: PRESENCE_GAP_MS, tier: "Normal" }]);
  await gate.wait(node, PRESENCE_GAP_MS + 1);
  gate.speak(node);
  await gate.wait(node, 10_000);
  gate.speak(node);
  gate.presence.close();
  t.strictSame(gate.booked(), [
    { durationMs: PRESENCE_GAP_MS, tier: "Normal" },
    { durationMs: 10_000, tier: "Normal" },
  ]);
  t.equal(totalOf(t, gate.desk, node), 944n, "85 s of an hour's 40,000 micro-points, each piece rounded down: 833 and 111");
});

t.test("presence is booked in pieces as time goes by, and the rest when the node is gone", async (t) => {
  const gate = makeGate(t);
  const [node, other] = [gate.desk.join(), gate.desk.join()];
  for (let index = 0; index <= 10; index++) {
    gate.speak(node);
    if (index === 0) gate.speak(other);
    t.equal(sumOf(gate.booked()), Math.floor((index * 20_000) / RECORD_MS) * RECORD_MS, `after ${index * 20} s`);
    if (index < 10) await gate.wait(node, 20_000);
  }
  t.strictSame(gate.presence.present(), [node.key.publicKey], "the other one has fallen silent");
  await gate.wait(node, PRESENCE_GAP_MS + 1);
  t.strictSame(gate.presence.present(), []);
  t.strictSame(
    gate.booked().map(({ durationMs }) => durationMs),
    [60_000, 60_000, 60_000, 20_000],
  );
  gate.presence.present();
  gate.presence.close();
  gate.presence.close();
  t.equal(sumOf(gate.booked()), 200_000, "once");
});

t.test("who leaves is gone, unless the farewell is that of an earlier run", async (t) => {
  const gate = makeGate(t);
  const node = gate.desk.join();
  const will = node.state({ online: false }).body;
  node.reboot();
  gate.speak(node);
  await gate.wait(node, 30_000);
  gate.speak(node);
  t.equal(gate.hear(node, will), false);
  t.equal(gate.presence.isPresent(node.key.publicKey), true);
  await gate.wait(node, 30_000);
  t.equal(gate.hear(node, node.state({ online: false }).body), true);
  t.equal(gate.presence.isPresent(node.key.publicKey), false);
  t.strictSame(gate.booked(), [{ durationMs: 30_000, tier: "Normal" }], "up to the last sign of life");
  await gate.wait(node, 20_000);
  gate.speak(node);
  gate.presence.close();
  t.equal(sumOf(gate.booked()), 30_000, "the time in between is nobody's");
});

t.test("each time is booked under the tier of its time", async (t) => {
  const gate = makeGate(t);
  const node = gate.desk.join();
  for (const tier of ["Lite", "Lite", "Super", "Super"] as const) {
    gate.speak(node, tier);
    await gate.wait(node, 30_000);
  }
  gate.presence.close();
  t.strictSame(gate.booked(), [
    { durationMs: 30_000, tier: "Lite" },
    { durationMs: 30_000, tier: "Super" },
  ]);
});

t.test("over restarts nothing is booked twice, and a crash loses less than a piece and a silence", async (t) => {
  const random = makeSeededRandom(printedSeed(t));
  const gate = makeGate(t);
  const node = gate.desk.join();
  let [due, crashes, sinceSign] = [0, 0, Number.POSITIVE_INFINITY];
  for (let step = 0; step < 600; step++) {
    gate.speak(node);
    if (sinceSign <= PRESENCE_GAP_MS) due += sinceSign;
    sinceSign = Math.floor(random.fraction() * 1.2 * PRESENCE_GAP_MS);
    const fate = random.fraction();
    if (fate < 0.1) gate.restart();
    else if (fate < 0.2) {
      gate.crash();
      crashes += 1;
    }
    if (fate < 0.2) {
      await gate.wait(node, sinceSign);
      sinceSign = Number.POSITIVE_INFINITY;
    } else await gate.wait(node, sinceSign);
  }
  gate.presence.close();
  const booked = sumOf(gate.booked());
  t.ok(booked <= due, `${booked} of ${due}`);
  t.ok(crashes > 0 && booked >= due - crashes * RECORD_MS, `${crashes} crashes`);
  t.strictSame(auditLedger(gate.desk.ledger).problems, []);
});

t.test("words played back add nothing, whatever became of the node in between", async (t) => {
  const random = makeSeededRandom(printedSeed(t));
  const honest = async (gate: ReturnType<typeof makeGate>, between: (said: readonly State[], node: ModelNode) => void) => {
    const node = gate.desk.join();
    const said: State[] = [];
    for (let step = 0; step < 60; step++) {
      // It starts again now and then, also with its state lost.
      if (step % 12 === 5) node.reboot();
      if (step % 12 === 11) node.reboot(1);
      said.push(gate.speak(node));
      between(said, node);
      await gate.wait(node, 20_000);
      between(said, node);
    }
    for (let rest = 0; rest < 10; rest++) {
      between(said, node);
      await gate.wait(node, 15_000);
    }
    gate.presence.close();
    return sumOf(gate.booked());
  };
  const alone = await honest(makeGate(t), () => undefined);
  t.equal(alone, 59 * 20_000);
  const attacked = makeGate(t);
  let believed = 0;
  const total = await honest(attacked, (said, node) => {
    const recent = said.slice(-8);
    for (let count = 0; count < 12; count++) {
      const body = recent[Math.floor(random.fraction() * recent.length)];
      if (body !== undefined && attacked.hear(node, body)) believed += 1;
    }
  });
  t.strictSame([believed, total], [0, alone]);
});
