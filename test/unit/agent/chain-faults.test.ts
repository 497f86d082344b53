/**
 * The chain when the journal fails it: full disks at every size, transactions that fail late, a death between two of them. What was signed
 * and not written was never signed, and what is signed afterwards is continuous and uses no number twice.
 */
import { join } from "node:path";
import { test } from "tap";
import { type AgentState, openAgentState } from "../../../agent/state-store.ts";
import { BaseError } from "../../../base/index.ts";
import {
  addFinished,
  allProofs,
  beginRun,
  isContinuous,
  makeOutcome,
  openJournal,
  places,
  strangeHead,
} from "../../sim/journal-samples.ts";

test("a full disk while signing leaves the chain as it was, and the next try goes through", (t) => {
  const file = join(t.testdir({}), "agent.db");
  const roomy = openAgentState(file);
  for (let index = 0; index < 40; index++) addFinished(roomy, index, makeOutcome({ evidence: { data: new Uint8Array(1_000) } }));
  roomy.close();
  const tight = openAgentState(file, { maxPages: 40 });
  const run = beginRun(tight);
  run.chain.confirm(undefined);
  t.throws(() => run.chain.signFinished(), { code: "database-full" });
  t.same(allProofs(tight), []);
  t.equal(tight.tasks.finished().length, 40);
  tight.close();
  const state = openAgentState(file);
  t.teardown(() => state.close());
  const { chain } = beginRun(state);
  chain.confirm(undefined);
  t.equal(chain.signFinished().length, 40);
  t.ok(isContinuous(allProofs(state)));
  t.end();
});

test("a failed transaction is forgotten in memory too", (t) => {
  const state = openJournal(t);
  let isFull = true;
  const faulty: AgentState = {
    ...state,
    transaction: (work) =>
      state.transaction(() => {
        const value = work();
        if (isFull) throw new BaseError("database-full", "the disk is full");
        return value;
      }),
  };
  const { chain } = beginRun(faulty);
  for (let index = 0; index < 3; index++) addFinished(state, index);
  chain.confirm(undefined);
  t.throws(() => chain.signFinished(), { code: "database-full" });
  isFull = false;
  t.same(places(chain.signFinished()), ["1.1", "1.2", "1.3"]);
  t.ok(isContinuous(allProofs(state)));
  t.end();
});

test("a crash while it continues elsewhere leads to a higher number, whenever it comes", (t) => {
  const state = openJournal(t);
  addFinished(state, 1);
  const dying: AgentState = {
    ...state,
    transaction: () => {
      throw new Error("the process died");
    },
  };
  const run = beginRun({ ...dying, beginBoot: state.beginBoot });
  t.throws(() => run.chain.confirm(strangeHead(20, 1)), { message: "the process died" });
  const next = beginRun(state);
  t.ok(next.bootCount > 20, "the number was on disk before the head was");
  t.equal(next.chain.confirm(strangeHead(20, 1)), "continued-elsewhere");
  t.end();
});
