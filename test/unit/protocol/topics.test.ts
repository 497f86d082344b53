/**
 * A topic says whose message it is before anything is verified, and access lists are written over it. Topics are written and read back, and
 * everything that is nearly one is refused.
 */
import fc from "fast-check";
import { test } from "tap";
import { beaconTopic, NODE_CHANNELS, NODE_WRITES, nodeTopic, parseTopic } from "../../../protocol/index.ts";
import { KEYS } from "../../fixtures/protocol/sample-keys.ts";
import { printedSeed } from "../../sim/printed-seed.ts";

const { id } = KEYS.node;

test("topics say what PROTOCOL.md says, with at most seven slashes", (t) => {
  t.equal(nodeTopic("main", id, "pow"), `bn/1/main/w/${id}/pow`);
  t.equal(nodeTopic("main", "+", "desc"), "bn/1/main/w/+/desc");
  t.equal(beaconTopic("main", id), `bn/1/main/bk/${id}/beacon`);
  t.equal(beaconTopic("main", "+"), "bn/1/main/bk/+/beacon");
  for (const topic of [...NODE_CHANNELS.map((channel) => nodeTopic("main", id, channel)), beaconTopic("main", id)])
    t.ok(topic.split("/").length <= 8, topic);
  t.same([...NODE_WRITES], ["desc", "state", "pow"], "and a node writes these three");
  t.end();
});

test("what is written is read back", (t) => {
  for (const network of ["main", "a", "0", "test-net.2", "x".repeat(63)]) {
    for (const channel of NODE_CHANNELS)
      t.same(parseTopic(nodeTopic(network, id, channel)), { kind: "node", network, nodeId: id, channel });
    t.same(parseTopic(beaconTopic(network, id)), { kind: "beacon", network, bookkeeperId: id });
  }
  t.end();
});

test("everything else is not of this protocol", (t) => {
  const others = [
    "",
    "/",
    "bn",
    "bn/1",
    "bn/1/main",
    "bn/1/main/w",
    `bn/1/main/w/${id}`,
    `bn/1/main/w/${id}/`,
    `bn/1/main/w/${id}/pow/`,
    `bn/1/main/w/${id}/pow/more`,
    `/bn/1/main/w/${id}/pow`,
    `bn/2/main/w/${id}/pow`,
    `bn//main/w/${id}/pow`,
    `xn/1/main/w/${id}/pow`,
    `bn/1/Main/w/${id}/pow`,
    `bn/1//w/${id}/pow`,
    `bn/1/-main/w/${id}/pow`,
    `bn/1/ma in/w/${id}/pow`,
    `bn/1/${"x".repeat(64)}/w/${id}/pow`,
    `bn/1/main\n/w/${id}/pow`,
    `bn/1/main/x/${id}/pow`,
    `bn/1/main/w/${id}/beacon`,
    `bn/1/main/w/${id}/POW`,
    `bn/1/main/w/${id}/toString`,
    `bn/1/main/w/${id}/__proto__`,
    `bn/1/main/bk/${id}/pow`,
    `bn/1/main/bk/${id}/beacon/x`,
    "bn/1/main/w//pow",
    "bn/1/main/bk//beacon",
    `$share/group/bn/1/main/w/${id}/pow`,
    "$SYS/broker/version",
  ];
  for (const topic of others) t.equal(parseTopic(topic), undefined, JSON.stringify(topic));
  t.end();
});

test("any text is read without harm, and only what would be written so is a topic", (t) => {
  const part = fc.oneof(
    fc.constantFrom("bn", "1", "main", "w", "bk", id, "pow", "beacon", "", "+", "#"),
    fc.string({ unit: "binary" }),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 9 }), (parts) => {
      const topic = parts.join("/");
      const parsed = parseTopic(topic);
      if (parsed === undefined) return true;
      const written =
        parsed.kind === "node"
          ? nodeTopic(parsed.network, parsed.nodeId, parsed.channel)
          : beaconTopic(parsed.network, parsed.bookkeeperId);
      return written === topic;
    }),
    { numRuns: 2_000, seed: printedSeed(t) },
  );
  t.pass("none was misread");
  t.end();
});
