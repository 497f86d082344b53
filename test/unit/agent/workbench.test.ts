/**
 * The workbench over a real journal, with made-up work that takes simulated time: how much runs at once, what a start takes up again, what
 * a full disk holds back, and what a stop leaves behind. The journal is read back after each, because it is what the next start finds.
 */
import { join } from "node:path";
import { type Test, test } from "tap";
import type { AgentEvent } from "../../../agent/events.ts";
import { ABORT_MS, DRAIN_MS } from "../../../agent/limits.ts";
import { decodeOutcome, type TaskOutcome } from "../../../agent/proof/outcome.ts";
import { type AgentState, openAgentState, type TaskRow } from "../../../agent/state-store.ts";
import { makeWorkbench } from "../../../agent/workbench.ts";
import { BaseError, silentLog, toHex } from "../../../base/index.ts";
import type { Assignment, WireObject } from "../../../protocol/index.ts";
import { idOf, makeCommand, makeTask } from "../../sim/agent-samples.ts";
import { type FakeServiceOptions, makeFakeService } from "../../sim/fake-service.ts";
import { makeSteppingClock } from "../../sim/stepping-clock.ts";

interface SceneOptions extends FakeServiceOptions {
  readonly concurrency?: Readonly<Record<string, number>>;
  /** A journal of an earlier scene. */
  readonly file?: string;
}

function makeScene(t: Test, options: SceneOptions = {}) {
  const file = options.file ?? join(t.testdir({}), "agent.db");
  const opened = openAgentState(file);
  t.teardown(() => opened.close());
  const disk = { fullFor: (_nth: number): boolean => false, writes: 0 };
  const state: AgentState = {
    ...opened,
    transaction: (work) => {
      disk.writes += 1;
      if (disk.fullFor(disk.writes)) throw new BaseError("database-full", "agent.db: database or disk is full");
      return opened.transaction(work);
    },
  };
  const clock = makeSteppingClock();
  const fake = makeFakeService({ clock }, options);
  const other = makeFakeService({ clock }, { kind: "other" });
  const events: AgentEvent[] = [];
  let finished = 0;
  const services = new Map([fake.service, other.service].map((service) => [service.kind, service]));
  const boot = { count: opened.beginBoot(), seed: new Uint8Array(32), startedMs: clock.monotonicMs() };
  const workbench = makeWorkbench(
    {
      state,
      clock,
      log: silentLog,
      services,
      boot: () => boot,
      emit: (event) => void events.push(event),
      onFinished: () => finished++,
    },
    { concurrency: options.concurrency ?? { fake: 2 } },
  );
  const journal = (index: number, spec: WireObject = { forMs: 1_000 }, more: Partial<Assignment> = {}): TaskRow => {
    const task = makeTask(makeCommand({ id: idOf(index), spec, ...more }));
    opened.transaction(() => opened.tasks.insert(task));
    return task;
  };
  const accept = (index: number, spec?: WireObject, more?: Partial<Assignment>): void =>
    workbench.add(journal(index, spec, more));
  const stateOf = (index: number): string | undefined => opened.tasks.get(idOf(index))?.state;
  const outcomeOf = (index: number): TaskOutcome => decodeOutcome(opened.tasks.get(idOf(index))?.outcome ?? new Uint8Array());
  const troubles = () => events.flatMap((event) => (event.type === "trouble" ? event.what : []));
  return {
    ...{ file, state: opened, clock, fake, other, events, workbench, journal, accept, stateOf, outcomeOf, disk, troubles },
    finished: () => finished,
  };
}

test("so many of a kind run at once as the kind allows, in the order in which they came", async (t) => {
  const { accept, fake, other, clock, stateOf } = makeScene(t);
  for (let index = 0; index < 6; index++) accept(index);
  for (let index = 10; index < 13; index++) accept(index, { forMs: 1_000 }, { kind: "other" });
  await clock.advance(0);
  t.same([fake.running, other.running], [2, 1], "kinds that are not named run one at a time");
  t.same([stateOf(0), stateOf(2)], ["running", "accepted"]);
  await clock.advance(10_000);
  t.same([fake.mostAtOnce, other.mostAtOnce], [2, 1]);
  t.same(
    fake.runs,
    [0, 1, 2, 3, 4, 5].map((index) => toHex(idOf(index))),
  );
  t.equal(stateOf(5), "finished");
});

test("each step is on disk before its side effect, and the interval is the work's own", async (t) => {
  const { accept, fake, clock, outcomeOf, state, events } = makeScene(t);
  await clock.advance(5_000);
  accept(1, { forMs: 2_000 });
  t.equal(fake.runs.length, 0);
  await clock.advance(0);
  t.match(state.tasks.get(idOf(1)), { state: "running", attempts: 1 });
  await clock.advance(2_000);
  t.same(outcomeOf(1).interval, { bootCount: 1, fromMs: 5_000, toMs: 7_000 });
  t.equal(outcomeOf(1).usage.cpuMicros, 2_000_000n);
  t.equal(state.traffic.onDay(Math.floor(clock.wallMs() / 86_400_000)), 10);
  t.same(
    events.map((event) => event.type),
    ["began", "progress", "finished"],
  );
});

test("whatever a service does, its task ends with an outcome that can be proved", async (t) => {
  const { accept, clock, outcomeOf, finished } = makeScene(t, { concurrency: { fake: 9 } });
  const ends = ["done", "fail", "throw", "too-large", "half-character"] as const;
  for (const [index, end] of ends.entries()) accept(index, { end });
  await clock.advance(0);
  const outcomes = ends.map((_, index) => outcomeOf(index));
  t.same(
    outcomes.map(({ result, reason }) => reason ?? result),
    ["done", "trap", "internal", "internal", "internal"],
  );
  t.equal(outcomes[1]?.detail, "it failed", "without line breaks");
  t.match(outcomes[2]?.detail, "the service has a bug");
  t.match(outcomes[3], { detail: /too large for a proof/, evidence: {} });
  t.ok(outcomes[4]?.detail?.isWellFormed());
  t.equal(finished(), 5);
});

test("what belongs to an outcome is changed in its transaction, or not at all", async (t) => {
  let commits = 0;
  const { accept, clock, disk, stateOf } = makeScene(t, { commit: () => commits++ });
  accept(1, { end: "too-large" });
  await clock.advance(0);
  t.equal(commits, 0, "an outcome that cannot be proved changes nothing");
  disk.fullFor = (nth) => nth === disk.writes && nth % 2 === 0 && nth < 6;
  accept(2);
  await clock.advance(20_000);
  t.equal(stateOf(2), "finished");
  t.equal(commits, 1, "a transaction that found no room did not run it");
});

test("a start takes up what was accepted and what may run again, and ends the rest as interrupted", async (t) => {
  const first = makeScene(t);
  for (let index = 0; index < 5; index++) first.journal(index);
  const spent = first.journal(5, { forMs: 1_000 }, { maxAttempts: 1 });
  first.state.transaction(() => {
    for (const index of [1, 2, 2, 3, 3, 3]) first.state.tasks.begin(idOf(index));
    first.state.tasks.begin(spent.id);
    first.state.tasks.finish(idOf(4), Buffer.from("journaled before"));
  });
  const second = makeScene(t, { file: first.file, concurrency: { fake: 9 } });
  second.workbench.recover();
  await second.clock.advance(0);
  t.same(second.fake.runs.toSorted(), [0, 1, 2].map((index) => toHex(idOf(index))).toSorted());
  t.same(
    [0, 1, 2].map((index) => second.state.tasks.get(idOf(index))?.attempts),
    [1, 2, 3],
  );
  for (const index of [3, 5]) {
    t.match(second.outcomeOf(index), { result: "failed", reason: "interrupted", detail: /attempts/ }, "no attempts are left");
  }
  t.equal(second.finished(), 2);
  t.same(second.state.tasks.get(idOf(4))?.outcome, Buffer.from("journaled before"));
});

test("work that its service calls unsafe to repeat is interrupted, but not where it never began", async (t) => {
  const first = makeScene(t);
  first.journal(1);
  first.journal(2);
  first.state.transaction(() => first.state.tasks.begin(idOf(1)));
  const second = makeScene(t, { file: first.file, recover: "fail" });
  second.workbench.recover();
  await second.clock.advance(2_000);
  t.match(second.outcomeOf(1), { result: "failed", reason: "interrupted" });
  t.match(second.outcomeOf(2), { result: "done" });
});

test("a task that this version cannot do is ended, not tried for ever", async (t) => {
  const { accept, clock, outcomeOf } = makeScene(t);
  accept(1, {}, { kind: "gone" });
  accept(2, { end: 5 });
  await clock.advance(0);
  for (const index of [1, 2]) t.match(outcomeOf(index), { result: "failed", reason: "internal" });
});

test("a full disk at any one write holds the work back and loses nothing of it", async (t) => {
  for (let nth = 1; nth <= 6; nth++) {
    const { accept, clock, disk, outcomeOf, workbench, troubles, finished, fake } = makeScene(t);
    const until = clock.monotonicMs() + 9_000;
    disk.fullFor = (write) => write >= nth && clock.monotonicMs() < until;
    for (let index = 0; index < 3; index++) accept(index);
    await clock.advance(5_000);
    t.ok(workbench.isDiskFull, `write ${nth}: known to be full`);
    t.equal(troubles().length, 1, "said once");
    await clock.advance(10_000);
    t.notOk(workbench.isDiskFull);
    for (let index = 0; index < 3; index++) t.match(outcomeOf(index), { result: "done" });
    t.equal(finished(), 3);
    t.equal(fake.runs.length, 3, "nothing ran twice");
  }
});

test("a start on a full disk waits with what it has to journal", async (t) => {
  const first = makeScene(t);
  first.journal(1, {}, { maxAttempts: 1 });
  first.state.transaction(() => first.state.tasks.begin(idOf(1)));
  const second = makeScene(t, { file: first.file });
  second.disk.fullFor = (nth) => nth < 3;
  second.workbench.recover();
  await second.clock.advance(0);
  t.equal(second.stateOf(1), "running");
  await second.clock.advance(10_000);
  t.match(second.outcomeOf(1), { reason: "interrupted" });
});

test("a stop lets work end, then breaks it off, and leaves that journaled as running", async (t) => {
  const { accept, clock, stateOf, workbench } = makeScene(t);
  accept(0, { forMs: DRAIN_MS - 100 });
  accept(1, { forMs: DRAIN_MS + 100 });
  accept(2, { forMs: 1 });
  await clock.advance(10);
  let isOver = false;
  const stopping = workbench.stop(DRAIN_MS).then(() => {
    isOver = true;
  });
  await clock.advance(DRAIN_MS - 20);
  t.notOk(isOver);
  await clock.advance(20);
  await stopping;
  t.same([stateOf(0), stateOf(1), stateOf(2)], ["finished", "running", "accepted"], "what waited was not begun");
  t.equal(clock.sleeping, 0, "no timer is left");
});

test("a stop with nothing to do is over at once", async (t) => {
  const { clock, workbench } = makeScene(t);
  await workbench.stop(DRAIN_MS);
  t.equal(clock.sleeping, 0);
});

test("work that does not leave, and a disk that stays full, do not hold up a stop", async (t) => {
  const { accept, clock, stateOf, workbench, disk, troubles } = makeScene(t, { concurrency: { fake: 3 } });
  accept(0, { end: "hang" });
  accept(1, { forMs: 100 });
  accept(2, { forMs: 100 });
  await clock.advance(50);
  disk.fullFor = () => true;
  let isOver = false;
  void workbench.stop(DRAIN_MS).then(() => {
    isOver = true;
  });
  await clock.advance(DRAIN_MS + ABORT_MS + 10);
  t.ok(isOver);
  t.same([stateOf(0), stateOf(1), stateOf(2)], ["running", "running", "running"], "the next start finds them");
  t.equal(troubles().length, 1);
});

test("what open tasks may hold is what can run beside the next one", (t) => {
  const { accept, workbench } = makeScene(t, { concurrency: { fake: 2, other: 1 } });
  t.same(workbench.demand("fake"), { memoryBytes: 0, diskBytes: 0, trafficBytes: 0 });
  for (const [index, memoryBytes] of [100, 400, 200, 300].entries()) accept(index, { forMs: 1_000, memoryBytes });
  t.equal(workbench.demand("fake").memoryBytes, 400, "one more of its kind runs beside one other");
  t.equal(workbench.demand("other").memoryBytes, 700, "of another kind beside two");
  accept(10, { forMs: 1_000, memoryBytes: 50 }, { kind: "other" });
  t.equal(workbench.demand("fake").memoryBytes, 450);
  t.equal(workbench.demand("other").memoryBytes, 700, "its own kind runs one at a time");
  t.end();
});
