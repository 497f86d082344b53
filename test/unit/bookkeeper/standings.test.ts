/**
 * What a bookkeeper takes a node for: its own figures and its own proofs can lower what it claims, the node is told why in a signed
 * receipt, the ledger keeps it, and time heals it.
 */
import t, { type Test } from "tap";
import type { BookkeeperEvent } from "../../../bookkeeper/events.ts";
import { makeDescriptors } from "../../../bookkeeper/intake/descriptors.ts";
import { makeRegistry } from "../../../bookkeeper/intake/registry.ts";
import { auditLedger } from "../../../bookkeeper/ledger/audit.ts";
import { CONTRADICTION_WINDOW_MS, CONTRADICTIONS_TO_DEMOTE } from "../../../bookkeeper/limits.ts";
import { judgePublished } from "../../../hal/index.ts";
import { type Descriptor, loadEd25519, type Receipt, receiptMessage, type SignedFigure } from "../../../protocol/index.ts";
import { makeDesk } from "../../sim/bookkeeper-desk.ts";
import { type ModelNode, NETWORK } from "../../sim/bookkeeper-node.ts";
import { PUT } from "../../sim/bookkeeper-work.ts";

const { ed25519 } = await loadEd25519();
const GIB = 2n ** 30n;

function figure(name: string, value: bigint, unit: string, threads = 4): SignedFigure {
  return { name, version: 1, value, unit, spreadPercent: 5, durationMs: 1_000, conditions: { threads } };
}

/** A machine whose figures carry Normal and no more. */
const NORMAL: Partial<Descriptor> = {
  facts: { arch: "x86_64", logicalCpus: 4, effectiveMilliCpus: 4_000, memoryBytes: 4n * GIB, diskFreeBytes: 50n * GIB, gpus: 0 },
  measured: [
    figure("cpu.integer-1t", 900n, "Mop/s", 1),
    figure("cpu.integer", 3_500n, "Mop/s"),
    figure("disk.durable-writes", 900n, "writes/s"),
    figure("disk.random-read", 6_000n, "IOPS"),
  ],
};

function makeCounter(t: Test) {
  const desk = makeDesk(t, ed25519);
  const { ledger, key, clock } = desk;
  const events: BookkeeperEvent[] = [];
  const receipts: Receipt[] = [];
  const publish = (_topic: string, payload: Uint8Array): void => {
    const opened = receiptMessage.open(payload, NETWORK, () => key.publicKey, ed25519);
    if (!opened.ok) throw opened.error;
    receipts.push(opened.value.body);
  };
  const descriptors = makeDescriptors(ledger);
  const emit = (event: BookkeeperEvent): void => void events.push(event);
  const needs = { ledger, key, ed25519, clock, descriptors, publish, emit, judge: judgePublished, disbelieve: () => undefined };
  const registry = makeRegistry(needs, NETWORK);
  const view = desk.openIntake(ledger, { onContradicted: (sender) => registry.standings.review(sender) });
  return {
    ...{ desk, ledger, clock, events, receipts, registry, view },
    present: (node: ModelNode, more: Partial<Descriptor>): Receipt | undefined => {
      registry.onDescriptor(node.sender, node.describe({ nonce: desk.beat().hash, ...more }).envelope);
      return receipts.at(-1);
    },
    /** The node fails a task for this reason. */
    fail: async (node: ModelNode, reason: "no-room" | "aborted"): Promise<void> => {
      const task = desk.assign(node, PUT);
      const failing = { outcome: "failed" as const, reason, evidence: {} };
      await view.take(node, node.prove(desk.answerTo(task, failing)).envelope);
    },
  };
}

t.test("figures that carry the claim: the node is taken for it, and nothing is recorded", async (t) => {
  const { desk, ledger, present } = makeCounter(t);
  const node = desk.stranger();
  const { height } = ledger.records.tip();
  t.match(present(node, { ...NORMAL, tier: "Normal" }), {
    subject: "descriptor",
    status: "accepted",
    tier: "Normal",
    detail: undefined,
  });
  t.equal(ledger.records.tip().height, height + 1, "the descriptor alone");
});

t.test("a claim that the node's own figures do not carry", async (t) => {
  const { desk, ledger, events, present } = makeCounter(t);
  const node = desk.stranger();
  const receipt = present(node, { ...NORMAL, tier: "Super" });
  t.match(receipt, { status: "accepted", tier: "Normal" });
  t.match(receipt?.detail, /Usable memory: 4 GiB; Super needs 7 GiB\..*Free disk: 50 GiB; Super needs 100 GiB\./);
  t.match(events.at(-1), { type: "standing", tier: "Normal", claimed: "Super" });
  t.match(ledger.records.at(ledger.records.tip().height).record, { type: "standing", tier: "Normal", claimed: "Super" });
  t.equal(present(node, { ...NORMAL, tier: "Super" })?.tier, "Normal", "presenting itself again does not help");
  t.match(
    present(node, { ...NORMAL, tier: "Normal" }),
    { tier: "Normal", detail: undefined },
    "an honest descriptor is taken as it is",
  );
  t.match(events.at(-1), { type: "standing", tier: "Normal", claimed: "Normal", detail: /what it claims again/ });
  t.same(auditLedger(ledger).problems, []);
});

t.test("a descriptor that contradicts itself is Lite", async (t) => {
  const { desk, present } = makeCounter(t);
  const facts = NORMAL.facts as Descriptor["facts"];
  const cases: readonly (readonly [string, Partial<Descriptor>])[] = [
    ["8 effective cores of 4", { facts: { ...facts, effectiveMilliCpus: 8_000 } }],
    ["More disk in memory", { facts: { ...facts, diskKind: "ram" } }],
    [
      "All 4 threads together",
      { measured: [figure("cpu.integer-1t", 100n, "Mop/s", 1), figure("cpu.integer", 3_500n, "Mop/s")] },
    ],
    ["A processor faster than any", { measured: [figure("cpu.integer-1t", 90_000n, "Mop/s", 1)] }],
  ];
  for (const [why, more] of cases) {
    const receipt = present(desk.stranger(), { ...NORMAL, ...more, tier: "Normal" });
    t.equal(receipt?.tier, "Lite", why);
    t.match(receipt?.detail, `What it says of itself cannot be: ${why}`);
  }
});

t.test("proofs that deny the descriptor cost a tier, and time heals it", async (t) => {
  const { desk, ledger, clock, receipts, registry, present, fail } = makeCounter(t);
  const node = desk.stranger();
  present(node, { ...NORMAL, tier: "Normal" });
  const tierNow = (): string => registry.standings.tierOf(node.key.publicKey, node.describe({ ...NORMAL, tier: "Normal" }).body);
  for (let failures = 1; failures < CONTRADICTIONS_TO_DEMOTE; failures++) {
    await fail(node, "no-room");
    await fail(node, "aborted");
    t.equal(tierNow(), "Normal", `${failures} is no habit, and an aborted task says nothing of the machine`);
  }
  await fail(node, "no-room");
  t.equal(tierNow(), "Lite");
  const told = receipts.at(-1);
  t.match(told, { subject: "descriptor", status: "accepted", tier: "Lite", detail: /3 of its proofs .*: no-room\./ });
  t.same(told?.head?.seq, ledger.nodes.stateOf(node.key.publicKey)?.head?.seq, "and it still says where the chain stands");
  await clock.advance(CONTRADICTION_WINDOW_MS + 1);
  registry.standings.review(node.sender);
  t.equal(tierNow(), "Normal");
  t.match(receipts.at(-1), { tier: "Normal", detail: undefined });
  t.same(auditLedger(ledger).problems, []);
});
