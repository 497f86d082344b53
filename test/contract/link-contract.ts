/**
 * What a link owes whoever sends by it, over any broker that lets a node and its bookkeeper in: asked of the embedded broker by
 * link-embedded.test.ts, of a real Mosquitto by hardware-tests, and its part above the wire of the link in memory by link-fake.test.ts.
 */
import { setImmediate as turn } from "node:timers/promises";
import type { Test } from "tap";
import { type Clock, makeSeededRandom, makeSystemClock, makeSystemRandom, silentLog } from "../../base/index.ts";
import { type Link, type LinkHandlers, type LinkOptions, makeMqttLink, type OutgoingMessage } from "../../mqtt/index.ts";
import { MAX_UNTAKEN_MESSAGES, RECONNECT, STEADY_MS } from "../../mqtt/limits.ts";
import { MAX_MESSAGE_BYTES, nodeTopic } from "../../protocol/index.ts";
import { type Line, makeLine } from "./line.ts";
import { type LinkDiary, makeLinkDiary } from "./link-diary.ts";

/** A broker under test, and how the two sides come in. Its access list is that of a BonusNode network. */
export interface LinkBroker {
  readonly protocolVersion: 4 | 5;
  readonly nodeId: string;
  /** The port on loopback, the same after a restart. */
  port(): number;
  login(who: "node" | "bookkeeper", port: number): Pick<LinkOptions, "url" | "username" | "password" | "tls">;
  start(): Promise<void>;
  kill(): Promise<void>;
}

const NETWORK = "contract";

type Needs = Parameters<typeof makeMqttLink>[0];
const SYSTEM: Needs = { clock: makeSystemClock(), random: makeSystemRandom(), log: silentLog };

/** Both sides of a broker, and the line that the node's side goes over. */
interface Field {
  readonly broker: LinkBroker;
  readonly line: Line;
  readonly topics: Readonly<Record<"pow" | "cmd" | "state", string>>;
  /** A link that ends with the test. */
  link(t: Test, who: "node" | "bookkeeper", diary: LinkHandlers, more?: MoreOptions): Link;
}

type MoreOptions = Pick<Partial<LinkOptions>, "will" | "subscriptions"> & { readonly needs?: Needs; readonly direct?: boolean };

/** Runs the whole suite; the broker runs when it is called, and afterwards. */
export async function linkContract(t: Test, broker: LinkBroker): Promise<void> {
  const line = await makeLine(() => broker.port());
  const topics = {
    pow: nodeTopic(NETWORK, broker.nodeId, "pow"),
    cmd: nodeTopic(NETWORK, broker.nodeId, "cmd"),
    state: nodeTopic(NETWORK, broker.nodeId, "state"),
  };
  const hears = {
    node: [topics.cmd],
    bookkeeper: [nodeTopic(NETWORK, "+", "pow"), nodeTopic(NETWORK, "+", "state")],
  };
  const link: Field["link"] = (t, who, diary, { needs = SYSTEM, direct = who === "bookkeeper", ...more } = {}) => {
    const login = broker.login(who, direct ? broker.port() : line.port);
    const made = makeMqttLink(needs, { ...login, clientId: `${who}-1`, subscriptions: hears[who], ...more }, diary);
    t.teardown(() => made.stop());
    return made;
  };
  const field: Field = { broker, line, topics, link };
  await t.test("a connection speaks the newest version that the broker has", (t) => versions(t, field));
  await t.test("a publish is done when the broker says so", (t) => acknowledgements(t, field));
  await t.test("messages of a topic arrive in the order they were sent", (t) => order(t, field));
  await t.test("a broken connection comes back, with its subscriptions", (t) => comesBack(t, field));
  await t.test("a broker that is gone", (t) => brokerGone(t, field));
  await t.test("the waits between attempts", (t) => backoff(t, field));
  await t.test("the last will", (t) => lastWill(t, field));
  await t.test("a receiver that is behind holds the broker back", (t) => behind(t, field));
  await t.test("what is too large is not sent", (t) => tooLarge(t, field));
  await t.test("a stop ends what waits", (t) => stops(t, field));
  await line.close();
}

const message = (topic: string, text: string): OutgoingMessage => ({ topic, payload: Buffer.from(text) });

/** Both sides, connected. */
async function bothUp(t: Test, field: Field, more: MoreOptions = {}): Promise<Record<"node" | "bookkeeper", Side>> {
  const side = async (who: "node" | "bookkeeper"): Promise<Side> => {
    const diary = makeLinkDiary();
    const link = field.link(t, who, diary, who === "node" ? more : {});
    link.start();
    await diary.next("up");
    return { link, diary };
  };
  return { node: await side("node"), bookkeeper: await side("bookkeeper") };
}

interface Side {
  readonly link: Link;
  readonly diary: LinkDiary;
}

async function versions(t: Test, field: Field): Promise<void> {
  const diary = makeLinkDiary();
  const link = field.link(t, "node", diary);
  t.equal(link.isUp, false);
  await t.rejects(link.publish(message(field.topics.pow, "early")), { code: "offline" });
  link.start();
  link.start();
  t.strictSame(await diary.next("up"), { type: "up", protocolVersion: field.broker.protocolVersion });
  t.equal(link.isUp, true);
  await link.stop();
  t.equal(link.isUp, false);
  await t.rejects(link.publish(message(field.topics.pow, "late")), { code: "offline" });
  t.strictSame(diary.events.length, 1, "falling back is no trouble to tell of, nor is a stop");
}

async function acknowledgements(t: Test, field: Field): Promise<void> {
  const { node, bookkeeper } = await bothUp(t, field);
  field.line.hold();
  let isDone = false;
  const first = node.link.publish(message(field.topics.pow, "held")).then(() => {
    isDone = true;
  });
  await bookkeeper.diary.next("message");
  await turn();
  t.equal(isDone, false, "it was delivered already, but nobody told the sender");
  field.line.release();
  await first;
  field.line.hold();
  const second = node.link.publish(message(field.topics.pow, "cut"));
  await bookkeeper.diary.next("message");
  field.line.cut();
  field.line.release();
  await t.rejects(second, { code: "unconfirmed" }, "it did arrive, which the sender cannot know");
}

async function order(t: Test, field: Field): Promise<void> {
  const { node, bookkeeper } = await bothUp(t, field);
  const texts = Array.from({ length: 300 }, (_, index) => `${index}`);
  await Promise.all(texts.map((text) => node.link.publish(message(field.topics.pow, text))));
  for (const _ of texts) await bookkeeper.diary.next("message");
  t.strictSame(bookkeeper.diary.texts(), texts);
}

async function comesBack(t: Test, field: Field): Promise<void> {
  let ahead = 0;
  const clock: Clock = { ...SYSTEM.clock, monotonicMs: () => SYSTEM.clock.monotonicMs() + ahead };
  const { node, bookkeeper } = await bothUp(t, field, { needs: { ...SYSTEM, clock } });
  const waits: number[] = [];
  for (const steadily of [true, true, false, false]) {
    if (steadily) ahead += STEADY_MS;
    field.line.cut();
    const { why, retryInMs } = await node.diary.next("down");
    t.not(why, "");
    waits.push(retryInMs);
    t.equal(node.link.isUp, false);
    await t.rejects(node.link.publish(message(field.topics.pow, "lost")), { code: "offline" });
    t.equal((await node.diary.next("up")).protocolVersion, field.broker.protocolVersion);
    await bookkeeper.link.publish(message(field.topics.cmd, `${waits.length}`));
    t.equal((await node.diary.next("message")).text, `${waits.length}`);
  }
  const [first = 0, second = 0, third = 0, fourth = 0] = waits.map((wait) => wait / RECONNECT.baseMs);
  t.ok(Math.min(first, second) >= 0.5 && Math.max(first, second) <= 1, `one that stood begins anew: ${waits.join()} ms`);
  t.ok(third >= 1 && fourth >= 2, "one that is lost at once is no success");
}

async function brokerGone(t: Test, field: Field): Promise<void> {
  const { node } = await bothUp(t, field, { direct: true });
  await field.broker.kill();
  await node.diary.next("down");
  t.match((await node.diary.next("down")).why, /nothing listens there; is the broker running\? \(ECONNREFUSED\)/);
  await field.broker.start();
  await node.diary.next("up");
  await node.link.publish(message(field.topics.pow, "again"));
}

async function backoff(t: Test, field: Field): Promise<void> {
  const instant: Clock = { ...SYSTEM.clock, sleep: (_durationMs, signal) => turn(undefined, { signal }) };
  const waitsOf = async (seed: number): Promise<readonly number[]> => {
    const diary = makeLinkDiary();
    const needs = { clock: instant, random: makeSeededRandom(seed), log: silentLog };
    const link = field.link(t, "node", diary, { direct: true, needs });
    link.start();
    const waits: number[] = [];
    while (waits.length < 12) waits.push((await diary.next("down")).retryInMs);
    await link.stop();
    return waits;
  };
  await field.broker.kill();
  const waits = await waitsOf(1);
  for (const [attempt, waitMs] of waits.entries()) {
    const ceilingMs = Math.min(RECONNECT.baseMs * 2 ** attempt, RECONNECT.capMs);
    t.ok(waitMs >= ceilingMs / 2 && waitMs <= ceilingMs, `wait ${attempt}: ${waitMs} of ${ceilingMs} ms`);
  }
  t.strictNotSame(await waitsOf(2), waits, "two boxes do not come back together");
  await field.broker.start();
}

async function lastWill(t: Test, field: Field): Promise<void> {
  let wills = 0;
  const will = (): OutgoingMessage => {
    wills += 1;
    return message(field.topics.state, `gone ${wills}`);
  };
  const { node, bookkeeper } = await bothUp(t, field, { will });
  const asked = wills;
  field.line.cut();
  t.equal((await bookkeeper.diary.next("message")).text, `gone ${asked}`, "published when the connection is just gone");
  await node.diary.next("up");
  t.ok(wills > asked, "asked for anew");
  await node.link.stop(message(field.topics.state, "farewell"));
  const again = makeLinkDiary();
  const successor = field.link(t, "node", again);
  successor.start();
  await again.next("up");
  await successor.publish(message(field.topics.pow, "fence"));
  await bookkeeper.diary.next("message");
  await bookkeeper.diary.next("message");
  t.strictSame(bookkeeper.diary.texts(), [`gone ${asked}`, "farewell", "fence"], "a clean stop leaves the farewell alone");
}

async function behind(t: Test, field: Field): Promise<void> {
  const { bookkeeper } = await bothUp(t, field);
  const untaken: (() => void)[] = [];
  const slow = makeLinkDiary(() => new Promise((resolve) => untaken.push(resolve)));
  const link = field.link(t, "node", slow);
  link.start();
  await slow.next("up");
  const total = MAX_UNTAKEN_MESSAGES + 20;
  const texts = Array.from({ length: total }, (_, index) => `${index}`);
  await Promise.all(texts.map((text) => bookkeeper.link.publish(message(field.topics.cmd, text))));
  for (let count = 0; count < MAX_UNTAKEN_MESSAGES; count++) await slow.next("message");
  for (let count = MAX_UNTAKEN_MESSAGES; count < total; count++) {
    await turn();
    if (slow.texts().length !== count) t.fail(`${slow.texts().length} messages wait to be taken`);
    untaken.shift()?.();
    await slow.next("message");
  }
  t.strictSame(slow.texts(), texts);
  for (const take of untaken) take();
}

async function tooLarge(t: Test, field: Field): Promise<void> {
  const { node, bookkeeper } = await bothUp(t, field);
  const largest = { topic: field.topics.pow, payload: new Uint8Array(MAX_MESSAGE_BYTES).fill(0x61) };
  await node.link.publish(largest);
  t.equal((await bookkeeper.diary.next("message")).text.length, MAX_MESSAGE_BYTES);
  const sentBytes = field.line.sentBytes;
  const larger = { topic: field.topics.pow, payload: new Uint8Array(MAX_MESSAGE_BYTES + 1) };
  await t.rejects(node.link.publish(larger), { code: "too-large", message: /65537 bytes/ });
  await turn();
  t.equal(field.line.sentBytes, sentBytes);
  await node.link.publish(message(field.topics.pow, "after"));
  t.equal(node.diary.events.length, 1, "the connection stands");
}

/** Longer than any stop takes, and shorter than the library goes on for: milliseconds. */
const STOP_GUARD_MS = 10_000;

/** Fails where a stop goes on until the library gives the connection up by itself. */
async function endsBySelf(t: Test, stopping: Promise<void>): Promise<void> {
  const guard = new AbortController();
  const outcomes = [
    stopping.then(() => "stopped"),
    SYSTEM.clock.sleep(STOP_GUARD_MS, guard.signal).then(
      () => "waits on",
      () => "",
    ),
  ];
  t.equal(await Promise.race(outcomes), "stopped");
  guard.abort();
}

async function stops(t: Test, field: Field): Promise<void> {
  await t.test("before it was started, and twice", async (t) => {
    const link = field.link(t, "node", makeLinkDiary());
    await endsBySelf(t, link.stop());
    await endsBySelf(t, link.stop());
  });
  await t.test("while the broker does not answer", async (t) => {
    field.line.hold();
    const diary = makeLinkDiary();
    const link = field.link(t, "node", diary);
    const sentBytes = field.line.sentBytes;
    link.start();
    while (field.line.sentBytes === sentBytes) await turn();
    await endsBySelf(t, link.stop());
    field.line.release();
    t.strictSame(diary.events, []);
  });
  await t.test("while an acknowledgement is owed", async (t) => {
    const { node, bookkeeper } = await bothUp(t, field);
    field.line.hold();
    const owed = t.rejects(node.link.publish(message(field.topics.pow, "owed")), { code: "unconfirmed" });
    await bookkeeper.diary.next("message");
    await endsBySelf(t, node.link.stop(message(field.topics.state, "farewell")));
    await owed;
    field.line.release();
    t.equal(node.link.isUp, false);
  });
  await t.test("between two attempts", async (t) => {
    await field.broker.kill();
    const diary = makeLinkDiary();
    const link = field.link(t, "node", diary, { direct: true });
    link.start();
    await diary.next("down");
    await endsBySelf(t, link.stop());
    await field.broker.start();
  });
}
