/*
 * Jobs repeated here: the share that is picked, what an equal and a different result come to, and jobs that cannot be repeated. The sandbox is
 * a fake that says what a test wants; jobs reach it the way they do in the bookkeeper, by proofs through intake.
 */
import { join } from "node:path";
import t, { type Test } from "tap";
import { sha256, silentLog } from "../../../base/index.ts";
import { makeContents } from "../../../bookkeeper/contents-store.ts";
import type { BookkeeperEvent } from "../../../bookkeeper/events.ts";
import { auditLedger } from "../../../bookkeeper/ledger/audit.ts";
import type { Ledger } from "../../../bookkeeper/ledger/ledger-store.ts";
import { decodeRecord } from "../../../bookkeeper/ledger/records.ts";
import { MAX_RECHECK_TRIES } from "../../../bookkeeper/limits.ts";
import { makeRecheck } from "../../../bookkeeper/recheck.ts";
import { loadEd25519, type Proof } from "../../../protocol/index.ts";
import type { JobOutcome, Sandbox, SandboxJob } from "../../../sandbox/index.ts";
import { type Desk, makeDesk } from "../../sim/bookkeeper-desk.ts";
import { makeFastFolder } from "../../sim/bookkeeper-folder.ts";
import type { ModelNode } from "../../sim/bookkeeper-node.ts";
import { ALL_WORK, COMPUTE, CONTENT, MEASURE, type SampleWork } from "../../sim/bookkeeper-work.ts";
import { printedSeed } from "../../sim/printed-seed.ts";

const { ed25519 } = await loadEd25519();

const ENGINE = COMPUTE.evidence["engine"] as string;
const STDOUT = COMPUTE.evidence["stdout"] as Uint8Array;
const isolation = { level: "namespaces", mechanism: "fake" } as const;
const usage = { cpuMicros: 1n, memoryByteSeconds: 1n, peakMemoryBytes: 1n };
const exited = (stdout: Uint8Array, exitCode = 0): JobOutcome => ({
  ...{ kind: "exited", exitCode, stdout, stderr: new Uint8Array(), usage, isolation },
});
const stopped = (reason: "memory" | "isolation-lost"): JobOutcome => ({
  kind: "stopped",
  reason,
  detail: "no",
  usage,
  isolation,
});
const never = new AbortController().signal;

type Answer = (job: SandboxJob, signal: AbortSignal) => JobOutcome | Promise<JobOutcome>;

/** A desk where jobs are proved, and repeated by a sandbox that answers as told. */
async function makeLab(t: Test, answer: Answer, more: { readonly engine?: string } = {}) {
  const desk = makeDesk(t, ed25519);
  const contents = makeContents(join(makeFastFolder(t), "contents"));
  await contents.put(CONTENT);
  const view = desk.openIntake(desk.ledger, { recheckShare: 1 });
  const events: BookkeeperEvent[] = [];
  const runs: { readonly job: SandboxJob; readonly demand: unknown }[] = [];
  const run: Sandbox["run"] = async (job, { signal, demand }) => {
    runs.push({ job, demand });
    return answer(job, signal);
  };
  const sandbox = { run, engine: more.engine ?? ENGINE };
  const open = (ledger: Ledger = desk.ledger) =>
    makeRecheck({ ledger, contents, sandbox, clock: desk.clock, log: silentLog, emit: (event) => events.push(event) });
  const prove = async (node: ModelNode, work: SampleWork = COMPUTE, claims: Partial<Proof> = {}) => {
    const task = desk.assign(node, work);
    await desk.clock.advance(10_000);
    const [receipt] = await view.take(node, node.prove(desk.answerTo(task, claims)).envelope);
    if (receipt?.status !== "accepted") throw new Error(`not accepted: ${receipt?.reason} ${receipt?.detail}`);
    return task;
  };
  const stateOf = (id: Uint8Array): unknown => desk.ledger.assignments.get(id)?.recheck;
  return { desk, ledger: desk.ledger, contents, events, runs, open, recheck: open(), prove, stateOf };
}

const reversals = (desk: Desk) => [...desk.ledger.records.all()].map(decodeRecord).filter(({ type }) => type === "reversal");

t.test("of finished jobs the share is picked, and nothing else", async (t) => {
  const seed = printedSeed(t);
  const jobs = 400;
  const pick = async (recheckShare: number): Promise<number> => {
    const desk = makeDesk(t, ed25519, { seed });
    const node = desk.join();
    const { take } = desk.openIntake(desk.ledger, { recheckShare });
    const tasks = Array.from({ length: jobs }, () => desk.assign(node, COMPUTE));
    const others = [...ALL_WORK.filter(({ kind }) => kind === "measure"), COMPUTE].map((work) => desk.assign(node, work));
    await desk.clock.advance(10_000);
    await take(node, ...tasks.map((task) => node.prove(desk.answerTo(task)).envelope));
    const failed = { outcome: "failed", reason: "interrupted", evidence: {} } as const;
    await take(node, ...others.map((task) => node.prove(desk.answerTo(task, task.work === COMPUTE ? failed : {})).envelope));
    t.strictSame(
      others.map(({ id }) => desk.ledger.assignments.get(id)).map((row) => [row?.state, row?.recheck]),
      [
        ["proved", undefined],
        ["failed", undefined],
      ],
    );
    return tasks.filter(({ id }) => desk.ledger.assignments.get(id)?.recheck === "pending").length;
  };
  t.equal(await pick(0), 0);
  t.equal(await pick(1), jobs);
  const picked = await pick(0.3);
  t.ok(Math.abs(picked / jobs - 0.3) < 0.12, `${picked} of ${jobs}`);
});

t.test("an equal result changes nothing; the job is the one that the node was given, with more patience", async (t) => {
  const { desk, ledger, recheck, prove, runs, events, stateOf } = await makeLab(t, () => exited(STDOUT));
  const node = desk.join();
  const { id } = await prove(node);
  const [{ height }, total] = [ledger.records.tip(), ledger.accounts.total(node.key.publicKey)];
  t.equal(await recheck.next(never), true);
  t.equal(await recheck.next(never), false, "and then none waits");
  t.equal(stateOf(id), "agreed");
  t.strictSame([ledger.records.tip().height, ledger.accounts.total(node.key.publicKey)], [height, total]);
  t.match(events, [{ type: "rechecked", node: node.key.id, result: "agreed", detail: "same exit code and output" }]);
  t.equal(runs.length, 1);
  t.strictSame(
    { ...runs[0]?.job, module: sha256(runs[0]?.job.module ?? STDOUT), seed: 0 },
    {
      ...{ module: sha256(CONTENT), args: ["1"], stdin: new Uint8Array(), seed: 0, epochSeconds: 1 },
      limits: { wallMs: 180_000, cpuMs: 90_000, memoryBytes: 32 * 2 ** 20, outputBytes: 64 },
    },
  );
  t.equal(runs[0]?.demand, "namespaces", "what is not trusted there is not trusted here");
});

t.test("a different result takes the credit back, once, by a record of its own", async (t) => {
  const different: readonly JobOutcome[] = [exited(Buffer.from("148934\n")), exited(STDOUT, 1), exited(new Uint8Array())];
  for (const outcome of different) {
    const { desk, ledger, recheck, open, prove, events, stateOf } = await makeLab(t, () => outcome);
    const [node, other] = [desk.join(), desk.join()];
    await prove(node, MEASURE);
    const before = ledger.accounts.of(node.key.publicKey);
    const { id } = await prove(node);
    const { proofHeight: height } = ledger.assignments.get(id) ?? {};
    ledger.transaction(() => {
      const toml = policyOfMore(ledger);
      ledger.records.append({ type: "policy", atMs: desk.clock.wallMs(), toml });
    });
    t.not(ledger.accounts.total(node.key.publicKey), 0n);
    t.equal(await recheck.next(never), true);
    t.equal(await recheck.next(never), false);
    t.equal(await open().next(never), false, "nor after a restart");
    t.equal(stateOf(id), "differed");
    t.match(reversals(desk), [{ type: "reversal", node: node.key.publicKey, height, atMs: desk.clock.wallMs() }]);
    t.equal(reversals(desk).length, 1);
    t.strictSame(ledger.accounts.of(node.key.publicKey), before, "just what was credited for it, by the policy of its day");
    t.equal(ledger.accounts.total(other.key.publicKey), 0n);
    t.match(events, [{ type: "rechecked", node: node.key.id, result: "differed" }]);
    t.strictSame(auditLedger(ledger).problems, []);
    t.equal(ledger.assignments.get(id)?.state, "proved", "the proof stays as evidence");
  }
});

/** The policy in force, but for a higher bonus. */
function policyOfMore(ledger: Ledger): string {
  const toml = ledger.records.policies().at(-1)?.toml ?? "";
  return toml.replace("version = 1", "version = 2").replace(/compute = .*/, "compute = 9_000");
}

t.test("two bookkeepers that repeat the same job at once take the credit back once", async (t) => {
  const lab = await makeLab(t, () => exited(Buffer.from("else\n")));
  const node = lab.desk.join();
  await lab.prove(node);
  const other = lab.open(lab.desk.open());
  t.strictSame(await Promise.all([lab.recheck.next(never), other.next(never)]), [true, true]);
  t.equal(lab.runs.length, 2);
  t.equal(reversals(lab.desk).length, 1);
  t.equal(lab.events.length, 1, "and one of them tells of it");
  t.equal(lab.ledger.accounts.total(node.key.publicKey), 0n);
  t.strictSame(auditLedger(lab.ledger).problems, []);
});

t.test("what proves nothing against the node is let go", async (t) => {
  const cases: readonly (readonly [
    detail: RegExp,
    answer: Answer,
    more?: { readonly engine?: string; readonly gone?: boolean },
  ])[] = [
    [/^not repeated: memory/, () => stopped("memory")],
    [/^not repeated: isolation-lost/, () => stopped("isolation-lost")],
    [/^another output, but by another engine: V8 13\.6/, () => exited(Buffer.from("else\n")), { engine: "V8 99 arm64" }],
    [/^nothing to compare with/, () => exited(Buffer.from("else\n")), { gone: true }],
  ];
  for (const [detail, answer, more = {}] of cases) {
    const lab = await makeLab(t, answer, more);
    const { id, node } = await lab.prove(lab.desk.join());
    const total = lab.ledger.accounts.total(node.key.publicKey);
    if (more.gone === true) lab.contents.remove(sha256(CONTENT));
    t.equal(await lab.recheck.next(never), true);
    t.match(lab.events, [{ result: "agreed", detail }]);
    t.strictSame([lab.stateOf(id), lab.ledger.accounts.total(node.key.publicKey)], ["agreed", total]);
    t.equal(reversals(lab.desk).length, 0);
  }
});

t.test("a job that fails here is tried so many times, and the one after it has as many tries", async (t) => {
  const lab = await makeLab(t, () => Promise.reject(new Error("no memory to start it")));
  const tasks = [await lab.prove(lab.desk.join()), await lab.prove(lab.desk.join())] as const;
  for (const [index, { id }] of tasks.entries()) {
    for (let attempt = 1; attempt < MAX_RECHECK_TRIES; attempt++) {
      t.equal(await lab.recheck.next(never), false, "later again");
      t.equal(lab.stateOf(id), "pending");
    }
    t.equal(await lab.recheck.next(never), true);
    t.equal(lab.stateOf(id), "agreed");
    t.match(lab.events.at(-1), { result: "agreed", detail: "not repeated: no memory to start it" });
    t.equal(lab.runs.length, MAX_RECHECK_TRIES * (index + 1));
  }
  t.equal(reversals(lab.desk).length, 0);
});

t.test("a job that is broken off waits for its turn after the restart", async (t) => {
  const stopping = new AbortController();
  let isFirst = true;
  const lab = await makeLab(t, () => {
    if (isFirst) stopping.abort();
    isFirst = false;
    return isFirst ? exited(STDOUT) : stopped("memory");
  });
  const { id } = await lab.prove(lab.desk.join());
  t.equal(await lab.recheck.next(stopping.signal), false);
  t.strictSame([lab.stateOf(id), lab.events], ["pending", []]);
  t.equal(await lab.open().next(never), true);
  t.equal(lab.stateOf(id), "agreed");
});
