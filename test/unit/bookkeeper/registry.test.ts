/*
 * The register of nodes: a descriptor counts only when it is the node's own, for this network, and not an old one that came back; each that
 * could be the node's is answered with where its chain stands, because a node signs nothing before it heard that.
 */
import t, { type Test } from "tap";
import { makeSeededRandom } from "../../../base/index.ts";
import type { BookkeeperEvent } from "../../../bookkeeper/events.ts";
import { makeDescriptors } from "../../../bookkeeper/intake/descriptors.ts";
import { makeRegistry } from "../../../bookkeeper/intake/registry.ts";
import { auditLedger } from "../../../bookkeeper/ledger/audit.ts";
import { decodeRecord } from "../../../bookkeeper/ledger/records.ts";
import { MAX_DESCRIPTORS_PER_HOUR, PRESENCE_GAP_MS } from "../../../bookkeeper/limits.ts";
import {
  type Descriptor,
  descriptorMessage,
  loadEd25519,
  nodeTopic,
  type Receipt,
  receiptMessage,
} from "../../../protocol/index.ts";
import { makeDesk } from "../../sim/bookkeeper-desk.ts";
import { type ModelNode, NETWORK, type Signed } from "../../sim/bookkeeper-node.ts";
import { MEASURE } from "../../sim/bookkeeper-work.ts";
import { printedSeed } from "../../sim/printed-seed.ts";

const { ed25519 } = await loadEd25519();

/** A desk with a register of nodes, and what that said. */
function makeCounter(t: Test) {
  const desk = makeDesk(t, ed25519);
  const { ledger, key, clock } = desk;
  const events: BookkeeperEvent[] = [];
  const disbelieved: string[] = [];
  const receipts: Receipt[] = [];
  const publish = (topic: string, payload: Uint8Array): void => {
    const opened = receiptMessage.open(payload, NETWORK, () => key.publicKey, ed25519);
    if (!opened.ok) throw opened.error;
    receipts.push(opened.value.body);
    topics.push(topic);
  };
  const topics: string[] = [];
  const descriptors = makeDescriptors(ledger);
  const disbelieve = (topic: string, reason: string): void => {
    disbelieved.push(reason);
    topics.push(topic);
  };
  const registry = makeRegistry(
    {
      ...{ ledger, key, ed25519, clock, descriptors, publish, disbelieve },
      judge: ({ tier }) => ({ tier, reasons: [] }),
      emit: (event) => events.push(event),
    },
    NETWORK,
  );
  return {
    ...{ desk, ledger, events, disbelieved, receipts, topics },
    /** A message on the node's descriptor topic; answers what is said to that. */
    take: (node: ModelNode, payload: Uint8Array): Receipt | string | undefined => {
      const [answered, doubted] = [receipts.length, disbelieved.length];
      registry.onDescriptor(node.sender, payload);
      return receipts.slice(answered)[0] ?? disbelieved.slice(doubted)[0];
    },
    /** A descriptor that cites the beacon of now. */
    describe: (node: ModelNode, more: Partial<Descriptor> = {}): Signed<Descriptor> =>
      node.describe({ nonce: desk.beat().hash, ...more }),
    /** The tier that the node counts as. */
    tierOf: (node: ModelNode): string | undefined => {
      const state = ledger.nodes.stateOf(node.key.publicKey);
      return state === undefined ? undefined : descriptors.of(node.key.publicKey, state).tier;
    },
  };
}

t.test("a node is registered once for each descriptor, and answered each time", async (t) => {
  const { desk, ledger, take, describe, events, topics, tierOf } = makeCounter(t);
  const node = desk.stranger();
  const { envelope, hash } = describe(node);
  const { height } = ledger.records.tip();
  const receipt = { subject: "descriptor", status: "accepted", node: node.key.publicKey, hash, issuer: desk.key.publicKey };
  for (let time = 0; time < 3; time++) {
    const answer = take(node, envelope);
    t.match(answer, receipt);
    t.notOk(Object.keys(answer ?? {}).includes("head"), "it has no chain");
  }
  t.equal(ledger.records.tip().height, height + 1);
  t.match([...ledger.records.all()].map(decodeRecord).at(-1), { type: "node", node: node.key.publicKey, envelope });
  t.match(events, [{ type: "registered", node: node.key.id, tier: "Normal", board: "generic-pc" }]);
  t.equal(events.length, 1);
  t.strictSame([...new Set(topics)], [nodeTopic(NETWORK, node.key.id, "rcpt")]);
  node.wait(1);
  t.match(take(node, describe(node, { tier: "Lite" }).envelope), { status: "accepted" });
  t.strictSame([ledger.records.tip().height, events.length, tierOf(node)], [height + 2, 2, "Lite"], "a change is another one");
  t.strictSame(auditLedger(ledger).problems, []);
});

t.test("a node that comes back hears where its chain ends, also over its restart and this one's", async (t) => {
  const { desk, take, describe } = makeCounter(t);
  const node = desk.stranger();
  take(node, describe(node).envelope);
  const { take: prove } = desk.openIntake();
  const proofs = [1, 2, 3].map(() => node.prove(desk.answerTo(desk.assign(node, MEASURE))));
  await prove(node, ...proofs.map(({ envelope }) => envelope));
  const head = { bootCount: 1, seq: 3, hash: proofs.at(-1)?.hash };
  node.reboot();
  t.match(take(node, describe(node).envelope), { status: "accepted", head });
  // One that lost all it knew.
  node.reboot(1);
  t.match(take(node, describe(node).envelope), { status: "accepted", head });
  const other = desk.stranger();
  t.notOk(Object.keys(take(other, describe(other).envelope) ?? {}).includes("head"), "nobody else does");
});

t.test("what is not the node's own word for this network is not believed, not answered and not kept", async (t) => {
  const { desk, ledger, take, describe, events, receipts, disbelieved, topics, tierOf } = makeCounter(t);
  const [node, thief] = [desk.stranger(), desk.stranger()];
  take(node, describe(node).envelope);
  node.wait(10);
  const better = describe(node, { tier: "Super" });
  const random = makeSeededRandom(printedSeed(t));
  const flipped = Array.from({ length: 300 }, () => {
    const bytes = new Uint8Array(better.envelope);
    const at = Math.floor(random.fraction() * bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random.fraction() * 8));
    return bytes;
  });
  const forged: Readonly<Record<string, readonly Uint8Array[]>> = {
    "another node's own": [describe(thief).envelope],
    "in its name, signed by another": [descriptorMessage.seal(better.body, NETWORK, thief.key)],
    "signed by it in another's name": [
      descriptorMessage.seal({ ...better.body, issuer: thief.key.publicKey }, NETWORK, node.key),
    ],
    "for another network": [descriptorMessage.seal(better.body, "other", node.key)],
    "another kind of message": [node.state().envelope, node.refuse({ reason: "busy" })],
    "one bit another": flipped,
    cut: Array.from({ length: better.envelope.length }, (_, length) => better.envelope.subarray(0, length)),
    "nothing like it": [random.bytes(500), Buffer.from("{}")],
  };
  const { height } = ledger.records.tip();
  const [answered, registered] = [receipts.length, events.length];
  for (const [what, payloads] of Object.entries(forged)) {
    const before = disbelieved.length;
    for (const payload of payloads) take(node, payload);
    t.equal(disbelieved.length - before, payloads.length, `${what}: told of`);
  }
  t.strictSame([receipts.length, events.length, ledger.records.tip().height], [answered, registered, height]);
  t.equal(topics.at(-1), nodeTopic(NETWORK, node.key.id, "desc"));
  t.equal(tierOf(node), "Normal");
  t.equal(tierOf(thief), undefined);
  t.match(take(node, better.envelope), { status: "accepted", hash: better.hash }, "the true one is believed all the same");
  t.equal(tierOf(node), "Super");
});

t.test("an old descriptor that comes back does not count, but its node hears where its chain stands", async (t) => {
  const { desk, ledger, take, describe, disbelieved, tierOf } = makeCounter(t);
  const node = desk.stranger();
  const old = [describe(node, { tier: "Super" })];
  take(node, old[0]?.envelope ?? new Uint8Array());
  node.wait(5);
  old.push(describe(node, { tier: "Super" }));
  take(node, old[1]?.envelope ?? new Uint8Array());
  for (const bootCount of [7, 8]) {
    node.reboot(bootCount);
    old.push(describe(node, { tier: "Super" }));
    take(node, old.at(-1)?.envelope ?? new Uint8Array());
  }
  const replayAll = (when: string): void => {
    const { height } = ledger.records.tip();
    for (const { envelope, hash } of old) {
      const before = disbelieved.length;
      t.match(take(node, envelope), { status: "accepted", hash }, "answered");
      t.strictSame(disbelieved.slice(before), ["outdated"], when);
    }
    t.strictSame([ledger.records.tip().height, tierOf(node)], [height, "Lite"], when);
  };
  node.reboot();
  take(node, describe(node, { tier: "Lite" }).envelope);
  replayAll("just after it started again, while their beacons are fresh");
  await desk.clock.advance(PRESENCE_GAP_MS + 1);
  replayAll("later");
  // Its count begins again: those from before have a higher one.
  node.reboot(1);
  const lost = describe(node, { tier: "Lite", board: "other" });
  t.match(take(node, lost.envelope), { hash: lost.hash });
  replayAll("after it lost its state");
  await desk.clock.advance(PRESENCE_GAP_MS + 1);
  replayAll("and long after that");
});

t.test("a node without a state is known by the beacon that it cites, and only by that", async (t) => {
  const { desk, take, describe, disbelieved, tierOf } = makeCounter(t);
  const node = desk.stranger();
  node.reboot(9);
  take(node, node.describe().envelope);
  node.reboot(1);
  take(node, node.describe({ tier: "Lite" }).envelope);
  take(node, node.describe({ tier: "Lite", nonce: new Uint8Array(32).fill(1) }).envelope);
  const stale = describe(node, { tier: "Lite" });
  await desk.clock.advance(PRESENCE_GAP_MS + 1);
  take(node, stale.envelope);
  t.strictSame([tierOf(node), disbelieved], ["Normal", ["outdated", "outdated", "outdated"]]);
  take(node, describe(node, { tier: "Lite" }).envelope);
  t.equal(tierOf(node), "Lite");
});

t.test("a node that presents itself without end is not listened to for a while; others are", async (t) => {
  const { desk, ledger, take, describe, disbelieved } = makeCounter(t);
  const [node, other] = [desk.stranger(), desk.stranger()];
  const { height } = ledger.records.tip();
  let latest = describe(node);
  for (let count = 0; count < MAX_DESCRIPTORS_PER_HOUR + 20; count++) {
    node.wait(1);
    latest = node.describe();
    take(node, latest.envelope);
  }
  t.equal(ledger.records.tip().height, height + MAX_DESCRIPTORS_PER_HOUR);
  t.strictSame([disbelieved.length, [...new Set(disbelieved)]], [20, ["too-many"]]);
  t.equal(take(node, latest.envelope), "too-many");
  t.match(take(other, describe(other).envelope), { status: "accepted" });
  await desk.clock.advance(3_600_000);
  t.match(take(node, latest.envelope), { status: "accepted", hash: latest.hash });
});
