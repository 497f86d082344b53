import { createServer } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import t, { type Test } from "tap";
import { readBalance } from "../test/e2e/books.ts";
import { makeField } from "../test/e2e/field.ts";
import { makeStage, settle } from "../test/e2e/kills.ts";
import { makeMosquitto } from "./mosquitto.ts";

/*
 * A broker that acknowledges and drops: Mosquitto with room for ten messages, in front of a bookkeeper that stops reading again and again.
 * The agent has its acknowledgement for every proof; the bookkeeper never sees some of them; every proof arrives in the end.
 */

const STOPS = 4;
const STOP_MS = 10_000;

const ITEM = (index: number): string => `[[items]]
name = "watch-${index}"
every = "1s"
measure = { method = "http", targets = ["http://127.0.0.1:PORT/"], count = 1 }
`;

t.setTimeout(300_000);

t.test("proofs that the broker acknowledged and dropped arrive in the end", async (t) => {
  const directory = join(t.testdir(), "field");
  const broker = await makeMosquitto({
    directory: join(directory, "..", "broker"),
    bookkeeperDirectory: join(directory, "bookkeeper"),
    settings: { max_queued_messages: "10", max_inflight_messages: "1" },
  });
  const port = String(await startSlowServer(t));
  const plan = Array.from({ length: 24 }, (_, index) => ITEM(index))
    .join("")
    .replaceAll("PORT", port);
  const field = await makeField({ directory, agents: 1, broker: broker.access, plan });
  await broker.admit(field);
  await broker.start();
  t.teardown(() => broker.kill());
  const stage = makeStage(field, { built: true });
  t.teardown(() => Promise.all([stage.agent.stop(), stage.bookkeeper.stop()]));
  await stage.bookkeeper.program().waitFor((event) => event.type === "online", "the bookkeeper was online");
  const agent = stage.agent.program();
  const bookkeeper = stage.bookkeeper.program();
  const count = (type: string): number => agent.events.filter((event) => event.type === type).length;
  await agent.waitFor((event) => event.type === "receipt" && event["status"] === "accepted", "a first proof was accepted");
  const dropsSoFar = (): number => broker.log().match(/messages are being dropped/g)?.length ?? 0;
  const accepted = (): number =>
    agent.events.filter((event) => event.type === "receipt" && event["status"] === "accepted").length;
  for (let stop = 0; stop < STOPS; stop++) {
    const [proved, before] = [count("proved"), accepted()];
    process.kill(bookkeeper.pid, "SIGSTOP");
    // More than the broker keeps; what is left of the bookkeeper's assignments may be fewer.
    await Promise.race([agent.waitFor(() => count("proved") >= proved + 16, "proofs were published"), sleep(STOP_MS)]);
    process.kill(bookkeeper.pid, "SIGCONT");
    await agent.waitFor(() => accepted() > before, "receipts came again");
    await agent.waitFor(() => count("began") >= proved + 20, "work went on");
  }
  t.ok(dropsSoFar() > 0, "the broker did drop");
  await settle(field, stage);
  const { audit, ...counts } = readBalance(field);
  t.comment(JSON.stringify({ ...counts, spellsOfDropping: dropsSoFar(), records: audit.records }));
  t.ok(counts.accepted > 50, "there was work");
  t.equal(counts.receipted, counts.accepted, "every proof arrived");
  t.equal(counts.provedTwice, 0);
  t.strictSame(counts.refusedProofs, []);
  t.strictSame(audit.problems, [], "and none was counted twice");
});

/** A web server that takes half a second to answer, so that work is under way for a while. Answers its port. */
async function startSlowServer(t: Test): Promise<number> {
  const server = createServer((_request, response) => void sleep(500).then(() => response.end("x")));
  t.teardown(() => server.closeAllConnections());
  t.teardown(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no port");
  return address.port;
}
