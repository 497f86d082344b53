/**
 * The bandwidth endpoint and its client together over loopback: what is granted, what is refused, and what becomes of everybody who does
 * not keep to the protocol. How fast it was is never looked at.
 */
import { connect, createServer, type Socket } from "node:net";
import { type Test, test } from "tap";
import { makeSystemClock, makeSystemRandom } from "../../base/index.ts";
import { makeChannel, makeFrameSplitter } from "../../hal/bandwidth/channel.ts";
import {
  answerKey,
  channelKey,
  FRAME_BYTES,
  type Frame,
  openFrame,
  readOpenFrame,
  sealFrame,
} from "../../hal/bandwidth/protocol.ts";
import type { BandwidthTask } from "../../hal/bandwidth/transfer.ts";
import { makeBandwidthTransfer } from "../../hal/bandwidth/transports/client.ts";
import { type EndpointEvent, type EndpointLimits, startBandwidthEndpoint } from "../../hal/bandwidth/transports/server.ts";

const NEEDS = { clock: makeSystemClock(), random: makeSystemRandom() };
const TOKEN = "a-token-of-some-length-1";
const HOST = "127.0.0.1";
const transfer = makeBandwidthTransfer(NEEDS);

/** An endpoint for one test, and everything it said. */
async function startFor(t: Test, limits: Partial<EndpointLimits> = {}) {
  const events: EndpointEvent[] = [];
  const waiters: (() => void)[] = [];
  const endpoint = await startBandwidthEndpoint(NEEDS, {
    host: HOST,
    port: 0,
    token: TOKEN,
    limits: { sessionsPerHour: 100, ...limits },
    onEvent: (event) => {
      events.push(event);
      for (const wake of waiters.splice(0)) wake();
    },
  });
  t.teardown(() => endpoint.stop());
  const task: BandwidthTask = {
    endpoint: { host: HOST, port: endpoint.port },
    token: TOKEN,
    byteCap: 2_000_000,
    timeMs: 5_000,
    streams: 4,
  };
  /** Resolves when an event was, or is, said. */
  const heard = async (isIt: (event: EndpointEvent) => boolean): Promise<EndpointEvent> => {
    for (;;) {
      const event = events.find(isIt);
      if (event !== undefined) return event;
      await new Promise<void>((resolve) => waiters.push(resolve));
    }
  };
  return { endpoint, events, task, heard };
}

/** A client that may do anything. */
async function dialRaw(port: number) {
  const socket = connect(port, HOST);
  socket.on("error", () => {});
  const splitter = makeFrameSplitter();
  const frames: Uint8Array[] = [];
  let wake = (): void => {};
  socket.on("data", (chunk) => {
    splitter.push(chunk as Buffer);
    for (let next = splitter.next(); next !== undefined; next = splitter.next()) frames.push(next);
    wake();
  });
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  const next = async (): Promise<Uint8Array> => {
    while (frames.length === 0) await Promise.race([new Promise<void>((resolve) => (wake = resolve)), closed]);
    return frames.shift() ?? new Uint8Array();
  };
  const hello = readOpenFrame(await next());
  const challenge = hello?.kind === "hello" ? hello.challenge : new Uint8Array(32);
  const answer = (frame: Extract<Frame, { kind: "open" | "join" }>, token = TOKEN) => {
    socket.write(sealFrame(frame, answerKey(token, challenge), "answer"));
    const id = frame.kind === "open" ? frame.nonce : frame.session;
    return makeChannel(channelKey(token, challenge, id), "client");
  };
  return { socket, closed, next, hello, challenge, answer };
}

const OPEN = { kind: "open", nonce: new Uint8Array(16), byteCap: 1_000_000, timeMs: 5_000, streams: 2 } as const;

/** A session opened by hand. */
async function openRaw(port: number, open: Extract<Frame, { kind: "open" }> = OPEN) {
  const control = await dialRaw(port);
  const channel = control.answer(open);
  const accept = channel.unseal(await control.next());
  const session = typeof accept === "object" && accept.kind === "accept" ? accept.session : new Uint8Array(16);
  return { ...control, channel, accept, session };
}

async function joinRaw(port: number, session: Uint8Array, direction: "down" | "up") {
  const stream = await dialRaw(port);
  stream.answer({ kind: "join", session, direction });
  return stream;
}

test("a session measures both directions within what was asked for", async (t) => {
  const { task, heard } = await startFor(t);
  const fractions: number[] = [];
  const result = await transfer(task, { onProgress: (fraction) => fractions.push(fraction) });
  if (result.kind !== "found") return t.fail(JSON.stringify(result));
  const { down, up, sentDown, streams, byteCap, idlePingsUs, loadedPingsUs } = result.value;
  t.strictSame([streams, byteCap, idlePingsUs.length], [4, 2_000_000, 25]);
  t.ok(loadedPingsUs.every((us) => us > 0));
  t.ok(down.totalBytes > 0 && down.totalBytes <= sentDown.totalBytes && sentDown.totalBytes <= 2_000_000);
  t.ok(up.totalBytes > 0 && up.totalBytes <= 2_000_000);
  t.equal(fractions.at(-1), 1);
  t.strictSame(
    fractions,
    fractions.toSorted((left, right) => left - right),
  );
  t.match(await heard(({ type }) => type === "ended"), { ended: "complete", down: sentDown, up, address: HOST });
});

test("the endpoint's own limits win, in bytes, time and streams", async (t) => {
  const { task, heard } = await startFor(t, { byteCap: 300_000, timeMs: 4_000, streams: 1 });
  const result = await transfer({ ...task, byteCap: 50_000_000, streams: 16 }, {});
  if (result.kind !== "found") return t.fail(JSON.stringify(result));
  t.equal(result.value.streams, 1);
  t.ok(result.value.down.totalBytes <= 300_000 && result.value.up.totalBytes <= 300_000);
  const began = await heard(({ type }) => type === "began");
  t.match(began, { terms: { byteCap: 300_000, timeMs: 4_000, streams: 1 } });
});

test("a small cap is shared by all streams and still measures", async (t) => {
  const { task } = await startFor(t, { byteCap: 50_000 });
  const result = await transfer({ ...task, streams: 16 }, {});
  if (result.kind !== "found") return t.fail(JSON.stringify(result));
  const { down, up, loadedPingsUs } = result.value;
  t.ok(down.totalBytes > 1_024 && up.totalBytes > 1_024, `${down.totalBytes} and ${up.totalBytes} bytes`);
  t.ok(loadedPingsUs.length >= 2, "one in each direction at least, at its start");
});

test("time ends a direction where bytes do not", async (t) => {
  const { task } = await startFor(t, { byteCap: 100_000_000_000, timeMs: 60 });
  const result = await transfer({ ...task, byteCap: 100_000_000_000 }, {});
  t.match(result, { kind: "found", value: { down: { slices: { length: 5 } }, up: { slices: { length: 5 } } } });
});

test("a wrong token is refused and never sent; too many of them shut the door", async (t) => {
  const { task, events } = await startFor(t, { failuresPerHour: 2 });
  const wrong = { ...task, token: "another-token-of-some-length" };
  for (let attempt = 0; attempt < 2; attempt++) {
    const refused = await transfer(wrong, {});
    t.match(refused, { kind: "failed", error: { code: "denied", message: /port \d+: it refused: the token is not/ } });
    t.notMatch(JSON.stringify(refused), wrong.token);
  }
  t.match(await transfer(task, {}), { kind: "failed", error: { code: "denied", message: /wrong tokens too often/ } });
  t.strictSame(
    events.map((event) => event.type === "refused" && event.why),
    ["token", "token", "failures"],
  );
});

test("sessions are counted by the hour, and one at a time", async (t) => {
  const { task, endpoint } = await startFor(t, { sessionsPerHour: 2 });
  const held = await openRaw(endpoint.port);
  t.match(held.accept, { kind: "accept" });
  t.match(await transfer(task, {}), { kind: "failed", error: { code: "denied", message: /measuring somebody else/ } });
  held.socket.destroy();
  const freed = await untilFound(() => transfer(task, {}));
  t.equal(freed.kind, "found");
  t.match(await transfer(task, {}), { kind: "failed", error: { code: "denied", message: /for this hour/ } });
});

/** Again as long as the endpoint has not yet noticed that somebody left. */
async function untilFound<Answer extends { kind: string }>(attempt: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    const answer = await attempt();
    if (answer.kind === "found" || !JSON.stringify(answer).includes("measuring somebody else")) return answer;
  }
}

test("connections are counted, in total and by address", async (t) => {
  for (const [limits, why] of [
    [{ connections: 2 }, "busy"],
    [{ connectionsPerAddress: 2 }, "address"],
  ] as const) {
    const { endpoint } = await startFor(t, limits);
    const first = await dialRaw(endpoint.port);
    await dialRaw(endpoint.port);
    const third = await dialRaw(endpoint.port);
    t.strictSame(third.hello, { kind: "refused", why });
    await third.closed;
    first.socket.destroy();
    await first.closed;
    for (let next = await dialRaw(endpoint.port); next.hello?.kind !== "hello"; next = await dialRaw(endpoint.port));
  }
});

test("who says nothing, or half of it, is dropped", async (t) => {
  const { endpoint, events } = await startFor(t, { handshakeMs: 40 });
  const silent = await dialRaw(endpoint.port);
  const slow = await dialRaw(endpoint.port);
  slow.socket.write(Buffer.alloc(FRAME_BYTES - 1));
  const halfOpen = await dialRaw(endpoint.port);
  halfOpen.socket.pause();
  await Promise.all([silent.closed, slow.closed]);
  halfOpen.socket.resume();
  await halfOpen.closed;
  t.strictSame(
    events.map((event) => event.type === "refused" && event.why),
    ["silent", "silent", "silent"],
  );
});

test("garbage is refused as a wrong token, and never answered with more than a refusal", async (t) => {
  const { endpoint, task } = await startFor(t, { failuresPerHour: 1_000 });
  for (const garbage of ["GET / HTTP/1.1\r\nHost: example.net\r\n".padEnd(FRAME_BYTES + 50, "x"), Buffer.alloc(100_000, 0xff)]) {
    const stranger = await dialRaw(endpoint.port);
    stranger.socket.write(garbage);
    await stranger.closed;
  }
  for (let round = 0; round < 50; round++) {
    const stranger = await dialRaw(endpoint.port);
    stranger.socket.write(NEEDS.random.bytes(FRAME_BYTES));
    t.strictSame(readOpenFrame(await stranger.next()), { kind: "refused", why: "token" });
  }
  t.equal((await transfer(task, {})).kind, "found", "and the endpoint goes on");
});

test("strangers do not fill the operator's log", async (t) => {
  const { endpoint, events } = await startFor(t, { connections: 0 });
  for (let visit = 0; visit < 200; visit++) t.strictSame((await dialRaw(endpoint.port)).hello, { kind: "refused", why: "busy" });
  // 60 in a minute, and a minute may have begun meanwhile.
  t.ok(events.length >= 60 && events.length <= 120);
});

test("an answer to another challenge is worth nothing", async (t) => {
  const { endpoint } = await startFor(t);
  const [first, second] = [await dialRaw(endpoint.port), await dialRaw(endpoint.port)];
  t.notSame(first.challenge, second.challenge);
  second.socket.write(sealFrame(OPEN, answerKey(TOKEN, first.challenge), "answer"));
  t.strictSame(readOpenFrame(await second.next()), { kind: "refused", why: "token" });
});

test("a holder of the token who breaks the protocol is cut", async (t) => {
  const { endpoint, heard, events } = await startFor(t);
  const { port } = endpoint;
  const endOf = async (count: number): Promise<unknown> => {
    await heard(() => events.filter(({ type }) => type === "ended").length >= count);
    const event = events.findLast(({ type }) => type === "ended");
    return event?.type === "ended" ? event.ended : event;
  };

  const noise = await openRaw(port);
  noise.socket.write(Buffer.alloc(FRAME_BYTES));
  await noise.closed;
  t.equal(await endOf(1), "protocol", "noise on the control connection");

  const early = await openRaw(port);
  const stream = await joinRaw(port, early.session, "up");
  await stream.next();
  stream.socket.write("early");
  await early.closed;
  t.equal(await endOf(2), "protocol", "data before the start");

  const greedy = await openRaw(port, { ...OPEN, byteCap: 1_000, streams: 1 });
  const upload = await joinRaw(port, greedy.session, "up");
  await upload.next();
  t.match(greedy.channel.unseal(await greedy.next()), { kind: "start", direction: "up" });
  upload.socket.write(Buffer.alloc(500_000));
  await greedy.closed;
  t.equal(await endOf(3), "bytes", "more than was granted");

  const flood = await openRaw(port);
  for (let id = 0; id < 3_000; id++) flood.socket.write(flood.channel.seal({ kind: "ping", id }));
  await flood.closed;
  t.equal(await endOf(4), "pings");

  const talkative = await dialRaw(port);
  talkative.socket.write(Buffer.concat([sealFrame(OPEN, answerKey(TOKEN, talkative.challenge), "answer"), Buffer.from("more")]));
  await talkative.closed;
  t.match(await heard((event) => event.type === "refused"), { why: "malformed" });
});

test("streams are wanted only as many, in their direction, and in their session", async (t) => {
  const { endpoint } = await startFor(t);
  const { port } = endpoint;
  const session = await openRaw(port);
  const refusalOf = async (stream: Awaited<ReturnType<typeof joinRaw>>) => readOpenFrame(await stream.next());
  t.strictSame(await refusalOf(await joinRaw(port, new Uint8Array(16), "up")), { kind: "refused", why: "session" });
  const first = await joinRaw(port, session.session, "up");
  await first.next();
  t.strictSame(await refusalOf(await joinRaw(port, session.session, "down")), { kind: "refused", why: "session" });
  const second = await joinRaw(port, session.session, "up");
  await second.next();
  t.strictSame(await refusalOf(await joinRaw(port, session.session, "up")), { kind: "refused", why: "session" });
});

test("a session that does not go on ends, and so does one that takes too long", async (t) => {
  const idle = await startFor(t, { waitMs: 40 });
  const first = await openRaw(idle.endpoint.port);
  await first.closed;
  t.match(await idle.heard(({ type }) => type === "ended"), { ended: "time", down: undefined });

  const long = await startFor(t, { sessionMs: 80 });
  const second = await openRaw(long.endpoint.port);
  const stalled = await joinRaw(long.endpoint.port, second.session, "down");
  await second.closed;
  await stalled.closed;
  t.match(await long.heard(({ type }) => type === "ended"), { ended: "time" });
});

test("who does not read is not buffered for", async (t) => {
  const { endpoint } = await startFor(t, { timeMs: 150, byteCap: 10_000_000_000 });
  const session = await openRaw(endpoint.port, { ...OPEN, byteCap: 10_000_000_000, streams: 1 });
  const stream = await joinRaw(endpoint.port, session.session, "down");
  stream.socket.pause();
  t.match(session.channel.unseal(await session.next()), { kind: "start", direction: "down" });
  const result = session.channel.unseal(await session.next());
  // What the kernel's buffers took of the 10 GB that were granted.
  t.ok(typeof result === "object" && result.kind === "result" && result.totalBytes < 50_000_000, JSON.stringify(result));
  stream.socket.destroy();
});

test("an aborted transfer leaves nothing behind", async (t) => {
  const { task, heard } = await startFor(t, { byteCap: 100_000_000_000 });
  for (const at of [0.05, 0.06, 0.53]) {
    const aborting = new AbortController();
    const reason = new Error("enough");
    const onProgress = (fraction: number): void => {
      if (fraction >= at) aborting.abort(reason);
    };
    const limits = { ...task, byteCap: 100_000_000_000, timeMs: 300 };
    await t.rejects(
      untilFound(() => transfer(limits, { signal: aborting.signal, onProgress })),
      reason,
    );
  }
  await t.rejects(transfer(task, { signal: AbortSignal.abort(new Error("before")) }), /before/);
  t.match(await heard((event) => event.type === "ended"), { ended: "left" });
});

test("stopping the endpoint ends its sessions", async (t) => {
  const { task, endpoint } = await startFor(t);
  const result = await transfer({ ...task, byteCap: 100_000_000_000 }, { beforeLoad: () => endpoint.stop() });
  t.match(result, { kind: "failed", error: { code: "unreadable" } });
  t.match(await transfer(task, {}), { kind: "failed", error: { code: "unreadable", message: /no connection \(.*ECONNREFUSED/ } });
});

test("an address that is taken cannot be served at", async (t) => {
  const { endpoint } = await startFor(t);
  const options = { host: HOST, port: endpoint.port, token: TOKEN };
  await t.rejects(startBandwidthEndpoint(NEEDS, options), { code: "endpoint-unavailable", message: /cannot listen there/ });
});

/** A server that is no good endpoint. */
async function startLiar(t: Test, greet: (socket: Socket) => void): Promise<BandwidthTask> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on("error", () => {}));
    greet(socket);
  });
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return { endpoint: { host: HOST, port }, token: TOKEN, byteCap: 1_000, timeMs: 100, streams: 1 };
}

test("a client believes no endpoint that does not know the token, or lies", async (t) => {
  const challenge = NEEDS.random.bytes(32);
  const hello = openFrame({ kind: "hello", challenge });
  const web = await startLiar(t, (socket) => socket.write("HTTP/1.1 400 Bad Request\r\n".padEnd(200)));
  t.match(await transfer(web, {}), { kind: "failed", error: { code: "malformed", message: /no bandwidth endpoint/ } });

  const closing = await startLiar(t, (socket) => socket.end());
  t.match(await transfer(closing, {}), { kind: "failed", error: { code: "unreadable", message: /closed the connection/ } });

  const accept = { kind: "accept", session: new Uint8Array(16), byteCap: 1_000, timeMs: 100, streams: 1 } as const;
  const ignorant = await startLiar(t, (socket) => {
    socket.write(hello);
    socket.once("data", () => socket.write(sealFrame(accept, new Uint8Array(32), "server 0")));
  });
  t.match(await transfer(ignorant, {}), { kind: "failed", error: { code: "denied", message: /does not know the token/ } });

  const generous = await startLiar(t, (socket) => {
    socket.write(hello);
    socket.once("data", (answer: Buffer) => {
      const key = channelKey(TOKEN, challenge, answer.subarray(8, 24));
      socket.write(makeChannel(key, "server").seal({ ...accept, byteCap: 2_000 }));
    });
  });
  t.match(await transfer(generous, {}), {
    kind: "failed",
    error: { code: "malformed", message: /granted what nobody asked for/ },
  });

  const noisy = await startLiar(t, (socket) => {
    socket.write(hello);
    socket.once("data", (answer: Buffer) => {
      const channel = makeChannel(channelKey(TOKEN, challenge, answer.subarray(8, 24)), "server");
      socket.write(Buffer.concat([channel.seal(accept), channel.seal({ kind: "pong", id: 77 })]));
    });
  });
  t.match(await transfer(noisy, {}), { kind: "failed", error: { code: "malformed", message: /nobody asked for/ } });
});
