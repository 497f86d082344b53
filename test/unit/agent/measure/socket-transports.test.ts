// TCP connects and DNS questions over real sockets on the loopback interface.
import t from "tap";
import { exchangeDns } from "../../../../agent/services/measure/runner/transports/dns-transport.ts";
import { probeTcp } from "../../../../agent/services/measure/runner/transports/tcp-transport.ts";
import { answerTo, startDnsServer, zone } from "./dns-server.ts";
import { closedPort, startTcp } from "./loopback.ts";

t.test("a TCP connection that stands, and one that is refused", async (t) => {
  const port = await startTcp(t, () => undefined);
  t.match(await probeTcp("127.0.0.1", port, 10_000), { kind: "answered", micros: Number });
  const refused = await probeTcp("127.0.0.1", await closedPort(), 10_000);
  t.strictSame(refused, { kind: "failed", failure: { source: "target", what: "connection refused" } });
});

const QUESTION = { name: "www.example.com", type: "A" } as const;

t.test("a DNS server that answers, with every byte counted", async (t) => {
  const { port, queries } = await startDnsServer(t, zone({ "www.example.com": ["192.0.2.7"] }));
  const exchange = await exchangeDns({ address: "127.0.0.1", port }, QUESTION, 10_000);
  t.match(exchange, { kind: "answered", micros: Number, answer: { responseCode: 0, records: ["192.0.2.7"] } });
  t.strictSame(exchange.traffic, { upBytes: 44, downBytes: 49 });
  await exchangeDns({ address: "127.0.0.1", port }, QUESTION, 10_000);
  const ids = queries.map((query) => query.readUInt16BE(0));
  t.equal(ids.length, 2, "nothing is answered from memory");
});

t.test("a DNS server that is silent, is not there, or talks nonsense", async (t) => {
  const failure = async (port: number, timeoutMs: number): Promise<unknown> => {
    const exchange = await exchangeDns({ address: "127.0.0.1", port }, QUESTION, timeoutMs);
    return exchange.kind === "failed" ? exchange.failure : exchange;
  };
  const silent = await startDnsServer(t, () => []);
  t.strictSame(await failure(silent.port, 100), { source: "resolver", what: "timed out" });
  t.strictSame(await failure(await closedPort(), 10_000), { source: "resolver", what: "connection refused" });
  const garbage = await startDnsServer(t, (query) => [Buffer.from("garbage"), query, Buffer.alloc(0)]);
  t.strictSame(await failure(garbage.port, 1_000), { source: "resolver", what: "answer not understood" });
  const flood = await startDnsServer(t, () => Array.from({ length: 100 }, () => Buffer.from("garbage")));
  t.strictSame(await failure(flood.port, 10_000), { source: "resolver", what: "answer not understood" });
});

t.test("an answer that somebody else thought up does not count, the true one behind it does", async (t) => {
  const { port } = await startDnsServer(t, (query) => {
    const forged = answerTo(query, [{ type: 1, data: Buffer.of(6, 6, 6, 6) }], 0);
    forged.writeUInt16BE((query.readUInt16BE(0) + 1) & 0xffff, 0);
    return [forged, answerTo(query, [{ type: 1, data: Buffer.of(192, 0, 2, 7) }], 0)];
  });
  const exchange = await exchangeDns({ address: "127.0.0.1", port }, QUESTION, 10_000);
  t.match(exchange, { kind: "answered", answer: { records: ["192.0.2.7"] } });
});
