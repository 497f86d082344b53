/*
 * A link to brokers that do what no real one should: each is a few bytes of MQTT 3.1.1 (sections 3.2, 3.9, 3.3) in answer to what comes.
 */
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { type Test, test } from "tap";
import { makeSystemClock, makeSystemRandom, silentLog } from "../../../base/index.ts";
import { makeMqttLink } from "../../../mqtt/index.ts";
import { MAX_PACKET_BYTES } from "../../../mqtt/limits.ts";
import { makeLinkDiary } from "../../contract/link-diary.ts";

const WRONG_VERSION = Buffer.of(0x20, 2, 0, 1);
const WELCOME = Buffer.of(0x20, 2, 0, 0);

/** A message of that many bytes at QoS 0 on topic `t`; its length in the three bytes of section 2.2.3. */
function messageOf(payloadBytes: number): Buffer {
  const length = payloadBytes + 3;
  const header = [0x30, 0x80 | (length & 0x7f), 0x80 | ((length >> 7) & 0x7f), length >> 14];
  return Buffer.concat([Buffer.of(...header, 0, 1, 0x74), Buffer.alloc(payloadBytes, "a")]);
}

/** What happens on a link to a broker that answers the subscription by this code, and then says this. */
async function diaryOf(t: Test, subscriptionCode: number, ...then: readonly Buffer[]) {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => {
      // The version's byte follows the protocol's name (section 3.1.2.2).
      if (bytes[0] === 0x10) socket.write(bytes[bytes.indexOf("MQTT") + 4] === 5 ? WRONG_VERSION : WELCOME);
      else if (bytes[0] === 0x82)
        socket.write(Buffer.concat([Buffer.of(0x90, 3, bytes[2] ?? 0, bytes[3] ?? 0, subscriptionCode), ...then]));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => server.close());
  const diary = makeLinkDiary();
  const url = `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const needs = { clock: makeSystemClock(), random: makeSystemRandom(), log: silentLog };
  const link = makeMqttLink(needs, { url, clientId: "x", subscriptions: ["t"] }, diary);
  t.teardown(() => link.stop());
  link.start();
  return diary;
}

test("a subscription that is refused is no connection", async (t) => {
  const diary = await diaryOf(t, 0x80);
  t.match((await diary.next("down")).why, /^the broker refused the subscription: /);
  t.equal(diary.events.length, 1);
});

test("a message that is too large ends the connection, and nothing after it is read", async (t) => {
  const diary = await diaryOf(t, 1, messageOf(MAX_PACKET_BYTES), messageOf(MAX_PACKET_BYTES + 1), messageOf(20_000));
  t.equal((await diary.next("down")).why, `the broker sent a message of ${MAX_PACKET_BYTES + 1} bytes`);
  t.strictSame(
    diary.texts().map((text) => text.length),
    [MAX_PACKET_BYTES],
  );
});
