import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import mqtt, { type MqttClient } from "mqtt";
import t from "tap";
import { loadOrCreateSecret, makeSystemRandom } from "../base/index.ts";
import { privateKeyPem } from "../mqtt/index.ts";
import { nodeTopic, SEED_BYTES } from "../protocol/index.ts";
import { readBalance } from "../test/e2e/books.ts";
import { identityOf, makeField } from "../test/e2e/field.ts";
import { startProgram } from "../test/e2e/program.ts";
import { type Mosquitto, makeMosquitto } from "./mosquitto.ts";

/*
 * The spine over a real Mosquitto with the shipped configuration: TLS, client certificates over the nodes' own keys, and the access list.
 * Bookkeeper and agent are processes of their own; what the access list forbids is tried by a client that holds a node's certificate.
 */

const PLAN = `
[[items]]
name = "watch"
every = "3s"
measure = { method = "tcp", targets = ["127.0.0.1:PORT"], count = 2 }
[[items]]
name = "keep"
every = "5s"
store = { size = "100KiB", keep = "30s", challenge_every = "3s" }
[[items]]
name = "primes"
every = "5s"
compute = { module = "primes.wasm", args = ["100000"], isolation = "process" }
`;

const primes = readFileSync(new URL("../sandbox/example/primes.wasm", import.meta.url));

t.test("agent and bookkeeper over TLS with client certificates", async (t) => {
  const directory = t.testdir();
  const broker = await makeMosquitto({
    directory: join(directory, "broker"),
    bookkeeperDirectory: join(directory, "field", "bookkeeper"),
  });
  const field = await makeField({
    directory: join(directory, "field"),
    agents: 1,
    broker: broker.access,
    plan: PLAN.replace("PORT", String(broker.port)),
    planFiles: { "primes.wasm": primes },
    bookkeeperLines: "[blobs]\nport = 0\n",
  });
  await broker.admit(field);
  await broker.start();
  t.teardown(() => broker.kill());
  const bookkeeper = startProgram(["bookkeeper", "--config", field.bookkeeper.config, "--json", "--log-level", "warn"], {
    built: true,
  });
  const agent = startProgram(["agent", "--config", field.agents[0]?.config ?? "", "--json", "--log-level", "warn"], {
    built: true,
  });
  t.teardown(() => Promise.all([agent.end("SIGKILL"), bookkeeper.end("SIGKILL")]));
  const online = await agent.waitFor((event) => event.type === "online", "the agent was online");
  t.equal(online["protocolVersion"], 5, "Mosquitto speaks MQTT 5");
  for (const kind of ["measure", "store", "compute"]) {
    const verified = await bookkeeper.waitFor(
      (event) => event.type === "verified" && event["kind"] === kind && event["outcome"] === "done",
      `a ${kind} proof was verified`,
    );
    t.ok(Number(verified["credited"]) > 0, `${kind} is credited`);
  }
  await agent.waitFor((event) => event.type === "receipt" && event["status"] === "accepted", "a receipt came");
  t.strictSame(await agent.end("SIGTERM"), { code: 0, signal: null }, "the agent stops cleanly");
  t.strictSame(await bookkeeper.end("SIGTERM"), { code: 0, signal: null }, "the bookkeeper stops cleanly");
  const balance = readBalance(field);
  t.strictSame(balance.audit.problems, []);
  t.strictSame(balance.refusedProofs, []);
  t.notMatch(broker.log(), /denied/i, "nothing that the programs do is against the access list");
});

t.test("the access list lets a node write below its own id only", async (t) => {
  const directory = t.testdir();
  const bookkeeperDirectory = join(directory, "bookkeeper");
  const broker = await makeMosquitto({ directory: join(directory, "broker"), bookkeeperDirectory });
  await broker.start();
  t.teardown(() => broker.kill());
  const bookkeeper = await clientOf(broker, bookkeeperDirectory, await identityOf(bookkeeperDirectory));
  const node = await clientOf(broker, join(directory, "node"), await identityOf(join(directory, "node")));
  const other = await identityOf(join(directory, "other"));
  t.teardown(async () => {
    await Promise.all([bookkeeper.client.endAsync(true), node.client.endAsync(true)]);
  });
  const heard: string[] = [];
  bookkeeper.client.on("message", (topic) => heard.push(topic));
  await bookkeeper.client.subscribeAsync(nodeTopic("field", "+", "pow"), { qos: 1 });

  t.equal(await publishCode(node.client, nodeTopic("field", node.id, "pow")), 0, "its own proofs");
  t.equal(await publishCode(node.client, nodeTopic("field", other, "pow")), NOT_AUTHORISED, "another node's proofs");
  t.equal(await publishCode(node.client, nodeTopic("field", node.id, "rcpt")), NOT_AUTHORISED, "its own receipts");
  t.equal(await publishCode(node.client, nodeTopic("field", other, "cmd")), NOT_AUTHORISED, "commands to others");
  t.equal(await publishCode(node.client, `bn/1/field/bk/${bookkeeper.id}/beacon`), NOT_AUTHORISED, "the beacon");
  t.equal(await publishCode(node.client, `bn/1/field/bk/${node.id}/beacon`), NOT_AUTHORISED, "a beacon of its own");
  t.equal(await publishCode(bookkeeper.client, nodeTopic("field", other, "cmd")), 0, "the bookkeeper commands anybody");
  t.equal(await publishCode(bookkeeper.client, nodeTopic("field", other, "pow")), NOT_AUTHORISED, "but proves for nobody");
  t.strictSame(heard, [nodeTopic("field", node.id, "pow")]);

  // Mosquitto grants any subscription and delivers only what the list lets the client read.
  const overheard: string[] = [];
  node.client.on("message", (topic) => overheard.push(topic));
  await node.client.subscribeAsync("bn/1/#", { qos: 1 });
  await publishCode(bookkeeper.client, nodeTopic("field", other, "cmd"));
  await publishCode(bookkeeper.client, nodeTopic("field", node.id, "cmd"));
  t.strictSame(overheard, [nodeTopic("field", node.id, "cmd")], "a node reads only what is for it");
});

t.test("who shows no certificate of this network does not come in", async (t) => {
  const directory = t.testdir();
  const broker = await makeMosquitto({
    directory: join(directory, "broker"),
    bookkeeperDirectory: join(directory, "bookkeeper"),
  });
  const foreign = await makeMosquitto({
    directory: join(directory, "foreign"),
    bookkeeperDirectory: join(directory, "stranger"),
  });
  await broker.start();
  t.teardown(() => broker.kill());
  await t.rejects(connectWith(broker, {}), "no certificate");
  const id = await identityOf(join(directory, "node"));
  const key = privateKeyPem(await loadOrCreateSecret(join(directory, "node", "identity.seed"), SEED_BYTES, makeSystemRandom()));
  const strange = readFileSync(await foreign.certify(id), "utf8");
  await t.rejects(connectWith(broker, { cert: strange, key }), "a certificate of another network");
  const right = readFileSync(await broker.certify(id), "utf8");
  const client = await connectWith(broker, { cert: right, key });
  t.ok(client.connected, "the right certificate");
  await client.endAsync(true);
  await t.rejects(connectWith(foreign, { cert: right, key }), "nobody listens there");
});

/** MQTT 5 reason code of an acknowledgement (section 3.4.2.1). */
const NOT_AUTHORISED = 0x87;

async function clientOf(
  broker: Mosquitto,
  directory: string,
  id: string,
): Promise<{ readonly id: string; readonly client: MqttClient }> {
  const key = privateKeyPem(await loadOrCreateSecret(join(directory, "identity.seed"), SEED_BYTES, makeSystemRandom()));
  return { id, client: await connectWith(broker, { cert: readFileSync(await broker.certify(id), "utf8"), key }) };
}

function connectWith(broker: Mosquitto, tls: { readonly cert?: string; readonly key?: string }): Promise<MqttClient> {
  const url = `mqtts://localhost:${broker.port}`;
  return mqtt.connectAsync(
    url,
    { ...tls, ca: readFileSync(broker.caFile, "utf8"), protocolVersion: 5, reconnectPeriod: 0 },
    false,
  );
}

/** The reason code of the refusal of a QoS 1 message, or 0. */
function publishCode(client: MqttClient, topic: string): Promise<number> {
  return new Promise((resolve) => {
    client.publish(topic, "x", { qos: 1 }, (error) => {
      // What was delivered before this acknowledgement has arrived a moment later.
      void sleep(50).then(() => resolve((error as { code?: number } | undefined)?.code ?? 0));
    });
  });
}
