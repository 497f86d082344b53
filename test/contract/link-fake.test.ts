import { setImmediate as turn } from "node:timers/promises";
import { test } from "tap";
import { makeSeededRandom } from "../../base/index.ts";
import { CALM, makeFakeBroker } from "../sim/fake-link.ts";
import { makeSteppingClock } from "../sim/stepping-clock.ts";
import { makeLinkDiary } from "./link-diary.ts";

/*
 * The link in memory, which the simulations stand on, owes its users what link-contract.ts asks of the real one above the wire. It rejects
 * with plain errors, and what it subscribes to are exact topics: nobody tells the difference.
 */

test("the link in memory", async (t) => {
  const clock = makeSteppingClock();
  const broker = makeFakeBroker({ clock, random: makeSeededRandom(1) });
  broker.behave({ ...CALM, maxDelayMs: 0 });
  const heard: string[] = [];
  broker.attach((topic, payload) => heard.push(`${topic} ${Buffer.from(payload)}`));
  const diary = makeLinkDiary();
  const link = broker.makeLink({ subscriptions: ["cmd"] }, diary);
  const message = (text: string) => ({ topic: "pow", payload: Buffer.from(text) });

  await t.rejects(link.publish(message("early")), "nothing is sent before it is up");
  link.start();
  broker.connect(4);
  t.strictSame(await diary.next("up"), { type: "up", protocolVersion: 4 });
  const texts = ["one", "two", "three"];
  const sent = texts.map((text) => link.publish(message(text)));
  await clock.advance(100);
  await Promise.all(sent);
  t.strictSame(heard.splice(0), ["pow one", "pow two", "pow three"], "in their order");

  const cut = t.rejects(link.publish(message("cut")), "the connection ends before the broker confirms");
  broker.disconnect();
  const { why, retryInMs } = await diary.next("down");
  t.ok(why !== "" && retryInMs > 0);
  t.equal(link.isUp, false);
  await clock.advance(100);
  await cut;
  await t.rejects(link.publish(message("lost")));
  broker.connect();
  await diary.next("up");
  broker.send("cmd", Buffer.from("again"));
  broker.send("rcpt", Buffer.from("nobody subscribed to it"));
  await clock.advance(100);
  t.strictSame(diary.texts(), ["again"], "subscribed anew");

  const stopping = link.stop(message("farewell"));
  await clock.advance(100);
  await stopping;
  t.equal(heard.at(-1), "pow farewell");
  t.equal(link.isUp, false);
  await t.rejects(link.publish(message("late")));
  broker.connect();
  await turn();
  t.equal(diary.events.filter((event) => event.type === "up").length, 2, "a link that was stopped stays so");
});
