/*
 * Every reason in the protocol's list of receipt reasons is one that a bookkeeper really gives. Each has a liar here whose proof goes the
 * whole way through intake, and whose receipt, event, record and assignment say it; a reason without a liar fails the test.
 */
import t from "tap";
import { auditLedger } from "../../../bookkeeper/ledger/audit.ts";
import { decodeRecord } from "../../../bookkeeper/ledger/records.ts";
import { loadEd25519, type Proof, RECEIPT_REASONS, type ReceiptReason } from "../../../protocol/index.ts";
import { type Desk, makeDesk, type Task } from "../../sim/bookkeeper-desk.ts";
import type { ModelNode } from "../../sim/bookkeeper-node.ts";
import { COMPUTE, GET, MEASURE, PROVE, PUT, type SampleWork } from "../../sim/bookkeeper-work.ts";

const { ed25519 } = await loadEd25519();

interface Liar {
  readonly work?: SampleWork;
  /** What happens before the lie. */
  readonly before?: (desk: Desk, node: ModelNode, task: Task) => void;
  /** What the proof says other than the truth. */
  readonly lie?: (desk: Desk, task: Task) => Partial<Proof>;
}

const usageOf = (work: SampleWork, more: Partial<Proof["usage"]>): Partial<Proof> => ({ usage: { ...work.usage, ...more } });

const LIARS: Readonly<Record<Exclude<ReceiptReason, "equivocation" | "already-proved">, Liar>> = {
  "unknown-assignment": { lie: () => ({ assignment: new Uint8Array(16) }) },
  "not-this-node": { lie: (desk) => ({ assignment: desk.assign(desk.join(), MEASURE).id }) },
  "wrong-kind": { lie: () => ({ kind: "store" }) },
  "too-many-attempts": { lie: () => ({ attempt: 4 }) },
  "unknown-beacon": { lie: () => ({ nonce: new Uint8Array(32).fill(1) }) },
  "older-than-assignment": {
    lie: (desk, task) => ({ nonce: task.work === MEASURE ? earliest.get(desk) : undefined }),
  },
  "result-mismatch": { lie: () => ({ result: new Uint8Array(32) }) },
  "implausible-time": { lie: () => ({ interval: { bootCount: 1, fromMs: 0, toMs: 3_600_000 } }) },
  "implausible-cpu": { lie: () => usageOf(MEASURE, { cpuMicros: 10n ** 9n }) },
  "implausible-memory": { lie: () => usageOf(MEASURE, { memoryByteSeconds: 2n ** 50n }) },
  "implausible-bytes": { lie: () => usageOf(MEASURE, { downBytes: 2n ** 40n }) },
  "implausible-disk": { lie: () => usageOf(MEASURE, { diskByteSeconds: 1n }) },
  "bad-evidence": { work: PUT, lie: () => ({ evidence: { ...PUT.evidence, size: 1 } }) },
  "wrong-answer": { work: PROVE, lie: () => ({ evidence: { ...PROVE.evidence, answer: new Uint8Array(32) } }) },
  "isolation-too-weak": {
    work: COMPUTE,
    lie: () => ({ evidence: { ...COMPUTE.evidence, isolation: { level: "process", mechanism: "prlimit" } } }),
  },
};

/** The first beacon of each desk, from before its assignments. */
const earliest = new WeakMap<Desk, Uint8Array>();

for (const [reason, { work = MEASURE, lie }] of Object.entries(LIARS)) {
  t.test(`refused as ${reason}, for good`, async (t) => {
    const desk = makeDesk(t, ed25519);
    const { ledger } = desk;
    const node = desk.join();
    earliest.set(desk, desk.beacon.hash);
    desk.beat();
    const task = desk.assign(node, work);
    await desk.clock.advance(10_000);
    const view = desk.openIntake();
    const claims = desk.answerTo(task, lie?.(desk, task));
    const proof = node.prove(claims);
    const [receipt] = await view.take(node, proof.envelope);
    t.match(receipt, { status: "refused", reason, fromSeq: 1, toSeq: 1, hash: proof.hash });
    t.match(receipt?.detail, /^[^\p{Cc}]{10,200}$/u);
    t.notOk("credited" in (receipt ?? {}), "nothing is said of credit");
    t.match(view.events, [{ type: "proof-refused", reason, node: node.key.id }]);
    t.equal(ledger.accounts.total(node.key.publicKey), 0n);
    const records = [...ledger.records.all()].map(decodeRecord);
    t.match(records.at(-1), { type: "refused-proof", reason, envelope: proof.envelope });
    t.strictSame(auditLedger(ledger).problems, []);
    const isItsOwn = reason !== "unknown-assignment" && reason !== "not-this-node";
    t.equal(ledger.assignments.get(task.id)?.state, isItsOwn ? "rejected" : "issued");
    // The truth comes too late for an assignment that was lied about.
    const [second] = await view.take(node, node.prove(desk.answerTo(task)).envelope);
    t.match(second, isItsOwn ? { status: "refused", reason: "already-proved" } : { status: "accepted" });
  });
}

t.test("refused as already-proved, whatever became of the first proof, and in any run of the node", async (t) => {
  const desk = makeDesk(t, ed25519);
  const node = desk.join();
  const { take } = desk.openIntake();
  const tasks = [desk.assign(node, MEASURE), desk.assign(node, GET), desk.assign(node, MEASURE)] as const;
  const failed = { outcome: "failed", reason: "interrupted" } as const;
  await take(node, node.prove(desk.answerTo(tasks[0])).envelope);
  await take(node, node.prove(desk.answerTo(tasks[1], failed)).envelope);
  await take(node, node.prove(desk.answerTo(tasks[2], { kind: "store" })).envelope);
  const { total } = (await take(node, node.prove(desk.answerTo(desk.assign(node, MEASURE))).envelope))[0] ?? {};
  node.reboot();
  for (const task of tasks) {
    const [receipt] = await take(node, node.prove(desk.answerTo(task)).envelope);
    t.match(receipt, { status: "refused", reason: "already-proved", bootCount: 2 });
  }
  t.equal(desk.ledger.accounts.total(node.key.publicKey), total);
  t.strictSame(
    tasks.map(({ id }) => desk.ledger.assignments.get(id)?.state),
    ["proved", "failed", "rejected"],
  );
});

t.test("the list holds nothing else than what was shown here, and equivocation", async (t) => {
  const shown = [...Object.keys(LIARS), "already-proved", "equivocation"];
  t.strictSame([...RECEIPT_REASONS].sort(), shown.sort());
});
