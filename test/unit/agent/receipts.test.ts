/**
 * What a receipt settles: the proofs of its range, for its own bookkeeper, if it names the last of them truly, and only once. Forged,
 * foreign, repeated and impossible receipts are each handed in, and must leave the journal as it was.
 */
import { join } from "node:path";
import { type Test, test } from "tap";
import { makeOutbox } from "../../../agent/proof/outbox.ts";
import { openAgentState } from "../../../agent/state-store.ts";
import { makeSeededRandom } from "../../../base/index.ts";
import type { Receipt } from "../../../protocol/index.ts";
import { makeTestKey } from "../../sim/agent-world.ts";
import { addFinished, allProofs, beginRun, makeReceipt } from "../../sim/journal-samples.ts";
import { makeSteppingClock } from "../../sim/stepping-clock.ts";

const SECOND = makeTestKey("bookkeeper 1").publicKey;

function makeScene(t: Test, count: number, second: (seq: number) => boolean = () => false) {
  const state = openAgentState(join(t.testdir({}), "agent.db"));
  t.teardown(() => state.close());
  const { chain } = beginRun(state);
  chain.confirm(undefined);
  for (let seq = 1; seq <= count; seq++) addFinished(state, seq, undefined, second(seq) ? SECOND : undefined);
  chain.signFinished();
  const outbox = makeOutbox({
    ...{ state, clock: makeSteppingClock(), random: makeSeededRandom(1) },
    publish: async () => undefined,
    onTrouble: (thrown) => {
      throw thrown;
    },
  });
  const receive = (last: number, change: Partial<Receipt> = {}): number[] =>
    outbox.onReceipt(makeReceipt(allProofs(state)[last - 1], change), Buffer.from("receipt")).map(({ proof }) => proof.seq);
  const statuses = (): string[] => allProofs(state).map((row) => row.status ?? "waits");
  return { state, outbox, receive, statuses };
}

test("a range settles each proof in it once, and their tasks with them", (t) => {
  const { state, receive, statuses } = makeScene(t, 5);
  t.same(receive(4, { fromSeq: 2, total: 77n }), [2, 3, 4]);
  t.same(statuses(), ["waits", "accepted", "accepted", "accepted", "waits"]);
  t.equal(state.tasks.get(allProofs(state)[2]?.task ?? new Uint8Array())?.state, "settled");
  t.same(receive(4, { fromSeq: 1, total: 99n }), [1], "what was settled before stays as it was");
  t.same(receive(4, { fromSeq: 1, total: 5n }), [], "and a repeated one settles nothing");
  t.match(state.summary(), { acceptedProofs: 4, waitingProofs: 1, contribution: 99n });
  t.end();
});

test("a refusal releases too, for good, with its reason", (t) => {
  const { state, receive, statuses } = makeScene(t, 2);
  t.same(receive(1, { status: "refused", reason: "wrong-answer" }), [1]);
  t.same(receive(1), [], "it is not accepted afterwards");
  t.same(statuses(), ["refused", "waits"]);
  t.match(allProofs(state)[0], { status: "refused", reason: "wrong-answer" });
  t.match(state.summary(), { refusedProofs: 1, acceptedProofs: 0 });
  t.end();
});

test("nothing else settles anything", (t) => {
  const { receive, statuses, state } = makeScene(t, 4);
  const forged: readonly Partial<Receipt>[] = [
    { hash: new Uint8Array(32) },
    { hash: undefined },
    { bootCount: 2 },
    { toSeq: 5, fromSeq: 1 },
    { toSeq: 2 ** 32 - 1 },
    { fromSeq: undefined },
    { toSeq: undefined },
    { bootCount: undefined },
    { fromSeq: 4, toSeq: 3, hash: allProofs(state)[2]?.hash },
    { status: "gap" },
    { issuer: SECOND },
  ];
  for (const change of forged) t.same(receive(4, change), [], JSON.stringify(Object.keys(change)));
  t.same(statuses(), ["waits", "waits", "waits", "waits"]);
  t.equal(state.summary().contribution, undefined);
  t.end();
});

test("a receipt of one bookkeeper does not settle what is another's, even inside its range", (t) => {
  const { receive, statuses } = makeScene(t, 6, (seq) => seq % 2 === 0);
  t.same(receive(5, { fromSeq: 1 }), [1, 3, 5]);
  t.same(statuses(), ["accepted", "waits", "accepted", "waits", "accepted", "waits"]);
  t.same(receive(6, { fromSeq: 1 }), [], "the last one is not its own, and the rest is settled");
  t.same(receive(6, { fromSeq: 1, issuer: SECOND, status: "refused", reason: "wrong-kind" }), [2, 4, 6]);
  t.same(statuses(), ["accepted", "refused", "accepted", "refused", "accepted", "refused"]);
  t.end();
});

test("proofs that were taken out of the chain are settled by nobody", (t) => {
  const { state, outbox } = makeScene(t, 2);
  const [first] = allProofs(state);
  const receipt = makeReceipt(first);
  if (first !== undefined) state.transaction(() => state.proofs.remove(first));
  t.same(outbox.onReceipt(receipt, new Uint8Array()), []);
  t.equal(allProofs(state).length, 1);
  t.end();
});
