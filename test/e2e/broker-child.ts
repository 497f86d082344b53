import { startEmbeddedBroker } from "../../mqtt/index.ts";

/*
 * The embedded broker as a process of its own, so that a test can kill it: `node broker-child.ts PORT`. Prints its URL once it listens.
 */
const anyone = (username: string) => ({ username, password: "secret", mayPublish: () => true });
const broker = await startEmbeddedBroker({ port: Number(process.argv[2]), users: [anyone("agent"), anyone("bookkeeper")] });
process.stdout.write(`${JSON.stringify({ type: "broker", url: broker.url })}\n`);
