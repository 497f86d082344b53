import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import mqtt from "mqtt";
import t, { type Test } from "tap";
import { openAgentState } from "../../agent/state-store.ts";
import { toHex } from "../../base/index.ts";
import {
  assignmentMessage,
  beaconMessage,
  beaconTopic,
  loadEd25519,
  nodeTopic,
  parseEnvelope,
  parseId,
  type Receipt,
  receiptMessage,
  refusalMessage,
} from "../../protocol/index.ts";
import { assembleFixture } from "../contract/wasm-fixtures.ts";
import { receipts } from "../fixtures/protocol/sample-answers.ts";
import { assignments, beaconBody } from "../fixtures/protocol/sample-commands.ts";
import { KEYS } from "../fixtures/protocol/sample-keys.ts";
import { readBalance } from "./books.ts";
import { freePort, makeField } from "./field.ts";
import { makeEmbeddedKillable } from "./kills.ts";
import { type PrintedEvent, type Program, runVerb, startProgram } from "./program.ts";

/*
 * What an owner and a stranger do to a running agent: start it twice, change its limits, mistype them, stop it in the middle of work, and
 * give it work that nobody it trusts has signed. Real programs over the embedded broker.
 */

t.setTimeout(240_000);

const MEASURE = `
[[items]]
name = "watch"
every = "1s"
measure = { method = "tcp", targets = ["127.0.0.1:PORT"], count = 1, timeout = "1s" }
`;
const STORE = `
[[items]]
name = "keep"
every = "2s"
store = { size = "4KiB" }
`;
/** Never ends by itself. */
const ENDLESS_JOB = `
[[items]]
name = "spin"
every = "1h"
compute = { module = "spin.wasm", wall = "10m", cpu = "10m", isolation = "process" }
`;

const isDone = ({ type, outcome }: PrintedEvent): boolean => type === "verified" && outcome === "done";

/** A field with its broker and its bookkeeper running. */
async function makeStage(t: Test, plan: string) {
  const directory = t.testdir();
  writeFileSync(join(directory, "password"), "secret\n");
  const port = await freePort();
  const broker = makeEmbeddedKillable(port);
  const field = await makeField({
    directory,
    agents: 1,
    broker: broker.access,
    plan: plan.replace("PORT", String(port)),
    planFiles: { "spin.wasm": assembleFixture("spin") },
  });
  await broker.start();
  t.teardown(() => broker.kill());
  const start = (verb: "agent" | "bookkeeper", config: string, ...args: string[]): Program => {
    const program = startProgram([verb, "--config", config, "--json", ...args]);
    t.teardown(() => program.end("SIGKILL"));
    return program;
  };
  const { config = "", directory: agentDirectory = "", id = "" } = field.agents[0] ?? {};
  return {
    directory,
    field,
    port,
    bookkeeper: start("bookkeeper", field.bookkeeper.config),
    startAgent: (...args: string[]) => start("agent", config, ...args),
    start,
    agent: { config, directory: agentDirectory, id },
  };
}

t.test("two agents on one state directory", async (t) => {
  const { startAgent, agent, bookkeeper } = await makeStage(t, MEASURE);
  const first = startAgent();
  await first.waitFor(({ type }) => type === "registered", "it registered");
  const second = await runVerb(["agent", "--config", agent.config, "--json"]);
  t.equal(second.code, 75);
  t.equal(second.stdout, "", "it came to nothing");
  t.equal(
    second.stderr,
    `${agent.directory} is in use by another bonusnode (process ${first.pid}); stop it first\n`,
    "it names the directory and the process",
  );
  await bookkeeper.waitForNext(isDone, "the first one works on");
  await first.end("SIGKILL");
  const third = startAgent();
  await third.waitFor(({ type }) => type === "registered", "no lock is left behind by one that was killed");
  t.strictSame(await third.end("SIGTERM"), { code: 0, signal: null });
});

t.test("SIGHUP takes new limits into force, and keeps the old ones under mistakes", async (t) => {
  const { startAgent, agent, bookkeeper, field } = await makeStage(t, `${MEASURE}${STORE}`);
  const program = startAgent();
  await bookkeeper.waitFor(({ type, kind }) => type === "assigned" && kind === "store", "there is work of another kind");
  const config = readFileSync(agent.config, "utf8");

  writeFileSync(agent.config, `${config}\n[limits]\nmax_tier = "Lite"\nkinds = ["measure"]\n`);
  const taken = bookkeeper.waitForNext(({ type, tier }) => type === "registered" && tier === "Lite", "the bookkeeper knows");
  program.signal("SIGHUP");
  await taken;
  await program.waitForText("stderr", /limits taken from the configuration anew/, "it says so");
  const status = async () => {
    const { stdout } = await runVerb(["status", "--json", "--config", agent.config, "--state-dir", agent.directory]);
    const { tier, kinds } = JSON.parse(stdout) as { tier: string; kinds: string[] };
    return { tier, kinds };
  };
  t.strictSame(await status(), { tier: "Lite", kinds: ["measure"] }, "status tells the limits in force");

  writeFileSync(agent.config, `${config}\n[limits]\nmax_tear = "Normal"\n`);
  program.signal("SIGHUP");
  await program.waitForText("stderr", /the old limits stay in force/, "it says so");
  const [line = ""] = program
    .output()
    .stderr.split("\n")
    .filter((each) => each.includes("the old limits stay in force"));
  t.match(line, /"level":"error"/);
  const where = config.split("\n").length + 2;
  t.match(line, `${agent.config}:${where}: unknown key limits.max_tear; did you mean max_tier?`, "file, line and nearest key");

  // Half-written, as an editor leaves it for a moment.
  writeFileSync(agent.config, `${config}\n[limits]\nmax_ti`);
  program.signal("SIGHUP");
  await program.waitForText("stderr", /:\d+: not TOML: (?:.|\n)*the old limits stay in force/, "it says so again");
  const later = bookkeeper.events.length;
  await bookkeeper.waitForNext(isDone, "it works on");
  await bookkeeper.waitForNext(isDone, "and on");
  t.notOk(
    bookkeeper.events.slice(later).some(({ type, kind }) => type === "assigned" && kind === "store"),
    "it is given what it takes, and no more",
  );
  t.strictSame(await status(), { tier: "Lite", kinds: ["measure"] });
  t.strictSame(
    program.events.filter(({ type }) => type === "trouble" || type === "offline"),
    [],
  );
  t.strictSame(await program.end("SIGTERM"), { code: 0, signal: null });
  t.strictSame(await bookkeeper.end("SIGTERM"), { code: 0, signal: null });
  t.strictSame(readBalance(field).audit.problems, []);
});

t.test("SIGTERM in the middle of work leaves it in the journal, and the next start goes on with it", async (t) => {
  const { startAgent, agent, bookkeeper } = await makeStage(t, ENDLESS_JOB);
  const first = startAgent();
  const began = await first.waitFor(({ type, kind }) => type === "began" && kind === "compute", "the job began");
  t.strictSame(await first.end("SIGTERM"), { code: 0, signal: null });
  t.equal(first.events.at(-1)?.type, "stopped");
  t.notOk(
    first.events.some(({ type, assignment }) => type === "finished" && assignment === began["assignment"]),
    "the job did not end",
  );
  const state = openAgentState(join(agent.directory, "agent.db"), { readOnly: true });
  const open = state.tasks.open().map((task) => ({ id: toHex(task.id), state: task.state, attempts: task.attempts }));
  state.close();
  t.match(open, [{ id: began["assignment"], state: /accepted|running/, attempts: 1 }], "it is journaled");
  const second = startAgent();
  const again = await second.waitFor(({ type }) => type === "began", "it began again");
  t.match(again, { assignment: began["assignment"], attempt: 2 });
  t.strictSame(await second.end("SIGINT"), { code: 0, signal: null }, "Ctrl-C ends it as SIGTERM does");
  t.notOk(bookkeeper.events.some(({ type }) => type === "proof-refused"));
});

t.test("a bookkeeper that the owner does not trust gets refusals and nothing else", async (t) => {
  const { port, startAgent, agent, bookkeeper, field, start, directory } = await makeStage(t, MEASURE);
  const program = startAgent();
  await bookkeeper.waitFor(isDone, "the trusted one is served");

  // One that runs the usual program on the same network, and one that forges: it signs work, receipts and beacons with a key of its own.
  const enemyConfig = join(directory, "enemy.toml");
  writeFileSync(
    enemyConfig,
    readFileSync(field.bookkeeper.config, "utf8").replace(field.bookkeeper.directory, join(directory, "enemy")),
  );
  const enemy = start("bookkeeper", enemyConfig);
  await enemy.waitFor(({ type, node }) => type === "registered" && node === agent.id, "it knows of the agent");
  const answer = await forge(t, { port, network: field.network, node: agent.id, trusted: field.bookkeeper.id });

  const refused = await program.waitFor(({ type }) => type === "refused", "the agent says so");
  t.match(refused, { reason: "untrusted-bookkeeper" });
  const { ed25519 } = await loadEd25519();
  const refusal = refusalMessage.open(answer, field.network, () => keyOf(agent.id), ed25519);
  t.ok(refusal.ok, "the node signs its refusal");
  if (refusal.ok) t.match(refusal.value.body, { reason: "untrusted-bookkeeper" });
  await bookkeeper.waitForNext(({ type }) => type === "assigned", "the trusted one still gives work");
  await bookkeeper.waitForNext(isDone, "and is still served");
  const isAboutForged = ({ assignment }: PrintedEvent): boolean => assignment === toHex(forgedWork.id);
  t.notOk(
    program.events.some((event) => event.type !== "refused" && isAboutForged(event)),
    "nothing was done for the other",
  );
  t.strictSame(
    program.events.filter(({ type, bookkeeper: by }) => type === "registered" && by !== field.bookkeeper.id),
    [],
    "nobody else's receipts were believed",
  );
  t.strictSame(
    program.events.filter(({ type, status }) => type === "receipt" && status !== "accepted"),
    [],
  );
  t.notOk(enemy.events.some(isDone), "the enemy got no proof of its own");
  t.strictSame(await program.end("SIGTERM"), { code: 0, signal: null }, "the agent is alive to the end");
  await Promise.all([enemy.end("SIGTERM"), bookkeeper.end("SIGTERM")]);
  const { audit, provedTwice } = readBalance(field);
  t.strictSame(audit.problems, []);
  t.equal(provedTwice, 0);
});

const forgedWork = assignments["assignment-measure-ping"];

/** Sends a node what a stranger signed, on all topics that it listens to. Answers the refusal that comes back. */
async function forge(
  t: Test,
  { port, network, node, trusted }: { port: number; network: string; node: string; trusted: string },
): Promise<Uint8Array> {
  const { stranger } = KEYS;
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { username: "bookkeeper", password: "secret" });
  t.teardown(() => client.endAsync(true));
  const heard = new Promise<Uint8Array>((resolve) => {
    client.on("message", (_topic, payload) => {
      const envelope = parseEnvelope(payload);
      if (envelope.ok && envelope.value.role === "refusal") resolve(payload);
    });
  });
  await client.subscribeAsync(nodeTopic(network, node, "pow"));
  const issuer = stranger.publicKey;
  const send = (topic: string, payload: Uint8Array) => client.publishAsync(topic, Buffer.from(payload), { qos: 1 });
  // A beacon of the year 2100: whoever believed it would find all work expired.
  const beacon = { ...beaconBody, issuer, issuedAt: 4_102_444_800, height: 1_000_000 };
  await send(beaconTopic(network, trusted), beaconMessage.seal(beacon, network, stranger));
  for (const receipt of Object.values(receipts)) {
    const body = { ...receipt, issuer, node: keyOf(node), ...("bootCount" in receipt ? { bootCount: 1 } : {}) } as Receipt;
    await send(nodeTopic(network, node, "rcpt"), receiptMessage.seal(body, network, stranger));
  }
  const work = assignmentMessage.seal({ ...forgedWork, issuer, node: keyOf(node) }, network, stranger);
  await send(nodeTopic(network, node, "cmd"), work);
  return heard;
}

function keyOf(id: string): Uint8Array {
  const key = parseId(id);
  if (!key.ok) throw key.error;
  return key.value;
}
