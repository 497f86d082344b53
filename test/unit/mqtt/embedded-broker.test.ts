/*
 * The broker of `bonusnode up`: who comes in, who may write where, and that one who may not disturbs nobody. Clients are those of mqtt.js
 * itself, because a link would not try most of this.
 */
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import mqtt, { type IClientOptions, type MqttClient, type MqttClientEventCallbacks } from "mqtt";
import { type Test, test } from "tap";
import { type EmbeddedBroker, startEmbeddedBroker } from "../../../mqtt/index.ts";
import { MAX_PACKET_BYTES } from "../../../mqtt/limits.ts";

const WRITER = { username: "writer", password: "right" };

async function startBroker(t: Test): Promise<EmbeddedBroker> {
  const mayPublish = (topic: string): boolean => topic.startsWith("own/");
  const broker = await startEmbeddedBroker({ port: 0, users: [{ ...WRITER, mayPublish }] });
  t.teardown(() => broker.close());
  return broker;
}

async function connect(t: Test, { url }: EmbeddedBroker, options: IClientOptions = {}): Promise<MqttClient> {
  const client = await mqtt.connectAsync(url, { protocolVersion: 4, reconnectPeriod: 0, ...options }, false);
  t.teardown(() => client.endAsync(true));
  // A client that the broker throws out hears no more than the end of its connection.
  client.on("error", () => undefined);
  return client;
}

/** The next event of this name, with what it says. */
function happens<Name extends "close" | "message">(
  client: MqttClient,
  name: Name,
): Promise<Parameters<MqttClientEventCallbacks[Name]>> {
  return new Promise((resolve) => client.once(name, ((...said: never) => resolve(said)) as MqttClientEventCallbacks[Name]));
}

/** A client without a name that writes down what it hears, and a way to wait for the next. */
async function listen(
  t: Test,
  broker: EmbeddedBroker,
): Promise<{ client: MqttClient; heard: string[]; next: () => Promise<unknown> }> {
  const client = await connect(t, broker);
  const heard: string[] = [];
  client.on("message", (topic, payload) => heard.push(`${topic} ${payload.toString().slice(0, 20)}`));
  await client.subscribeAsync("#", { qos: 1 });
  return { client, heard, next: () => happens(client, "message") };
}

/** Sends at QoS 1 and waits until the broker has thrown the sender out for it. */
async function sendAndBeThrownOut(client: MqttClient, topic: string, payload: string | Buffer): Promise<void> {
  const closed = happens(client, "close");
  client.publish(topic, payload, { qos: 1 });
  await closed;
}

test("a name needs its password; no name needs none", async (t) => {
  const broker = await startBroker(t);
  const refused = [
    { username: "writer", password: "wrong" },
    { username: "writer", password: "" },
    { username: "writer" },
    { username: "nobody", password: "right" },
    { username: "", password: "right" },
    { username: "__proto__", password: "right" },
  ];
  for (const options of refused) await t.rejects(connect(t, broker, options), { code: 5 }, JSON.stringify(options));
  await connect(t, broker, WRITER);
  await connect(t, broker);
});

test("who may not write is thrown out, and nobody hears it", async (t) => {
  const broker = await startBroker(t);
  const { client, heard, next } = await listen(t, broker);
  const writer = await connect(t, broker, WRITER);
  await sendAndBeThrownOut(await connect(t, broker), "own/x", "by nobody");
  await sendAndBeThrownOut(await connect(t, broker, WRITER), "foreign/x", "elsewhere");
  await sendAndBeThrownOut(await connect(t, broker, WRITER), "$SYS/x", "as the broker");
  const arrived = next();
  await writer.publishAsync("own/x", "proper", { qos: 1 });
  await arrived;
  t.strictSame(heard, ["own/x proper"]);
  await sendAndBeThrownOut(client, "own/x", "by a listener");
  t.ok(writer.connected, "the others stay");
});

test("a message that is too large is not passed on", async (t) => {
  const broker = await startBroker(t);
  const { heard, next } = await listen(t, broker);
  await sendAndBeThrownOut(await connect(t, broker, WRITER), "own/large", Buffer.alloc(MAX_PACKET_BYTES + 1));
  const arrived = next();
  const writer = await connect(t, broker, WRITER);
  await writer.publishAsync("own/largest", Buffer.alloc(MAX_PACKET_BYTES, "a"), { qos: 1 });
  await arrived;
  t.strictSame(heard, [`own/largest ${"a".repeat(20)}`]);
});

test("what is no MQTT, or ends within, disturbs nobody", async (t) => {
  const broker = await startBroker(t);
  const { heard, next } = await listen(t, broker);
  const port = Number(new URL(broker.url).port);
  for (const bytes of ["GET / HTTP/1.1\r\n\r\n", "\x10\xff\xff\xff\xff\xff", "\x00\x00", "\x10\x7f\x00\x04MQTT"]) {
    const socket = connectTcp(port, "127.0.0.1", () => socket.end(bytes, "latin1"));
    socket.on("error", () => undefined).resume();
    await once(socket, "close");
  }
  const arrived = next();
  await (await connect(t, broker, WRITER)).publishAsync("own/x", "proper", { qos: 1 });
  await arrived;
  t.strictSame(heard, ["own/x proper"]);
});

test("a last will is published where its owner may write, and nowhere else", async (t) => {
  const broker = await startBroker(t);
  const { heard, next } = await listen(t, broker);
  const will = (topic: string) => ({ topic, payload: Buffer.from("gone"), qos: 1 as const, retain: false });
  const vanish = async (options: IClientOptions): Promise<void> => {
    const client = await connect(t, broker, options);
    client.stream.destroy();
    await happens(client, "close");
  };
  await vanish({ will: will("own/state") });
  await vanish({ ...WRITER, will: will("foreign/state") });
  const arrived = next();
  await vanish({ ...WRITER, will: will("own/state") });
  await arrived;
  t.strictSame(heard, ["own/state gone"]);
});

test("what is retained greets the next listener", async (t) => {
  const broker = await startBroker(t);
  await (await connect(t, broker, WRITER)).publishAsync("own/desc", "stands", { qos: 1, retain: true });
  const listener = await connect(t, broker);
  const greeted = happens(listener, "message");
  await listener.subscribeAsync("own/desc", { qos: 1 });
  const [topic, , packet] = await greeted;
  t.strictSame([topic, packet.retain], ["own/desc", true]);
});

test("a close ends connections of every kind, and frees the port", async (t) => {
  const broker = await startBroker(t);
  const port = Number(new URL(broker.url).port);
  const client = await connect(t, broker);
  const silent = connectTcp(port, "127.0.0.1");
  await once(silent, "connect");
  const closed = [happens(client, "close"), once(silent.on("error", () => undefined).resume(), "close")];
  await broker.close();
  await Promise.all(closed);
  await t.resolves(broker.close(), "a second close has nothing to do");
  const next = await startEmbeddedBroker({ port, users: [] });
  t.equal(next.url, broker.url);
  await t.rejects(startEmbeddedBroker({ port, users: [] }), {
    code: "cannot-listen",
    message: `cannot listen on port ${port} of`,
  });
  await next.close();
});
