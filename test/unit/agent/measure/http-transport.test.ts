// One GET, against real servers on the loopback interface that behave well, badly, and with malice.
import { createSecureContext } from "node:tls";
import t, { type Test } from "tap";
import { type HttpProbe, probeHttp } from "../../../../agent/services/measure/runner/transports/http-transport.ts";
import { closedPort, makeIdentity, startHttp, startHttps, startTcp } from "./loopback.ts";

const probe = (port: number, more: Partial<HttpProbe> = {}): HttpProbe => ({
  address: "127.0.0.1",
  port,
  host: "measured.example",
  path: "/path?query",
  tls: undefined,
  userAgent: "BonusNode/test (measurement)",
  timeoutMs: 10_000,
  maxBodyBytes: 100_000,
  ...more,
});

t.test("a good server: status, body length, phases that add up, and what was said to it", async (t) => {
  const asked: string[] = [];
  const port = await startHttp(t, (request, response) => {
    asked.push(`${request.method} ${request.url}`, ...request.rawHeaders);
    response.writeHead(200, { "Content-Type": "text/plain" }).end("x".repeat(50_000));
  });
  const exchange = await probeHttp(probe(port));
  t.match(exchange, { kind: "answered", status: 200, bodyBytes: 50_000 });
  t.strictSame(asked, [
    ...["GET /path?query", "Host", `measured.example:${port}`, "User-Agent", "BonusNode/test (measurement)"],
    ...["Accept", "*/*", "Connection", "close"],
  ]);
  if (exchange.kind !== "answered") return;
  const { connect, firstByte, total, tls } = exchange.phases;
  t.equal(tls, undefined);
  t.ok(connect + firstByte <= total, `${connect} + ${firstByte} <= ${total}`);
  t.ok(exchange.traffic.downBytes > 50_000 && exchange.traffic.downBytes < 51_000, `${exchange.traffic.downBytes} bytes down`);
  t.ok(exchange.traffic.upBytes > 100 && exchange.traffic.upBytes < 300, `${exchange.traffic.upBytes} bytes up`);
});

t.test("a redirect is an answer, and nobody goes where it points", async (t) => {
  let touched = 0;
  const inside = await startHttp(t, (_request, response) => {
    touched += 1;
    response.end();
  });
  const port = await startHttp(t, (_request, response) =>
    response.writeHead(302, { Location: `http://127.0.0.1:${inside}/` }).end(),
  );
  t.match(await probeHttp(probe(port)), { kind: "answered", status: 302, bodyBytes: 0 });
  t.equal(touched, 0);
});

t.test("servers that fail", async (t) => {
  const failures: readonly (readonly [what: string, start: (t: Test) => Promise<number>, more?: Partial<HttpProbe>])[] = [
    ["connection refused", () => closedPort()],
    ["connection reset", (t) => startTcp(t, (socket) => socket.once("data", () => socket.resetAndDestroy()))],
    ["connection reset", (t) => startTcp(t, (socket) => socket.end())],
    ["timed out", (t) => startTcp(t, () => undefined), { timeoutMs: 100 }],
    ["timed out", (t) => startHttp(t, (_request, response) => void response.write("slow")), { timeoutMs: 100 }],
    ["answer is not HTTP", (t) => startTcp(t, (socket) => socket.end("SSH-2.0-OpenSSH_9.2\r\n"))],
    ["answer is not HTTP", (t) => startTcp(t, (socket) => socket.write(SWITCH))],
    ["headers too large", (t) => startTcp(t, (socket) => socket.write(`HTTP/1.1 200 OK\r\nX: ${"y".repeat(20_000)}\r\n\r\n`))],
    ["headers too large", (t) => startTcp(t, (socket) => socket.write(`HTTP/1.1 200 OK\r\n${"X: y\r\n".repeat(10_000)}\r\n`))],
    ["answer broken off", (t) => startTcp(t, (socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"))],
    ["body larger than is read", (t) => startHttp(t, (_request, response) => endless(response)), { maxBodyBytes: 200_000 }],
  ];
  for (const [what, start, more] of failures) {
    const exchange = await probeHttp(probe(await start(t), more));
    t.match(exchange, { kind: "failed", failure: { source: "target", what } }, what);
    if (what.startsWith("body"))
      t.ok(exchange.bodyBytes > 200_000 && exchange.bodyBytes < 2_000_000, `${exchange.bodyBytes} bytes`);
  }
});

const SWITCH = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n";

/** Writes for as long as somebody reads. */
function endless(response: NodeJS.WritableStream): void {
  const chunk = Buffer.alloc(64 * 1024);
  const pour = (): void => {
    while (response.writable && response.write(chunk));
    response.once("drain", pour);
  };
  pour();
}

t.test("TLS: a certificate that is trusted, for the name, and valid", async (t) => {
  const identity = await makeIdentity("measured.example");
  const port = await startHttps(t, identity, (_request, response) => response.end("hello"));
  const trusting = { secureContext: createSecureContext({ ca: identity.cert }) };
  const exchange = await probeHttp(probe(port, { tls: trusting }));
  t.match(exchange, { kind: "answered", status: 200, bodyBytes: 5 });
  if (exchange.kind !== "answered") return;
  const { connect, tls = 0, firstByte, total } = exchange.phases;
  t.ok(tls > 0 && connect + tls + firstByte <= total, `${connect} + ${tls} + ${firstByte} <= ${total}`);
  t.ok(exchange.traffic.downBytes > 500, "the handshake counts as traffic");

  const failure = async (more: Partial<HttpProbe>): Promise<unknown> => {
    const failed = await probeHttp(probe(port, more));
    return failed.kind === "failed" ? failed.failure : failed;
  };
  t.strictSame(await failure({ tls: {} }), { source: "target", what: "certificate not trusted" });
  const elsewhere = { tls: trusting, host: "other.example" };
  t.strictSame(await failure(elsewhere), { source: "target", what: "certificate for another name" });
  t.strictSame(await failure({ tls: trusting, host: "127.0.0.1" }), { source: "target", what: "certificate for another name" });
});

t.test("TLS: what is expired, what is not TLS, and what says nothing", async (t) => {
  const expired = await makeIdentity("measured.example", -1);
  const failure = async (port: number, more: Partial<HttpProbe> = {}): Promise<unknown> => {
    const tls = { secureContext: createSecureContext({ ca: expired.cert }) };
    const failed = await probeHttp(probe(port, { tls, ...more }));
    return failed.kind === "failed" ? failed.failure.what : failed;
  };
  t.equal(await failure(await startHttps(t, expired, (_request, response) => response.end())), "certificate expired");
  t.equal(await failure(await startHttp(t, (_request, response) => response.end())), "TLS handshake failed");
  t.equal(await failure(await startTcp(t, (socket) => socket.end())), "connection reset");
  t.equal(await failure(await startTcp(t, () => undefined), { timeoutMs: 100 }), "timed out");
});
