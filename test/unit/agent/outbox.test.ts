/**
 * The outbox over a real journal and a recorded broker, in simulated time: the window, the rounds when receipts stay away, gaps, failing
 * publishes. Every proof has its sequence number as its name here, so that what was sent reads as a list of numbers.
 */
import { join } from "node:path";
import { type Test, test } from "tap";
import { GAP_PAUSE_MS, OUTBOX_WINDOW } from "../../../agent/limits.ts";
import { makeOutbox } from "../../../agent/proof/outbox.ts";
import { openAgentState, type ProofRow } from "../../../agent/state-store.ts";
import { makeSeededRandom } from "../../../base/index.ts";
import { makeTestKey } from "../../sim/agent-world.ts";
import { addFinished, allProofs, beginRun, makeReceipt, proofIn } from "../../sim/journal-samples.ts";
import { makeSteppingClock } from "../../sim/stepping-clock.ts";

const SECOND = makeTestKey("bookkeeper 1").publicKey;

/** An outbox with `count` proofs signed; `second`: which of them are for another bookkeeper. */
function makeScene(t: Test, count: number, second: (seq: number) => boolean = () => false) {
  const state = openAgentState(join(t.testdir({}), "agent.db"));
  const clock = makeSteppingClock();
  const { chain } = beginRun(state);
  chain.confirm(undefined);
  let made = 0;
  const sign = (more: number): void => {
    for (let index = 0; index < more; index++) addFinished(state, ++made, undefined, second(made) ? SECOND : undefined);
    chain.signFinished();
  };
  sign(count);
  const sent: number[] = [];
  const trouble: unknown[] = [];
  const broker = { fails: false, hold: undefined as Promise<void> | undefined };
  const outbox = makeOutbox({
    ...{ state, clock, random: makeSeededRandom(7) },
    publish: async (envelope) => {
      if (broker.fails) throw new Error("offline");
      sent.push(proofIn({ envelope }).seq);
      await broker.hold;
    },
    onTrouble: (thrown) => void trouble.push(thrown),
  });
  t.teardown(() => {
    outbox.close();
    state.close();
  });
  const row = (seq: number): ProofRow | undefined => allProofs(state).find((proof) => proof.seq === seq);
  const receive = (from: number, to = from, change: Parameters<typeof makeReceipt>[1] = {}) =>
    outbox.onReceipt(makeReceipt(row(to), { fromSeq: from, ...change }), Buffer.from("receipt"));
  const take = async (durationMs = 0): Promise<number[]> => {
    await clock.advance(durationMs);
    return sent.splice(0);
  };
  return { state, clock, outbox, broker, trouble, sign, row, receive, take };
}

const upTo = (last: number, from = 1): number[] => Array.from({ length: last - from + 1 }, (_, index) => from + index);

test("nothing is sent before it is open, then a window in chain order, and more as receipts come", async (t) => {
  const { outbox, receive, take } = makeScene(t, OUTBOX_WINDOW + 10);
  outbox.wake();
  t.same(await take(), []);
  outbox.open();
  t.same(await take(), upTo(OUTBOX_WINDOW));
  t.equal(receive(1, 4).length, 4);
  t.same(await take(), upTo(OUTBOX_WINDOW + 4, OUTBOX_WINDOW + 1));
  outbox.close();
  receive(5, 10);
  t.same(await take(600_000), [], "closed");
  t.equal(outbox.waiting(), OUTBOX_WINDOW);
});

test("when receipts stay away everything is sent again from the oldest, less and less often, for ever", async (t) => {
  const { outbox, take, receive, clock } = makeScene(t, 3);
  outbox.open();
  t.same(await take(1_000), [1, 2, 3]);
  const rounds: number[] = [];
  for (let second = 0; second < 1_200; second++) if ((await take(1_000)).length > 0) rounds.push(second);
  t.same(rounds.length > 15 && rounds.length < 50, true, `${rounds.length} rounds in 20 minutes`);
  const pauses = rounds.slice(1).map((at, index) => at - (rounds[index] ?? 0));
  t.ok((pauses[0] ?? 0) <= 8 && Math.max(...pauses) <= 60 && Math.max(...pauses) > 25, `pauses ${pauses.join(" ")}`);
  receive(1);
  t.same(await take(4_000), [2, 3], "a receipt brings the short pauses back");
  receive(2, 3);
  t.same(await take(600_000), []);
  t.equal(clock.sleeping, 0, "nothing waits, so no timer does");
});

test("what is new meanwhile does not put the next round off", async (t) => {
  const { outbox, sign, take } = makeScene(t, 1);
  outbox.open();
  t.same(await take(), [1]);
  let again = 0;
  for (let second = 0; second < 30; second++) {
    sign(1);
    outbox.wake();
    again += (await take(1_000)).filter((seq) => seq === 1).length;
  }
  t.ok(again >= 2, `the first was sent again ${again} times in 30 s of steady work`);
});

test("after a gap it goes back to what the bookkeeper misses, receipted proofs included, and not again at once", async (t) => {
  const { outbox, receive, take, clock, row } = makeScene(t, 8);
  outbox.open();
  await take();
  receive(1, 5);
  t.ok(outbox.isWaiting(makeReceipt(row(6), { status: "gap" })));
  t.notOk(outbox.isWaiting(makeReceipt(row(5), { status: "gap" })), "that one was settled");
  t.notOk(outbox.isWaiting(makeReceipt(row(6), { status: "gap", hash: new Uint8Array(32) })), "another proof");
  t.notOk(outbox.isWaiting(makeReceipt(row(6), { status: "gap", issuer: SECOND })), "not its to ask for");
  t.notOk(outbox.isWaiting(makeReceipt(row(6), { status: "gap", bootCount: 99 })), "an unknown proof");
  t.ok(outbox.rewind({ bootCount: 1, seq: 2 }));
  t.same(await take(), upTo(8, 3));
  for (let flood = 0; flood < 1_000; flood++) t.notOk(outbox.rewind({ bootCount: 1, seq: 2 }) && t.fail("at once"));
  t.same(await take(), [], "a flood of gaps sends nothing");
  await clock.advance(GAP_PAUSE_MS);
  t.ok(outbox.rewind({ bootCount: 0, seq: 0 }));
  t.same(await take(), upTo(8), "a bookkeeper that knows nothing gets all there is");
});

test("going back over many receipted proofs goes on as they are receipted again", async (t) => {
  const { outbox, receive, take } = makeScene(t, 3 * OUTBOX_WINDOW);
  outbox.open();
  for (let done = 0; done < 3; done++) {
    await take();
    receive(done * OUTBOX_WINDOW + 1, (done + 1) * OUTBOX_WINDOW - (done === 2 ? 1 : 0));
  }
  outbox.rewind({ bootCount: 1, seq: 0 });
  const sent = await take();
  t.same(sent, upTo(OUTBOX_WINDOW));
  t.same(receive(1, OUTBOX_WINDOW), [], "settled before");
  t.same(await take(), upTo(2 * OUTBOX_WINDOW, OUTBOX_WINDOW + 1), "without waiting for a timer");
});

test("a publish that fails is sent again with the next round, and never skipped", async (t) => {
  const { outbox, broker, take } = makeScene(t, 3);
  broker.fails = true;
  outbox.open();
  t.same(await take(), []);
  broker.fails = false;
  t.same((await take(10_000)).slice(0, 3), [1, 2, 3]);
});

test("a gap that comes while a proof is on its way is not forgotten when that one fails", async (t) => {
  const { outbox, broker, take, receive } = makeScene(t, 6);
  outbox.open();
  await take();
  receive(1, 2);
  let release: () => void = () => undefined;
  broker.hold = new Promise((_resolve, reject) => {
    release = () => reject(new Error("unconfirmed"));
  });
  broker.hold.catch(() => undefined);
  outbox.rewind({ bootCount: 1, seq: 2 });
  t.same(await take(), [3]);
  await take(GAP_PAUSE_MS);
  outbox.rewind({ bootCount: 1, seq: 0 });
  broker.hold = undefined;
  release();
  t.same(await take(), upTo(6));
});

test("a bookkeeper that is gone holds up no other", async (t) => {
  const { outbox, sign, take, receive, row } = makeScene(t, 100, (seq) => seq <= 100);
  outbox.open();
  await take();
  // Each round that stays quiet begins at another bookkeeper's oldest proof.
  sign(1);
  outbox.wake();
  const sent: number[] = [];
  for (let second = 0; second < 120 && !sent.includes(101); second++) sent.push(...(await take(1_000)));
  t.ok(sent.includes(101), "the living one gets its proof");
  t.equal(receive(101).length, 1);
  t.equal(row(101)?.status, "accepted");
  t.equal(outbox.waiting(), 100, "and the other's are kept");
});

test("a journal that cannot be read is told, and tried again with the next round", async (t) => {
  const { state, outbox, trouble, take } = makeScene(t, 2);
  const { after } = state.proofs;
  Object.assign(state.proofs, {
    after: () => {
      throw new Error("disk I/O error");
    },
  });
  outbox.open();
  await take(30_000);
  t.ok(trouble.length > 1);
  Object.assign(state.proofs, { after });
  t.same((await take(60_000)).slice(0, 2), [1, 2]);
});
