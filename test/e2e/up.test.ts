import { join } from "node:path";
import mqtt from "mqtt";
import t, { type Test } from "tap";
import { beaconMessage, formatId, loadEd25519, parseId, parseTopic, proofMessage } from "../../protocol/index.ts";
import { type PrintedEvent, type Program, runVerb, startProgram } from "./program.ts";

/*
 * `bonusnode up` as a script and as a person without a terminal meet it: one run of 40 s that everything else looks at from outside, and a
 * second start on what it left behind.
 */

t.setTimeout(180_000);

const ANSI = /\p{Cc}\[/u;

const isProof = ({ type, outcome }: PrintedEvent): boolean => type === "verified" && outcome === "done";
const text = (event: PrintedEvent | undefined, name: string): string => String(event?.[name]);

/** The account as it was told last. */
function lastTotal(program: Program): number {
  return Number(program.events.findLast((event) => event.type === "account")?.["total"] ?? 0);
}

t.test("a run of 40 s, and a second one that goes on from it", async (t) => {
  const directory = join(t.testdir(), "state");
  const first = startProgram(["up", "--for", "40s", "--json", "--state-dir", directory]);
  t.teardown(() => first.end("SIGKILL"));
  await first.waitFor((event) => event.type === "broker", "the broker was named");
  const [broker] = first.events;
  t.match(broker, { type: "broker", url: /^mqtt:\/\/127\.0\.0\.1:\d+$/, network: "demo", continues: false }, "the first event");

  await t.test("anyone may listen", (t) => listen(t, first, text(broker, "url"), text(broker, "network")));
  await t.test("nobody else may speak", (t) => intrude(t, first, text(broker, "url"), text(broker, "network")));
  await t.test("a second one on the same directory is turned away", async (t) => {
    const { code, stdout, stderr } = await runVerb(["up", "--for", "5s", "--json", "--state-dir", directory]);
    t.equal(code, 75);
    t.match(stderr, new RegExp(`is in use by another bonusnode \\(process ${first.pid}\\); stop it first`));
    t.notMatch(stdout, /verified|summary/, "it came to nothing");
  });

  t.strictSame(await first.ended, { code: 0, signal: null }, "it ends by itself, with success");
  t.equal(first.output().stderr, "");
  const printed = first.output().stdout.trimEnd().split("\n");
  t.equal(printed.length, first.events.length, "every line is an event");
  for (const kind of ["measure", "store", "compute"])
    t.ok(
      first.events.some((event) => isProof(event) && event["kind"] === kind),
      `a proof of kind ${kind} was accepted`,
    );
  const doubts = first.events.filter(({ type, source }) => type === "standing" && source === "bookkeeper");
  t.strictSame(doubts, [], "the bookkeeper takes an honest node for what it claims");
  const granted = first.events.find(({ type, source }) => type === "standing" && source === "agent");
  t.match(granted, { tier: /^(Lite|Normal|Super)$/, why: undefined }, "and says so");
  const summary = first.events.at(-1);
  t.match(summary, { type: "summary", proofs: { measure: Number, store: Number, compute: Number } });
  t.equal(summary?.["contribution"], lastTotal(first), "the summary's figure is the account's");

  const second = startProgram(["up", "--json", "--state-dir", directory]);
  t.teardown(() => second.end("SIGKILL"));
  await second.waitFor((event) => event.type === "broker", "the broker was named");
  t.match(second.events[0], { type: "broker", continues: true });
  const [before, after] = await Promise.all(
    [first, second].map((program) =>
      program.waitFor(({ type, source }) => type === "started" && source === "agent", "it started"),
    ),
  );
  t.equal(after?.["node"], before?.["node"], "the same node");
  t.equal(before?.["bootCount"], 1);
  t.equal(after?.["bootCount"], 2);
  await second.waitFor(({ type, chain }) => type === "registered" && chain === "confirmed", "the chain was confirmed");
  await second.waitFor(isProof, "a proof was accepted");
  await second.waitFor(({ type, total }) => type === "account" && Number(total) > lastTotal(first), "the account grew on");
  const totals = second.events.flatMap(({ type, total }) => (type === "account" ? [Number(total)] : []));
  t.ok((totals[0] ?? 0) >= lastTotal(first), `the account begins where it was: ${lastTotal(first)}, ${totals[0]}`);

  t.strictSame(await second.end("SIGINT"), { code: 0, signal: null }, "Ctrl-C ends it cleanly");
  t.equal(second.events.at(-1)?.type, "summary");
  t.equal(second.output().stderr, "");
  const audit = await runVerb(["account", "audit", "--json", "--state-dir", join(directory, "bookkeeper")]);
  t.match(JSON.parse(audit.stdout), { problems: [] });
});

/** A client without a name sees beacons and proofs that hold, and the last state of whoever is there. */
async function listen(t: Test, program: Program, url: string, network: string): Promise<void> {
  const { ed25519 } = await loadEd25519();
  const client = await mqtt.connectAsync(url);
  t.teardown(() => client.endAsync(true));
  const next = (kind: string): Promise<{ topic: string; payload: Buffer }> =>
    new Promise((resolve) => {
      client.on("message", (topic, payload) => {
        const parsed = parseTopic(topic);
        if ((parsed?.kind === "node" ? parsed.channel : parsed?.kind) === kind) resolve({ topic, payload });
      });
    });
  const coming = [next("beacon"), next("desc"), next("pow")] as const;
  await client.subscribeAsync("bn/1/#");
  const [beacon, descriptor, proof] = await Promise.all(coming);
  const idIn = (topic: string): string => topic.split("/").find((part) => part.startsWith("bxn1")) ?? "";
  const keyOf = (topic: string): (() => Uint8Array | undefined) => {
    const key = parseId(idIn(topic));
    return () => (key.ok ? key.value : undefined);
  };
  t.ok(beaconMessage.open(beacon.payload, network, keyOf(beacon.topic), ed25519).ok, "the beacon is signed by its bookkeeper");
  const opened = proofMessage.open(proof.payload, network, keyOf(proof.topic), ed25519);
  t.ok(opened.ok, "the proof is signed by its node");
  const started = await program.waitFor(({ type, source }) => type === "started" && source === "agent", "the agent started");
  if (opened.ok) t.equal(formatId(opened.value.body.issuer), started["node"]);
  t.equal(idIn(descriptor.topic), started["node"]);
}

/** What a stranger publishes reaches nobody, and the broker hangs up on it; a made-up password does not help. */
async function intrude(t: Test, program: Program, url: string, network: string): Promise<void> {
  const bystander = await mqtt.connectAsync(url);
  t.teardown(() => bystander.endAsync(true));
  const heard: { topic: string; text: string }[] = [];
  bystander.on("message", (topic, payload) => heard.push({ topic, text: payload.toString("latin1") }));
  await bystander.subscribeAsync("bn/1/#");
  const started = await program.waitFor(({ type, source }) => type === "started" && source === "agent", "the agent started");
  const node = `bn/1/${network}/w/${text(started, "node")}`;
  for (const topic of [`${node}/cmd`, `${node}/pow`, `bn/1/${network}/anything`]) {
    const intruder = await mqtt.connectAsync(url, { reconnectPeriod: 0 });
    intruder.on("error", () => undefined);
    const closed = new Promise<string>((resolve) => intruder.on("close", () => resolve("hung up on")));
    const acknowledged = intruder.publishAsync(topic, "forged", { qos: 1 }).then(
      () => "acknowledged",
      () => "refused",
    );
    const answer = await Promise.race([acknowledged, closed]);
    t.match(answer, /refused|hung up on/, topic);
    await intruder.endAsync(true);
  }
  for (const username of ["agent", "bookkeeper", "anybody"]) {
    const attempt = mqtt.connectAsync(url, { username, password: "guessed", reconnectPeriod: 0 });
    await t.rejects(attempt, { message: /Bad username or password|Not authorized/ }, `as ${username}`);
  }
  // Whatever was sent before has arrived when something later has.
  const later = new Promise((resolve) => bystander.once("message", resolve));
  await program.waitForNext(isProof, "a proof was accepted");
  await later;
  t.strictSame(
    heard.filter((message) => message.text.includes("forged")),
    [],
    "none of them forged",
  );
  const isSuspicious = ({ type }: PrintedEvent): boolean => ["refused", "disbelieved", "trouble"].includes(type);
  t.strictSame(program.events.filter(isSuspicious), [], "nobody had to refuse anything");
}

t.test("too short a run says what is missing, in plain lines", async (t) => {
  const directory = join(t.testdir(), "state");
  const { code, stdout, stderr } = await runVerb(["up", "--for", "1s", "--state-dir", directory]);
  t.equal(code, 1);
  t.match(stderr, /^no proof of kind [a-z]+( and [a-z]+)* was accepted within 1s\n$/);
  for (const kind of ["store", "compute"]) t.match(stderr, kind);
  t.match(stdout, /^BonusNode: a broker, a bookkeeper and an agent on this machine\n/);
  t.match(stdout, /^broker {5}mqtt:\/\/127\.0\.0\.1:\d+, network demo/m);
  t.match(stdout, `${directory}, new\n`);
  t.match(stdout, /^Ended after .*: 0 measure, 0 store and 0 compute proofs accepted; the account stands at 0\.000000 points$/m);
  t.notMatch(stdout, ANSI, "no colours");
  t.notMatch(stdout, /\r/, "no line that is overwritten");
});

t.test("stopped by Ctrl-C before its time, it says so by its code", async (t) => {
  const program = startProgram(["up", "--for", "10m", "--state-dir", join(t.testdir(), "state")]);
  await program.waitForText("stdout", /^state /m, "the state directory was named");
  t.strictSame(await program.end("SIGINT"), { code: 130, signal: null });
  t.match(program.output().stdout, /^Ended after /m);
  t.equal(program.output().stderr, "");
});

t.test("what cannot be is said at once, and nothing is begun", async (t) => {
  const directory = join(t.testdir({ file: "in the way" }), "file", "state");
  const cases: readonly (readonly [string[], number, RegExp])[] = [
    [["--for", "soon"], 64, /^--for soon: a number with ms, s, m, h or d, such as 30s$/],
    [["--port", "70000"], 64, /^--port 70000: a port from 0 \(any\) to 65535$/],
    [["--state-dir", directory, "--for", "1s"], 1, /file.*(ENOTDIR|not a directory)/],
  ];
  for (const [args, expected, why] of cases) {
    const { code, stdout, stderr } = await runVerb(["up", "--json", ...args]);
    t.equal(code, expected, args.join(" "));
    t.match(stderr.trimEnd(), why);
    t.notMatch(stdout, /started|summary/);
  }
});
