/*
 * Orders (`bonusnode assign`): each is carried out once, on the node that it names or on one that can take it, whatever happens in between,
 * or is told why it cannot be.
 */
import t from "tap";
import { sha256 } from "../../../base/index.ts";
import { loadEd25519 } from "../../../protocol/index.ts";
import { makeOffice, ready } from "../../sim/bookkeeper-office.ts";

const { ed25519 } = await loadEd25519();

const PLAN =
  'version = 1\n[[items]]\nname = "rare"\nevery = "30d"\nmin_tier = "Super"\nmeasure = { method = "dns", targets = ["a.example"] }\n';
const MEASURE = 'measure = { method = "tcp", targets = ["b.example:443"] }';

/** An office with an order that waits, and nodes too small for its plan. */
function makeOrders(t: Parameters<typeof makeOffice>[0]) {
  const office = makeOffice(t, ed25519, PLAN);
  let count = 0;
  const order = (toml: string) => {
    count += 1;
    const id = new Uint8Array(16).fill(count);
    office.ledger.orders.add(id, toml, "o.toml");
    return () => office.ledger.orders.get(id);
  };
  return { ...office, order };
}

t.test("an order is issued once, also over a restart", async (t) => {
  const office = makeOrders(t);
  const [node, other] = [office.desk.join(), office.desk.join()];
  const read = office.order(`${MEASURE}\nexpires = "1s"\nmax_attempts = 2`);
  await office.tick([]);
  t.strictSame(Object.keys(read() ?? {}), ["id", "toml", "fileName"], "it waits while nobody is there");
  const nodes = [ready(node, { tier: "Lite" }), ready(other, { tier: "Lite" })];
  await office.run(nodes, 10_000);
  office.restart();
  await office.run(nodes, 600_000, 5_000);
  t.match(office.sent, [{ to: node.key.id, kind: "measure", spec: { targets: ["b.example:443"] }, maxAttempts: 2 }]);
  t.equal(office.sent.length, 1);
  t.strictSame(read()?.assignment, office.sent[0]?.id);
  t.equal(office.ledger.assignments.get(office.sent[0]?.id ?? new Uint8Array())?.item, "order");
});

t.test("an order goes to the node that it names, and else to the first that can take it", async (t) => {
  const office = makeOrders(t);
  const [small, large] = [office.desk.join(), office.desk.join()];
  const nodes = [ready(small, { tier: "Lite", kinds: ["measure"] }), ready(large, { tier: "Normal" })];
  office.order(`node = "${large.key.id}"\n${MEASURE}`);
  office.order(`min_tier = "Normal"\n${MEASURE}`);
  office.order('store = { size = "1B" }');
  office.order(MEASURE);
  const waiting = [
    office.order(`node = "${office.desk.stranger().key.id}"\n${MEASURE}`),
    office.order(`min_tier = "Super"\n${MEASURE}`),
  ];
  await office.tick(nodes);
  t.strictSame(
    office.sent.map(({ to }) => to),
    [large, large, large, small].map(({ key }) => key.id),
  );
  for (const read of waiting) t.strictSame([read()?.assignment, read()?.problem], [undefined, undefined]);
});

t.test("an order that cannot be carried out says why, and keeps no other one back", async (t) => {
  const office = makeOrders(t);
  const node = office.desk.join();
  const reads = [
    office.order("nonsense"),
    office.order(`node = "${node.key.id.slice(0, -1)}x"\n${MEASURE}`),
    office.order('store = { file = "f.bin" }'),
    office.order('store = { size = "1MiB" }'),
    office.order('compute = { module = "m.wasm" }'),
  ];
  const good = office.order(MEASURE);
  await office.run([ready(node, { tier: "Lite" })], 5_000, 1_000);
  t.match(
    reads.map((read) => read()?.problem),
    [/^o\.toml:1: not TOML/, /checksum|bech32|id/i, /^f\.bin: no such file/, /do not fit .*\[blobs\]/, /^m\.wasm: no such file/],
  );
  t.ok(good()?.assignment);
  t.strictSame([office.sent.length, office.problems], [1, []], "what is wrong with an order is the order's");
  for (const [index, read] of reads.entries()) t.equal(read()?.assignment, undefined, `${index}`);
});

t.test("an order for a job waits until its node has the module", async (t) => {
  const office = makeOrders(t);
  const node = office.desk.join();
  const module = Buffer.from("a module");
  office.files.set("m.wasm", module);
  const read = office.order('compute = { module = "m.wasm" }');
  const nodes = [ready(node, { tier: "Lite" })];
  await office.run(nodes, 3_000);
  const [put, ...rest] = office.take();
  t.match(put, { kind: "store", spec: { op: "put", blob: sha256(module) } });
  t.strictSame([rest, read()?.assignment], [[], undefined]);
  if (put !== undefined) await office.prove(node, put);
  await office.run(nodes, 3_000);
  t.match(office.sent, [{ kind: "compute", spec: { module: sha256(module) } }]);
  t.strictSame([office.sent.length, read()?.assignment], [1, office.sent[0]?.id]);
});

t.test("two bookkeepers at one ledger issue an order once", async (t) => {
  const office = makeOrders(t);
  const nodes = [ready(office.desk.join(), { tier: "Lite" })];
  office.files.set("f.bin", Buffer.from("content"));
  const read = office.order('store = { file = "f.bin" }');
  const other = office.open(office.desk.open());
  office.onRead.push(() => office.takeOrders(nodes, other.planner));
  await office.tick(nodes);
  await office.takeOrders(nodes, other.planner);
  t.equal(office.sent.length, 1, "the other one was first, while this one read the file");
  t.strictSame(read()?.assignment, office.sent[0]?.id);
  t.equal(office.ledger.assignments.openCount(nodes[0]?.key ?? new Uint8Array()), 1, "nothing else was journaled");
  t.match(office.problems, [/^order (01)+: .*an order is issued once/]);
});
