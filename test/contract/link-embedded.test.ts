import { test } from "tap";
import { type EmbeddedBroker, startEmbeddedBroker } from "../../mqtt/index.ts";
import { NODE_WRITES, parseTopic } from "../../protocol/index.ts";
import { linkContract } from "./link-contract.ts";

/*
 * The link contract over the broker that `bonusnode up` carries inside, with the same rights: it speaks MQTT 3.1.1 only.
 */

test("a link to the embedded broker", async (t) => {
  const isWrittenByNodes = (name: string): boolean => {
    const topic = parseTopic(name);
    return topic?.kind === "node" && NODE_WRITES.has(topic.channel);
  };
  const users = [
    { username: "node", password: "one", mayPublish: isWrittenByNodes },
    { username: "bookkeeper", password: "two", mayPublish: (topic: string) => !isWrittenByNodes(topic) },
  ];
  let port = 0;
  let broker: EmbeddedBroker | undefined;
  const start = async (): Promise<void> => {
    broker = await startEmbeddedBroker({ port, users });
    port = Number(new URL(broker.url).port);
  };
  await start();
  t.teardown(() => broker?.close());
  await linkContract(t, {
    protocolVersion: 4,
    nodeId: "node",
    port: () => port,
    login: (who, at) => ({
      url: `mqtt://127.0.0.1:${at}`,
      username: who,
      password: who === "node" ? "one" : "two",
    }),
    start,
    kill: async () => broker?.close(),
  });
});
