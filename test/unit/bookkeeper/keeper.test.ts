/*
 * Looking after blobs on nodes. Challenges come at times that nobody can tell beforehand, with the mean of the plan, and about random ranges;
 * a blob is forgotten after its time, and asked for until the node says that it is gone. Random numbers come from a printed seed.
 */
import { join } from "node:path";
import t from "tap";
import { makeSeededRandom, toHex } from "../../../base/index.ts";
import { makeContents } from "../../../bookkeeper/contents-store.ts";
import type { Issuer } from "../../../bookkeeper/dispatch/issuer.ts";
import { makeKeeper } from "../../../bookkeeper/dispatch/keeper.ts";
import { ASK_AGAIN_MS } from "../../../bookkeeper/limits.ts";
import { parsePlan } from "../../../bookkeeper/plan.ts";
import { loadEd25519 } from "../../../protocol/index.ts";
import { makeDesk } from "../../sim/bookkeeper-desk.ts";
import { makeFastFolder } from "../../sim/bookkeeper-folder.ts";
import { makeOffice, ready, type SentCommand } from "../../sim/bookkeeper-office.ts";
import { printedSeed } from "../../sim/printed-seed.ts";

const { ed25519 } = await loadEd25519();

const KEEP = '[[items]]\nname = "keep"\nevery = "30d"\nmin_tier = "Super"\n';
const planOf = (store: string): string => `version = 1\n${KEEP}store = { size = "64KiB", ${store} }\n`;
const MEASURE = '[[items]]\nname = "reach"\nevery = "30d"\nmeasure = { method = "tcp", targets = ["a.example:443"] }\n';
const opOf = ({ role, spec }: SentCommand): string => `${role} ${spec["op"]}`;

/** Times at which a keeper challenged each of many blobs in a day of ticks, counted from when it began. */
async function challengeForADay(t: Parameters<typeof makeDesk>[0], seed: number): Promise<Map<string, number[]>> {
  const random = makeSeededRandom(seed);
  const { ledger, clock } = makeDesk(t, ed25519);
  const contents = makeContents(join(makeFastFolder(t), "contents"));
  const plan = parsePlan(planOf('keep = "2d", challenge_every = "10m"'), "plan.toml");
  if (!plan.ok) throw new Error(plan.error.join("\n"));
  const node = new Uint8Array(32).fill(1);
  for (let index = 0; index < BLOBS; index++) {
    const blob = await contents.put(Buffer.from(`content ${index}`));
    ledger.transaction(() => ledger.placements.place({ node, blob, size: 10, placedMs: clock.wallMs(), item: "keep" }));
  }
  const times = new Map<string, number[]>();
  const startMs = clock.wallMs();
  const issuer: Issuer = {
    assign: () => {
      throw new Error("nothing else is asked");
    },
    challenge: ({ blob }, item) => {
      if (item !== "keep/challenge") t.fail(item);
      const name = toHex(blob);
      times.set(name, [...(times.get(name) ?? []), clock.wallMs() - startMs]);
      return new Uint8Array(16);
    },
    resend: () => undefined,
  };
  const keeper = makeKeeper({ ledger, issuer, contents, clock, random }, plan.value);
  for (let passed = 0; passed < DAY_MS; passed += TICK_MS) {
    keeper.tend(node, () => false);
    await clock.advance(TICK_MS);
  }
  return times;
}

const BLOBS = 40;
const DAY_MS = 86_400_000;
const TICK_MS = 10_000;
const MEAN_MS = 600_000 + TICK_MS / 2;

t.test("challenges come at random times with the mean of the plan, and how long none came says nothing", async (t) => {
  const times = await challengeForADay(t, printedSeed(t));
  t.equal(times.size, BLOBS);
  const waits = [...times.values()].flatMap((each) => each.map((at, index) => at - (each[index - 1] ?? 0)));
  const mean = waits.reduce((sum, wait) => sum + wait, 0) / waits.length;
  const deviation = Math.sqrt(waits.reduce((sum, wait) => sum + (wait - mean) ** 2, 0) / waits.length);
  t.ok(Math.abs(mean / MEAN_MS - 1) < 0.1, `${waits.length} waits of ${mean} ms on average`);
  t.ok(Math.abs(deviation / mean - 1) < 0.15, `spread like its mean: ${deviation} ms`);
  /** The share of those waits which were longer than `atLeast` that lasted ten minutes more. */
  const shareOfLonger = (atLeast: number): number => {
    const long = waits.filter((wait) => wait > atLeast);
    return long.filter((wait) => wait > atLeast + 600_000).length / long.length;
  };
  for (const atLeast of [0, 300_000, 600_000])
    t.ok(Math.abs(shareOfLonger(atLeast) - Math.exp(-1)) < 0.08, `after ${atLeast} ms: ${shareOfLonger(atLeast)}`);
  const first = [...times.values()].map(([at = 0]) => at);
  t.ok(new Set(first).size > BLOBS / 2, "the first ones come apart, too");
  t.ok(Math.min(...first) < MEAN_MS && Math.max(...first) > MEAN_MS, "and are not put off");
});

t.test("a challenge asks for a random range inside the blob, each with a salt of its own", async (t) => {
  const office = makeOffice(t, ed25519, planOf('keep = "1d"'), { seed: printedSeed(t) });
  const node = office.desk.join();
  const ask = (size: number, times: number) => {
    for (let index = 0; index < times; index++)
      office.issuer.challenge(
        { node: node.key.publicKey, blob: new Uint8Array(32), size, placedMs: 0, claimed: 0n, item: "keep" },
        "c",
      );
    return office
      .take()
      .map(({ spec }) => ({ at: Number(spec["offset"]), length: Number(spec["length"]), salt: spec["salt"] as Uint8Array }));
  };
  const large = ask(1_000_000, 400);
  t.ok(large.every(({ at, length }) => length === 4_096 && at >= 0 && at + length <= 1_000_000));
  const quarters = [0, 1, 2, 3].map((quarter) => large.filter(({ at }) => Math.floor((at * 4) / 995_905) === quarter).length);
  t.ok(
    quarters.every((count) => count > 50),
    `everywhere in it: ${quarters}`,
  );
  t.equal(new Set(large.map(({ salt }) => toHex(salt))).size, large.length);
  const edge = ask(4_097, 64).map(({ at }) => at);
  t.strictSame([...new Set(edge)].sort(), [0, 1], "the last byte is asked for, too");
  t.match(ask(10, 1), [{ at: 0, length: 10 }]);
});

t.test("a blob whose time is over is no longer challenged but forgotten, once its node proves that", async (t) => {
  const office = makeOffice(t, ed25519, planOf('keep = "2h", challenge_every = "10m"'), { seed: printedSeed(t) });
  const node = office.desk.join();
  const blob = await office.placed(node, "keep", Buffer.alloc(5_000, 1));
  const nodes = [ready(node, { tier: "Lite" })];
  const challenged = async (): Promise<void> => {
    await office.run(nodes, 7_000_000, 5_000);
    const sent = office.take();
    t.strictSame([...new Set(sent.map(opOf))], ["challenge prove"]);
    t.ok(sent.every(({ spec, maxAttempts }) => toHex(spec["blob"] as Uint8Array) === toHex(blob) && maxAttempts === undefined));
  };
  await challenged();
  for (;;) {
    await office.run(nodes, 1_000);
    const [forget] = office.take().filter(({ spec }) => spec["op"] === "delete");
    if (forget === undefined) continue;
    t.equal(forget.atMs, 7_200_000, "when its time is over and not before");
    office.ledger.assignments.close(forget.id, "refused", "busy");
    break;
  }
  await office.run(nodes, ASK_AGAIN_MS - 1_500);
  t.strictSame(
    office.take().filter(({ role }) => role === "assignment"),
    [],
    "what it refused is asked again after a while",
  );
  await office.run(nodes, 2_000);
  const [again] = office.take().filter(({ role }) => role === "assignment");
  t.match(again, { kind: "store", spec: { op: "delete", blob }, maxAttempts: 3 });
  t.equal(again?.minTier, "Lite", "also by a node that has come down from the tier that the item is for");
  await office.run(nodes, 2 * ASK_AGAIN_MS, 1_000);
  const ids = new Set(
    office
      .take()
      .filter(({ role }) => role === "assignment")
      .map(({ id }) => toHex(id)),
  );
  t.strictSame([...ids], [toHex(again?.id ?? blob)], "while it is unanswered only the same is said again");
  if (again !== undefined) await office.prove(node, again);
  await office.run(nodes, 3_600_000, 5_000);
  t.strictSame(
    office.take().filter(({ role }) => role === "assignment"),
    [],
  );
  t.equal(office.ledger.placements.get(node.key.publicKey, blob), undefined);
});

t.test("a blob is forgotten as well when its item has left the plan, or when its content is gone here", async (t) => {
  const office = makeOffice(t, ed25519, planOf('keep = "1d"'));
  const [node, other] = [office.desk.join(), office.desk.join()];
  const nodes = [ready(node, { tier: "Lite" }), ready(other, { tier: "Lite" })];
  const gone = await office.placed(other, "keep", Buffer.from("gone"));
  const kept = await office.placed(node, "keep", Buffer.from("kept"));
  await office.tick(nodes);
  t.strictSame(office.take(), []);
  office.contents.remove(gone);
  await office.tick(nodes);
  t.match(office.take(), [{ to: other.key.id, spec: { op: "delete", blob: gone } }]);
  office.restart(`version = 1\n${MEASURE}`);
  await office.tick(nodes);
  const forgets = office.take().filter(({ kind }) => kind === "store");
  t.match(forgets, [{ to: node.key.id, spec: { op: "delete", blob: kept } }]);
  t.equal(forgets.length, 1, "and the other one is not asked twice, over a restart");
});

t.test("modules and what was ordered stay, and are not challenged", async (t) => {
  const office = makeOffice(t, ed25519, `version = 1\n${MEASURE}`);
  const node = office.desk.join();
  await office.placed(node, "module/0123456789abcdef", Buffer.from("a module"));
  await office.placed(node, "order", Buffer.from("an order"));
  await office.run([ready(node, { kinds: [] })], 3 * DAY_MS, 600_000);
  t.strictSame(office.sent, []);
});

t.test("a full node is not challenged, and has its turn when there is room", async (t) => {
  const office = makeOffice(t, ed25519, planOf('keep = "30d", challenge_every = "1s"'), { seed: printedSeed(t) });
  const node = office.desk.join();
  await office.placed(node, "keep", Buffer.from("content"));
  await office.run([ready(node, { kinds: [] })], 60_000);
  const ids = new Set(office.sent.map(({ id }) => toHex(id)));
  t.equal(ids.size, 24, "one a second, and no more than a node may have open");
  office.ledger.assignments.close(office.sent[0]?.id ?? new Uint8Array(), "refused", "busy");
  office.take();
  await office.run([ready(node, { kinds: [] })], 500);
  t.equal(office.take().filter(({ id }) => !ids.has(toHex(id))).length, 1);
});
