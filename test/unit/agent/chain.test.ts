/**
 * The chain over a real journal: when it signs, how places and hashes follow each other over starts, and where it goes on when a bookkeeper
 * holds another head than it expected. After each step all proofs ever signed are checked for a place that was used twice.
 */
import { test } from "tap";
import { toHex } from "../../../base/index.ts";
import { positionInChain } from "../../../bookkeeper/verify/verify-proof.ts";
import {
  addFinished,
  allProofs,
  beginRun,
  headAt,
  isContinuous,
  makeOutcome,
  openJournal,
  places,
  proofIn,
  strangeHead,
} from "../../sim/journal-samples.ts";

test("nothing is signed before a bookkeeper said where the chain ends, nor before it can be cited", (t) => {
  const state = openJournal(t);
  let hasBeacon = false;
  const { chain } = beginRun(state, { hasBeacon: () => hasBeacon });
  const id = addFinished(state, 1);
  t.same(chain.signFinished(), []);
  t.equal(chain.confirm(undefined), "confirmed");
  t.same(chain.signFinished(), [], "no beacon yet");
  t.equal(state.tasks.get(id)?.state, "finished");
  hasBeacon = true;
  t.same(places(chain.signFinished()), ["1.1"]);
  t.equal(state.tasks.get(id)?.state, "proved");
  t.same(chain.signFinished(), [], "and only once");
  t.end();
});

test("places count from 1 in each start, and every proof names the one before it", (t) => {
  const state = openJournal(t);
  for (let start = 0; start < 3; start++) {
    const { chain } = beginRun(state);
    for (let index = 0; index < 3; index++) addFinished(state, start * 10 + index);
    chain.confirm(start === 0 ? undefined : headAt(allProofs(state).at(-1)));
    t.equal(chain.signFinished().length, 3);
  }
  t.same(places(allProofs(state)), ["1.1", "1.2", "1.3", "2.1", "2.2", "2.3", "3.1", "3.2", "3.3"]);
  t.ok(isContinuous(allProofs(state)));
  t.end();
});

test("what a proof says of its task is what was journaled", (t) => {
  const state = openJournal(t);
  const { chain } = beginRun(state);
  const usage = { cpuMicros: 2n ** 40n, memoryByteSeconds: 3n, upBytes: 0n, downBytes: 1n, diskByteSeconds: 2n ** 62n };
  const interval = { bootCount: 1, fromMs: 10, toMs: 2 ** 40 };
  const id = addFinished(state, 1, makeOutcome({ result: "failed", reason: "trap", detail: "unreachable", usage, interval }));
  chain.confirm(undefined);
  const proof = proofIn(chain.signFinished()[0]);
  t.match(proof, { outcome: "failed", reason: "trap", detail: "unreachable", attempt: 1, kind: "fake" });
  t.same([proof.usage, proof.interval, toHex(proof.assignment)], [usage, interval, toHex(id)]);
  t.end();
});

test("state that was lost goes on after the bookkeeper's head, under a higher number", (t) => {
  const state = openJournal(t);
  const run = beginRun(state);
  addFinished(state, 1);
  const head = strangeHead(7, 42);
  t.equal(run.chain.confirm(head), "continued-elsewhere");
  t.notOk(run.chain.isConfirmed, "the new number is not registered yet");
  t.same(run.chain.signFinished(), []);
  t.equal(run.chain.confirm(head), "confirmed");
  const [first] = run.chain.signFinished();
  t.same(places([first].flatMap((row) => row ?? [])), ["8.1"]);
  t.equal(positionInChain(proofIn(first), head), "next");
  const later = beginRun(state);
  t.ok(later.bootCount > 8, "the next start counts on from there");
  t.equal(later.chain.confirm(headAt(first)), "confirmed");
  t.end();
});

test("proofs that wait are taken out and signed anew behind a head from elsewhere; receipted ones stay", (t) => {
  const state = openJournal(t);
  const { chain } = beginRun(state);
  for (let index = 0; index < 3; index++) addFinished(state, index);
  chain.confirm(undefined);
  const [settled, ...waiting] = chain.signFinished();
  state.transaction(() => {
    if (settled !== undefined) state.proofs.settle(settled, "accepted", undefined, new Uint8Array());
    if (settled !== undefined) state.tasks.settle(settled.task);
  });
  const head = strangeHead(3, 1);
  t.equal(chain.confirm(head), "continued-elsewhere");
  t.same(places(allProofs(state)), ["1.1"]);
  chain.confirm(head);
  const again = chain.signFinished();
  t.same(places(again), ["4.1", "4.2"]);
  t.strictSame(new Set(again.map((row) => toHex(row.task))), new Set(waiting.map((row) => toHex(row.task))));
  t.equal(positionInChain(proofIn(again[0]), head), "next");
  t.end();
});

test("continuing elsewhere twice in one start never uses a number again", (t) => {
  const state = openJournal(t);
  const { chain } = beginRun(state);
  const used = new Set<string>();
  // The heads come in falling order: as of two bookkeepers, or of one that was restored from a backup.
  for (const head of [strangeHead(9, 3), strangeHead(9, 2), strangeHead(4, 1)]) {
    addFinished(state, used.size);
    t.equal(chain.confirm(head), "continued-elsewhere");
    chain.confirm(head);
    for (const place of places(chain.signFinished())) {
      t.notOk(used.has(place), `${place} is new`);
      used.add(place);
    }
  }
  t.equal(used.size, 6, "one proof, then two, then three");
  t.end();
});

test("a bookkeeper that is behind, or that knows nothing, changes nothing", (t) => {
  const state = openJournal(t);
  const { chain } = beginRun(state);
  for (let index = 0; index < 3; index++) addFinished(state, index);
  chain.confirm(undefined);
  const [first, second, third] = chain.signFinished();
  for (const head of [headAt(first), headAt(second), headAt(third), undefined]) t.equal(chain.confirm(head), "confirmed");
  t.equal(chain.confirm({ ...headAt(second), hash: new Uint8Array(32) }), "continued-elsewhere", "another proof at that place");
  t.end();
});

test("a head that is known, but that this chain does not come from, is gone on from", (t) => {
  const state = openJournal(t);
  const { chain } = beginRun(state);
  addFinished(state, 1);
  chain.confirm(undefined);
  const [old] = chain.signFinished();
  if (old !== undefined) state.transaction(() => state.proofs.settle(old, "accepted", undefined, new Uint8Array()));
  const elsewhere = strangeHead(5, 5);
  chain.confirm(elsewhere);
  chain.confirm(elsewhere);
  addFinished(state, 2);
  chain.signFinished();
  // The bookkeeper was put back to a backup, from before it was elsewhere.
  t.equal(chain.confirm(headAt(old)), "continued-elsewhere");
  chain.confirm(headAt(old));
  const [next] = chain.signFinished();
  t.equal(positionInChain(proofIn(next), headAt(old)), "next");
  t.end();
});

test("another start that was known before takes this one's number, and confirmation with it", (t) => {
  const state = openJournal(t);
  const run = beginRun(state);
  addFinished(state, 1);
  run.chain.confirm(undefined);
  run.chain.startAfter(11);
  t.equal(run.bootCount, 12);
  t.same(run.chain.signFinished(), [], "the new number has to be registered");
  run.chain.confirm(undefined);
  t.same(places(run.chain.signFinished()), ["12.1"]);
  run.chain.startAfter(3);
  t.equal(run.bootCount, 12, "and never a lower one");
  t.end();
});

test("a proof that was passed by stays in the chain, and its task is proved at the end of it", (t) => {
  const state = openJournal(t);
  const { chain } = beginRun(state);
  for (let index = 0; index < 3; index++) addFinished(state, index);
  chain.confirm(undefined);
  const [first, second, third] = chain.signFinished();
  chain.proveAgain(headAt(second));
  chain.proveAgain(headAt(second));
  t.equal(state.proofs.waitingCount(), 2);
  const [again] = chain.signFinished();
  t.same(places(allProofs(state)), ["1.1", "1.2", "1.3", "1.4"]);
  t.same([again?.task, proofIn(again).prev], [second?.task, third?.hash]);
  t.equal(chain.confirm(headAt(first)), "confirmed", "who is behind can still follow");
  chain.proveAgain({ bootCount: 9, seq: 9 });
  t.ok(isContinuous(allProofs(state)));
  t.end();
});

test("an outcome that no bookkeeper could read is proved as a failure, so that nothing is held up", (t) => {
  const state = openJournal(t);
  const { chain } = beginRun(state);
  addFinished(state, 1, makeOutcome({ evidence: { data: new Uint8Array(65_000) } }));
  addFinished(state, 2, makeOutcome({ result: "failed", reason: "internal", detail: "half of a character: \ud83d" }));
  addFinished(state, 3, makeOutcome({ result: "failed", reason: "trap", detail: "a\u0007bell" }));
  addFinished(state, 4);
  chain.confirm(undefined);
  const proofs = chain.signFinished().map(proofIn);
  t.same(
    proofs.map(({ outcome, reason }) => reason ?? outcome),
    ["internal", "internal", "internal", "done"],
  );
  t.match(proofs[0], { detail: "its result does not fit into a proof", evidence: {} });
  t.end();
});
