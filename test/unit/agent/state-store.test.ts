/**
 * The journal itself, on a real database: what each table keeps, what it forgets and what it never forgets, and that a second opening finds
 * what the first one wrote. Damage and a full disk are real too: bytes overwritten in the file, and a limit on its pages.
 */
import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type Test, test } from "tap";
import { type AgentState, openAgentState, type ProofRow } from "../../../agent/state-store.ts";
import { BOOKKEEPER_KEY, ISSUED_AT, idOf, makeCommand, makeTask } from "../../sim/agent-samples.ts";
import { makeTestKey } from "../../sim/agent-world.ts";
import { addFinished, allProofs, beginRun, headAt } from "../../sim/journal-samples.ts";

function openIn(t: Test): AgentState {
  const state = openAgentState(join(t.testdir({}), "agent.db"));
  t.teardown(() => state.close());
  return state;
}

test("receipted proofs are pruned, but none after one that waits, and never the head", (t) => {
  const state = openIn(t);
  const { chain } = beginRun(state);
  for (let index = 0; index < 30; index++) addFinished(state, index);
  chain.confirm(undefined);
  const rows = chain.signFinished();
  const settle = (row: ProofRow | undefined): void => {
    if (row !== undefined) state.proofs.settle(row, "accepted", undefined, new Uint8Array());
  };
  state.transaction(() => {
    for (const row of rows.filter((_, index) => index !== 4)) settle(row);
    state.proofs.prune(3, 1_000);
  });
  t.equal(allProofs(state)[0]?.seq, 5, "what comes after the one that waits is needed by whom it waits for");
  t.equal(allProofs(state).length, 26);
  state.transaction(() => state.proofs.prune(3, 10));
  t.equal(state.proofs.waitingCount(), 1, "what waits is never pruned");
  t.ok(allProofs(state).length <= 12, "but there is an end to it");
  state.transaction(() => {
    settle(rows[4]);
    state.proofs.prune(3, 10);
  });
  t.ok(allProofs(state).length <= 4);
  t.equal(chain.confirm(headAt(rows.at(-1))), "confirmed");
  t.end();
});

test("a task from its acceptance to its settlement, and what stays of it", (t) => {
  const file = join(t.testdir({}), "agent.db");
  const first = openAgentState(file);
  const command = makeCommand();
  const { id } = command;
  first.transaction(() => first.tasks.insert(makeTask(command)));
  t.match(first.tasks.get(id), { state: "accepted", attempts: 0, expiresAt: ISSUED_AT + 600 });
  t.notOk("outcome" in (first.tasks.get(id) ?? {}));
  first.transaction(() => first.tasks.begin(id));
  first.transaction(() => first.tasks.begin(id));
  first.close();
  const state = openAgentState(file);
  t.teardown(() => state.close());
  t.match(state.tasks.get(id), { state: "running", attempts: 2 });
  t.throws(() => state.transaction(() => state.tasks.insert(makeTask(command))), "an id is used once");
  state.transaction(() => state.tasks.finish(id, Buffer.from("outcome")));
  t.match(state.tasks.get(id), { state: "finished", outcome: Buffer.from("outcome") });
  t.equal(state.tasks.openCount(), 1);
  state.transaction(() => state.tasks.settle(id));
  const settled = state.tasks.get(id);
  t.match(settled, { state: "settled", attempts: 2, digest: command.digest });
  t.equal(settled?.payload.length, 0, "only what tells a replay is kept");
  t.same([state.tasks.openCount(), state.tasks.open()], [0, []]);
  t.end();
});

test("open tasks come by urgency", (t) => {
  const state = openIn(t);
  for (const [index, expiresAt] of [30, 10, 20].entries()) {
    const task = makeTask(makeCommand({ id: idOf(index) }));
    state.transaction(() => state.tasks.insert({ ...task, expiresAt }));
  }
  t.same(
    state.tasks.open().map((task) => task.expiresAt),
    [10, 20, 30],
  );
  t.end();
});

test("finished tasks come in the order in which they ended, whatever is more urgent", (t) => {
  const state = openIn(t);
  for (const index of [0, 1, 2]) {
    state.transaction(() => state.tasks.insert({ ...makeTask(makeCommand({ id: idOf(index) })), expiresAt: 100 + index }));
  }
  for (const index of [2, 0, 1]) state.transaction(() => state.tasks.finish(idOf(index), Buffer.from("outcome")));
  t.same(
    state.tasks.finished().map((task) => task.expiresAt),
    [102, 100, 101],
  );
  t.end();
});

test("settled tasks are forgotten after their expiry, by the time of their own bookkeeper only", (t) => {
  const state = openIn(t);
  const mine = BOOKKEEPER_KEY.publicKey;
  const theirs = makeTestKey("bookkeeper 1").publicKey;
  const insert = (index: number, bookkeeper: Uint8Array): void =>
    state.transaction(() => {
      state.tasks.insert({ ...makeTask(makeCommand({ id: idOf(index) })), bookkeeper, expiresAt: 100 });
      if (index < 2) state.tasks.settle(idOf(index));
    });
  insert(0, mine);
  insert(1, theirs);
  insert(2, mine);
  state.transaction(() => state.tasks.forgetExpiredBefore(mine, 100));
  t.ok(state.tasks.get(idOf(0)), "not yet");
  state.transaction(() => state.tasks.forgetExpiredBefore(mine, 2 ** 40));
  t.notOk(state.tasks.get(idOf(0)));
  t.ok(state.tasks.get(idOf(1)), "another bookkeeper's clock may be years ahead");
  t.ok(state.tasks.get(idOf(2)), "what is open is never forgotten");
  t.end();
});

test("starts are counted, never twice the same, and from a given number on", (t) => {
  const file = join(t.testdir({}), "agent.db");
  const counts: number[] = [];
  for (const atLeast of [undefined, undefined, 10, 5]) {
    const state = openAgentState(file);
    counts.push(state.beginBoot(atLeast));
    state.close();
  }
  t.same(counts, [1, 2, 10, 11]);
  t.end();
});

test("traffic adds up by day, and a month of it is kept even when the clock jumps", (t) => {
  const state = openIn(t);
  const add = (day: number, bytes: bigint): void => state.transaction(() => state.traffic.add(day, bytes));
  add(0, 5n);
  add(20_000, 2n ** 40n);
  add(20_000, 1n);
  t.same([state.traffic.onDay(20_000), state.traffic.onDay(20_001), state.traffic.onDay(0)], [2 ** 40 + 1, 0, 0]);
  add(0, 7n);
  t.same([state.traffic.onDay(0), state.traffic.onDay(20_000)], [7, 2 ** 40 + 1]);
  t.end();
});

test("the summary counts what there is", (t) => {
  const state = openIn(t);
  const none = { openTasks: 0, waitingProofs: 0, acceptedProofs: 0, refusedProofs: 0, blobs: 0, blobBytes: 0 };
  t.same(state.summary(), none);
  addFinished(state, 1);
  const { chain } = beginRun(state);
  chain.confirm(undefined);
  chain.signFinished();
  addFinished(state, 2);
  state.transaction(() => {
    state.blobs.put(idOf(1), 1000, 1);
    state.blobs.put(idOf(2), 24, 1);
    state.blobs.put(idOf(2), 24, 9);
    state.count("proofs_accepted", 3);
    state.count("proofs_accepted", 4);
    state.meta.set("contribution", 2n ** 60n);
  });
  const counted = { openTasks: 1, waitingProofs: 1, acceptedProofs: 7, blobs: 2, blobBytes: 1024, contribution: 2n ** 60n };
  t.same(state.summary(), { ...none, ...counted });
  t.same(state.blobs.get(idOf(2)), { size: 24, countedTo: 9 });
  t.end();
});

test("for each bookkeeper that owes a receipt, the oldest proof that waits for it", (t) => {
  const state = openIn(t);
  const theirs = makeTestKey("bookkeeper 1").publicKey;
  for (let index = 0; index < 6; index++) addFinished(state, index, undefined, index < 2 || index === 5 ? undefined : theirs);
  const { chain } = beginRun(state);
  chain.confirm(undefined);
  chain.signFinished();
  const seqs = (): number[] => state.proofs.oldestWaiting().map(({ seq }) => seq);
  t.same(seqs(), [1, 3]);
  state.transaction(() => {
    for (const row of allProofs(state).slice(0, 3)) state.proofs.settle(row, "refused", "wrong-kind", new Uint8Array());
  });
  t.same(seqs(), [4, 6]);
  t.match(allProofs(state)[0], { status: "refused", reason: "wrong-kind" });
  t.end();
});

test("a damaged file is refused, not read", (t) => {
  const file = join(t.testdir({}), "agent.db");
  const state = openAgentState(file);
  for (let index = 0; index < 50; index++) addFinished(state, index);
  state.close();
  const handle = openSync(file, "r+");
  for (let page = 2; page < 8; page++) writeSync(handle, Buffer.alloc(2_000, 0xa5), 0, 2_000, page * 4096);
  closeSync(handle);
  t.throws(() => openAgentState(file), { code: "database-corrupt" });
  t.end();
});

test("a full disk is told as such, and what was there stays", (t) => {
  const file = join(t.testdir({}), "agent.db");
  openAgentState(file).close();
  const state = openAgentState(file, { maxPages: 20 });
  t.teardown(() => state.close());
  let written = 0;
  const fill = (): void => {
    for (;;) {
      addFinished(state, written);
      written += 1;
    }
  };
  t.throws(fill, { code: "database-full" });
  t.ok(written > 3);
  t.equal(state.tasks.openCount(), written, "each is there whole or not at all");
  t.end();
});
