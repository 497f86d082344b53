/*
 * Intake against whoever wants to be believed, counted twice, or to stop it. Forged, cut, altered and foreign messages are never answered and
 * leave nothing behind; what was sent twice, out of order, through two intakes at once or past a full disk is counted once.
 */
import t, { type Test } from "tap";
import { makeSeededRandom, type Random } from "../../../base/index.ts";
import { auditLedger } from "../../../bookkeeper/ledger/audit.ts";
import { decodeRecord } from "../../../bookkeeper/ledger/records.ts";
import { MAX_REFUSED_RECORDS_PER_HOUR } from "../../../bookkeeper/limits.ts";
import { loadEd25519, MAX_MESSAGE_BYTES, type Proof, proofMessage, type Receipt } from "../../../protocol/index.ts";
import { type Desk, envelopesOf, type IntakeView, makeDesk } from "../../sim/bookkeeper-desk.ts";
import type { ModelNode, Signed } from "../../sim/bookkeeper-node.ts";
import { GET, MEASURE } from "../../sim/bookkeeper-work.ts";
import { printedSeed } from "../../sim/printed-seed.ts";
import { settled } from "../../sim/stepping-clock.ts";

const { ed25519 } = await loadEd25519();

/** So many proofs of assignments that the node really has, in the order of its chain. */
function proveMany(desk: Desk, node: ModelNode, count: number): Signed<Proof>[] {
  return Array.from({ length: count }, () => node.prove(desk.answerTo(desk.assign(node, MEASURE))));
}

function checkBooks(t: Test, desk: Desk, node: ModelNode, proofs: number): void {
  t.strictSame(auditLedger(desk.ledger).problems, []);
  const recorded = [...desk.ledger.records.all()].map(decodeRecord).filter(({ type }) => type === "proof");
  t.equal(recorded.length, proofs, "each proof is recorded once");
  const each = recorded.length === 0 ? 0n : desk.ledger.accounts.total(node.key.publicKey) / BigInt(recorded.length);
  t.equal(desk.ledger.accounts.total(node.key.publicKey), each * BigInt(proofs), "and credited once, each the same");
}

t.test("what is not the node's own word is not answered and leaves nothing behind", async (t) => {
  const desk = makeDesk(t, ed25519);
  const [node, thief, stranger] = [desk.join(), desk.join(), desk.stranger()];
  const view = desk.openIntake();
  const { height } = desk.ledger.records.tip();
  const proof = node.prove(desk.answerTo(desk.assign(node, MEASURE)));
  const random = makeSeededRandom(printedSeed(t));
  const flip = (): Uint8Array => {
    const bytes = new Uint8Array(proof.envelope);
    const at = Math.floor(random.fraction() * bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random.fraction() * 8));
    return bytes;
  };
  const forged: Readonly<Record<string, readonly Uint8Array[]>> = {
    "signed by another node": [thief.sign(desk.answerTo(desk.assign(thief, MEASURE))).envelope],
    "in this node's name, signed by another": [proofMessage.seal(proof.body, "test", thief.key)],
    "for another network": [proofMessage.seal(proof.body, "other", node.key)],
    "another kind of message": [node.describe().envelope, node.state().envelope],
    cut: Array.from({ length: proof.envelope.length }, (_, length) => proof.envelope.subarray(0, length)),
    "one bit another": Array.from({ length: 500 }, flip),
    "with a byte more": [Buffer.concat([proof.envelope, Buffer.alloc(1)])],
    "too large": [Buffer.concat([proof.envelope, Buffer.alloc(MAX_MESSAGE_BYTES)])],
    nothing: [new Uint8Array(), Buffer.from("hello"), random.bytes(1_000)],
  };
  for (const [what, envelopes] of Object.entries(forged)) {
    const before = view.disbelieved.length + view.others.length;
    t.strictSame(await view.take(node, ...envelopes), [], what);
    t.equal(view.disbelieved.length + view.others.length - before, envelopes.length, "and each is told of, or handed on");
  }
  const unknown = stranger.prove(desk.answerTo(desk.assign(stranger, MEASURE)));
  t.strictSame(await view.take(stranger, unknown.envelope), [], "nobody answers a node that never registered");
  t.strictSame(await view.take(thief, proof.envelope), [], "nor one that hands in another's proof");
  t.strictSame([desk.ledger.records.tip().height, desk.ledger.accounts.total(node.key.publicKey)], [height, 0n]);
  t.match(await view.take(node, proof.envelope), [{ status: "accepted" }], "and the true one is still good");
});

t.test("the same proof again is answered as it was then, and counted once", async (t) => {
  const desk = makeDesk(t, ed25519);
  const node = desk.join();
  const view = desk.openIntake();
  const proofs = envelopesOf(proveMany(desk, node, 5));
  await view.take(node, ...proofs, ...proofs);
  const before = desk.ledger.records.tip();
  await desk.clock.advance(3_600_000);
  const replayed = await view.take(node, ...proofs);
  t.ok(replayed.length > 0 && replayed.every(({ status, toSeq }) => status === "accepted" && (toSeq ?? 0) <= 5));
  const elsewhere = desk.openIntake(desk.open());
  t.match((await elsewhere.take(node, proofs[2] as Uint8Array))[0], { status: "accepted" }, "by another intake too");
  t.strictSame(desk.ledger.records.tip(), before, "nothing was recorded again");
  checkBooks(t, desk, node, 5);
});

t.test("proofs out of order wait for the one that is missing, and lose nothing", async (t) => {
  const random = makeSeededRandom(printedSeed(t));
  for (const inOneBurst of [true, false]) {
    const desk = makeDesk(t, ed25519);
    const node = desk.join();
    const view = desk.openIntake();
    const proofs = proveMany(desk, node, 12);
    const accepted = (): number => desk.ledger.nodes.stateOf(node.key.publicKey)?.head?.seq ?? 0;
    for (let round = 0; accepted() < proofs.length; round++) {
      t.ok(round < 100, "each round brings at least the next one");
      const from = accepted();
      const late = shuffle(proofs.slice(from), random);
      const answers = inOneBurst ? await view.take(node, ...envelopesOf(late)) : await oneByOne(view, node, late);
      for (const { head } of answers.filter(({ status }) => status === "gap")) {
        t.ok((head?.seq ?? 0) >= from && (head?.seq ?? 0) < proofs.length, "a gap names where the chain stands");
      }
      await desk.clock.advance(1_000);
    }
    checkBooks(t, desk, node, proofs.length);
  }
});

t.test("two proofs for one place: the second is evidence, and both stay on record", async (t) => {
  const desk = makeDesk(t, ed25519);
  const node = desk.join();
  const { take } = desk.openIntake();
  const [one, two] = [desk.assign(node, MEASURE), desk.assign(node, GET)];
  const lie = node.sign(desk.answerTo(two));
  const truth = node.prove(desk.answerTo(one));
  t.match(await take(node, truth.envelope), [{ status: "accepted" }]);
  const balance = desk.ledger.accounts.total(node.key.publicKey);
  for (const _ of [1, 2])
    t.match(await take(node, lie.envelope), [{ status: "refused", reason: "equivocation", hash: lie.hash }]);
  t.equal(desk.ledger.accounts.total(node.key.publicKey), balance);
  const evidence = [...desk.ledger.records.all()].map(decodeRecord).filter(({ type }) => type === "equivocation");
  t.match(evidence, [{ envelope: lie.envelope }], "recorded once");
  const next = node.prove(desk.answerTo(desk.assign(node, MEASURE)));
  t.match(await take(node, next.envelope), [{ status: "accepted" }], "the chain goes on after the first");
  t.strictSame(auditLedger(desk.ledger).problems, []);
});

t.test("two intakes on one ledger share the stream, each proof going to whichever", async (t) => {
  const random = makeSeededRandom(printedSeed(t));
  const desk = makeDesk(t, ed25519);
  const node = desk.join();
  const views = [desk.openIntake(), desk.openIntake(desk.open())];
  const proofs = proveMany(desk, node, 40);
  const head = (): number => desk.ledger.nodes.stateOf(node.key.publicKey)?.head?.seq ?? 0;
  for (let round = 0; head() < proofs.length; round++) {
    t.ok(round < 200);
    await Promise.all(
      proofs.slice(head(), head() + 8).map(({ envelope }) => {
        const view = views[random.fraction() < 0.5 ? 0 : 1] as IntakeView;
        return view.intake.take(node.sender, envelope, desk.clock.wallMs());
      }),
    );
    await settled();
    await desk.clock.advance(1_000);
  }
  checkBooks(t, desk, node, proofs.length);
});

t.test("a full disk: nothing is answered that is not on it, and it is said; where there is room, all is taken", async (t) => {
  const desk = makeDesk(t, ed25519, { maxPages: 60 });
  const node = desk.join();
  const view = desk.openIntake();
  const proofs: Signed<Proof>[] = [];
  await t.rejects(async () => {
    for (;;) {
      proofs.push(...proveMany(desk, node, 1));
      const answers = await view.take(node, ...envelopesOf(proofs.slice(-1)));
      if (answers.length === 0) throw new Error("no answer");
    }
  });
  t.ok(view.events.some(({ type }) => type === "trouble"));
  t.strictSame(auditLedger(desk.ledger).problems, []);
  const roomier = desk.openIntake(desk.open());
  await roomier.take(node, ...envelopesOf(proofs));
  checkBooks(t, desk, node, proofs.length);
});

t.test("a node that lies without end is answered, and fills no disk", async (t) => {
  const desk = makeDesk(t, ed25519);
  const node = desk.join();
  const { take } = desk.openIntake();
  const lies = Array.from({ length: MAX_REFUSED_RECORDS_PER_HOUR + 20 }, () =>
    node.prove(desk.answerTo(desk.assign(node, MEASURE), { assignment: new Uint8Array(16) })),
  );
  const receipts = await take(node, ...envelopesOf(lies));
  const refused = receipts.filter(({ status }) => status === "refused");
  t.equal(countOf(refused), lies.length, "each is answered");
  const recorded = [...desk.ledger.records.all()].map(decodeRecord).filter(({ type }) => type === "refused-proof");
  t.equal(recorded.length, MAX_REFUSED_RECORDS_PER_HOUR);
  t.strictSame(auditLedger(desk.ledger).problems, []);
});

t.test("a record bears the time at which its proof came, whatever was recorded while it waited for its batch", async (t) => {
  const desk = makeDesk(t, ed25519);
  const node = desk.join();
  const view = desk.openIntake();
  const [proof] = envelopesOf(proveMany(desk, node, 1));
  const cameMs = desk.clock.wallMs();
  const taken = view.intake.take(node.sender, proof as Uint8Array, cameMs);
  const { key } = node;
  const presence = { type: "presence", atMs: cameMs + 5, node: key.publicKey, durationMs: 1_000, tier: "Normal" } as const;
  desk.ledger.transaction(() => desk.ledger.records.append(presence));
  await taken;
  const times = [...desk.ledger.records.all()].slice(-2).map(({ type, atMs }) => [type, atMs]);
  t.strictSame(times, [
    ["presence", cameMs + 5],
    ["proof", cameMs],
  ]);
  t.match(view.receipts, [{ receivedAtMs: cameMs }], "and so does its receipt");
  t.strictSame(auditLedger(desk.ledger).problems, []);
});

t.test("what waits when it closes is dealt with, and nothing comes in after", async (t) => {
  const desk = makeDesk(t, ed25519);
  const node = desk.join();
  const view = desk.openIntake();
  const [first, second] = envelopesOf(proveMany(desk, node, 2));
  const taken = view.intake.take(node.sender, first as Uint8Array, desk.clock.wallMs());
  view.intake.close();
  await taken;
  t.match(view.receipts, [{ status: "accepted" }]);
  await view.intake.take(node.sender, second as Uint8Array, desk.clock.wallMs());
  t.equal(view.receipts.length, 1);
});

async function oneByOne(view: IntakeView, node: ModelNode, proofs: readonly Signed<Proof>[]): Promise<Receipt[]> {
  const answers: Receipt[] = [];
  for (const { envelope } of proofs) answers.push(...(await view.take(node, envelope)));
  return answers;
}

function countOf(receipts: readonly Receipt[]): number {
  return receipts.reduce((sum, { fromSeq = 0, toSeq = 0 }) => sum + toSeq - fromSeq + 1, 0);
}

function shuffle<Item>(items: readonly Item[], random: Random): Item[] {
  return items
    .map((item) => ({ item, order: random.fraction() }))
    .sort((left, right) => left.order - right.order)
    .map(({ item }) => item);
}
