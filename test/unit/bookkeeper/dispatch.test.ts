/*
 * Dispatch: who is given what of the plan, how often, and how often it is said again. Nodes here are silent unless a test lets them answer,
 * time passes in the bookkeeper's own steps, and each command is read off the wire.
 */
import t from "tap";
import { bytesEqual, sha256, toHex } from "../../../base/index.ts";
import { ASK_AGAIN_MS, MAX_OPEN_PER_NODE, RESEND } from "../../../bookkeeper/limits.ts";
import { loadEd25519, MAX_INLINE_BYTES, type Tier } from "../../../protocol/index.ts";
import type { ModelNode } from "../../sim/bookkeeper-node.ts";
import { makeOffice, ready, type SentCommand } from "../../sim/bookkeeper-office.ts";

const { ed25519 } = await loadEd25519();

const measure = (name: string, more = 'every = "10m"'): string =>
  `[[items]]\nname = "${name}"\n${more}\nmeasure = { method = "tcp", targets = ["${name}.example:443"] }\n`;
const planOf = (...items: readonly string[]): string => `version = 1\n${items.join("")}`;
const COMPUTE = '[[items]]\nname = "primes"\nevery = "30m"\ncompute = { module = "m.wasm", args = ["7"] }\n';

const targetsTo = (node: ModelNode, sent: readonly SentCommand[]): unknown[] =>
  sent.filter(({ to }) => to === node.key.id).flatMap(({ spec }) => spec["targets"]);
const opOf = ({ kind, spec }: SentCommand): unknown => spec["op"] ?? kind;

t.test("an item goes to nodes of its tier and better that take its kind, and to no others", async (t) => {
  const office = makeOffice(
    t,
    ed25519,
    planOf(
      measure("all"),
      measure("some", 'every = "1h"\nmin_tier = "Normal"'),
      measure("few", 'every = "1h"\nmin_tier = "Super"'),
    ),
  );
  const tiers: readonly Tier[] = ["Lite", "Normal", "Super"];
  const nodes = tiers.map((tier) => ({ tier, node: office.desk.join() }));
  const idle = office.desk.join();
  await office.tick([...nodes.map(({ node, tier }) => ready(node, { tier })), ready(idle, { kinds: ["store", "compute"] })]);
  t.strictSame(
    nodes.map(({ node }) => targetsTo(node, office.sent).length),
    [1, 2, 3],
  );
  t.strictSame(targetsTo(idle, office.sent), []);
  t.strictSame(targetsTo(nodes[1]?.node as ModelNode, office.sent), ["all.example:443", "some.example:443"]);
});

t.test("an item comes every so often on each node by itself, also over a restart", async (t) => {
  const office = makeOffice(t, ed25519, planOf(measure("reach", 'every = "10m"\nexpires = "1s"')));
  const [early, late] = [office.desk.join(), office.desk.join()];
  await office.run([ready(early)], 240_000, 1_000);
  await office.run([ready(early), ready(late)], 1_000_000, 1_000);
  office.restart();
  await office.run([ready(early), ready(late)], 600_000, 1_000);
  const times = (node: ModelNode) => office.sent.filter(({ to }) => to === node.key.id).map(({ atMs }) => atMs / 1_000);
  t.strictSame(times(early), [1, 601, 1_201, 1_801]);
  t.strictSame(times(late), [241, 841, 1_441]);
});

t.test("a node has so many assignments open at most, counted for itself; an answer makes room", async (t) => {
  const names = Array.from({ length: MAX_OPEN_PER_NODE + 6 }, (_, index) => `n${index}`);
  const office = makeOffice(t, ed25519, planOf(...names.map((name) => measure(name, 'every = "1h"\nexpires = "1h"'))));
  const [node, other] = [office.desk.join(), office.desk.join()];
  await office.tick([ready(node)]);
  await office.tick([ready(node), ready(other)]);
  t.equal(targetsTo(node, office.sent).length, MAX_OPEN_PER_NODE);
  t.equal(targetsTo(other, office.sent).length, MAX_OPEN_PER_NODE);
  office.desk.ledger.orders.add(new Uint8Array(16), `node = "${node.key.id}"\nstore = { size = "1B" }`, "o.toml");
  await office.tick([ready(node)]);
  t.equal(office.ledger.orders.waiting().length, 1, "an order waits for room, too");
  const [first, second] = office.take();
  if (first === undefined || second === undefined) throw new Error("nothing was sent");
  for (const { id } of [first, second]) office.ledger.assignments.close(id, "refused", "busy");
  await office.tick([ready(node)]);
  t.strictSame(office.take().map(opOf), ["put", "measure"], "the order first");
  t.equal(office.ledger.assignments.openCount(node.key.publicKey), MAX_OPEN_PER_NODE);
});

t.test("an unanswered assignment is sent again after waits that double, the same to the byte, until it expires", async (t) => {
  const office = makeOffice(t, ed25519, planOf(measure("reach", 'every = "1d"\nexpires = "10m"')));
  const node = office.desk.join();
  await office.run([ready(node)], 610_000);
  const firstMs = office.sent[0]?.atMs ?? 0;
  t.strictSame(
    office.sent.map(({ atMs }) => (atMs - firstMs) / 1_000),
    [0, 5, 15, 35, 75, 155, 275, 395, 515],
    "doubling, up to two minutes",
  );
  t.equal(RESEND.baseMs * 2 ** 5 > RESEND.capMs, true);
  const [first, ...rest] = office.sent;
  t.ok(first !== undefined && rest.every(({ envelope }) => bytesEqual(envelope, first.envelope)));
  t.match(office.ledger.assignments.get(first?.id ?? new Uint8Array()), { state: "expired", sends: 9 });
  t.equal(office.ledger.assignments.openCount(node.key.publicKey), 0, "and takes up no place from then on");
});

t.test("nothing is sent again to a node that is away, nor what was answered", async (t) => {
  const office = makeOffice(
    t,
    ed25519,
    planOf(measure("one", 'every = "1d"\nexpires = "1h"'), measure("two", 'every = "1d"\nexpires = "1h"')),
  );
  const node = office.desk.join();
  await office.tick([ready(node)]);
  const [one, two] = office.take();
  if (one === undefined || two === undefined) throw new Error("nothing was sent");
  office.absent.add(toHex(node.key.publicKey));
  await office.run([], 600_000);
  t.strictSame(office.take(), []);
  office.ledger.assignments.close(one.id, "refused", "busy");
  office.absent.clear();
  await office.run([], RESEND.baseMs);
  t.strictSame(
    office.take().map(({ id }) => id),
    [two.id],
    "back again, it is told at once, as if for the second time",
  );
  await office.run([], 2 * RESEND.baseMs);
  t.strictSame(
    office.take().map(({ id }) => id),
    [two.id],
  );
  await office.run([], 3_600_000, 5_000);
  t.equal(office.ledger.assignments.get(two.id)?.state, "expired");
  office.take();
  await office.run([], 600_000, 5_000);
  t.strictSame(office.take(), [], "what is closed stays closed");
});

t.test("a node has to take a module before it is given work for it; what it refuses is asked again after a while", async (t) => {
  const office = makeOffice(t, ed25519, planOf(COMPUTE, COMPUTE.replace("primes", "again").replace('"7"', '"8"')));
  const node = office.desk.join();
  const module = Buffer.from("a module");
  office.files.set("m.wasm", module);
  await office.tick([ready(node)]);
  const [put, ...more] = office.take();
  t.match(put, { kind: "store", spec: { op: "put", size: module.length, inline: new Uint8Array(module) } });
  t.strictSame(more, [], "once for both items, and no work yet");
  await office.run([ready(node)], 4_000);
  t.strictSame(office.take(), [], "it is on its way");
  office.ledger.assignments.close(put?.id ?? module, "refused", "busy");
  await office.run([ready(node)], ASK_AGAIN_MS - 4_500);
  t.strictSame(office.take(), [], "not at each look");
  await office.run([ready(node)], 1_000);
  const [again, ...others] = office.take();
  t.match(again, { spec: { op: "put" } });
  t.notSame(again?.id, put?.id);
  t.strictSame(others, []);
  await office.run([ready(node)], 2 * ASK_AGAIN_MS);
  t.strictSame(
    [...new Set(office.take().map(({ id }) => toHex(id)))],
    [toHex(again?.id ?? module)],
    "nor while it is unanswered",
  );
  if (again !== undefined) await office.prove(node, again);
  await office.run([ready(node)], 2_000);
  const work = office.take();
  t.match(work, [
    { kind: "compute", spec: { module: sha256(module), args: ["7"], isolation: "namespaces" } },
    { kind: "compute", spec: { module: sha256(module), args: ["8"], limits: { wallMs: 60_000, cpuMs: 30_000 } } },
  ]);
  t.notSame(work[0]?.spec["seed"], work[1]?.spec["seed"], "each job has a seed of its own");
  const stranger = office.desk.join();
  await office.tick([ready(stranger)]);
  t.strictSame(office.take().map(opOf), ["put"], "another node has to take it for itself");
});

t.test("contents go inside the message where they fit, by URL where not, and else are a trouble of their own item", async (t) => {
  const store = (name: string, what: string): string => `[[items]]\nname = "${name}"\nevery = "1h"\nstore = { ${what} }\n`;
  const plan = planOf(
    store("small", `size = "${MAX_INLINE_BYTES}B"`),
    store("large", `size = "${MAX_INLINE_BYTES + 1}B"`),
    store("file", 'file = "f.bin"'),
    measure("last"),
  );
  const office = makeOffice(t, ed25519, plan);
  const node = office.desk.join();
  await office.tick([ready(node)]);
  t.match(office.problems, [/^item large: 32769 bytes do not fit .*\[blobs\]/, /^item file: f\.bin: no such file/]);
  const [small, last, ...rest] = office.take();
  const inline = small?.spec["inline"] as Uint8Array;
  t.strictSame([inline.length, "url" in (small?.spec ?? {})], [MAX_INLINE_BYTES, false]);
  t.ok(bytesEqual(sha256(inline), small?.spec["blob"] as Uint8Array));
  t.equal(last?.kind, "measure", "what one item lacks keeps no other back");
  t.strictSame(rest, []);

  const serving = makeOffice(t, ed25519, plan, { url: "http://blobs.example" });
  const [first, second] = [serving.desk.join(), serving.desk.join()];
  serving.files.set("f.bin", Buffer.from("content"));
  await serving.tick([ready(first), ready(second)]);
  t.strictSame(serving.problems, []);
  const [small1, large, file, , , large2, file2] = serving.take();
  t.ok("inline" in (small1?.spec ?? {}), "what fits goes inside all the same");
  const blob = large?.spec["blob"] as Uint8Array;
  t.match(large?.spec, { op: "put", size: MAX_INLINE_BYTES + 1, url: `http://blobs.example/${toHex(blob)}` });
  t.notOk("inline" in (large?.spec ?? {}));
  t.ok(serving.contents.has(blob), "it is kept, to be served and to check answers");
  t.notSame(large2?.spec["blob"], blob, "random bytes are new each time");
  t.strictSame(file2?.spec["blob"], file?.spec["blob"]);
});
