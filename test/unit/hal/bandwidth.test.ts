/** The parts of the bandwidth measurement that touch nothing: frames, counting, admission, the link's counters, and the figures. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { test } from "tap";
import { addressGroup, makeAdmission } from "../../../hal/bandwidth/admission.ts";
import { makeBandwidthBenchmark } from "../../../hal/bandwidth/benchmark.ts";
import { makeChannel, makeFrameSplitter } from "../../../hal/bandwidth/channel.ts";
import {
  answerKey,
  type Count,
  channelKey,
  FRAME_BYTES,
  type Frame,
  openFrame,
  parseBandwidthToken,
  REFUSALS,
  readOpenFrame,
  sealFrame,
  unsealFrame,
} from "../../../hal/bandwidth/protocol.ts";
import { countSamples, kilobitsPerSecond, makeTally, medianOf, medianSlices } from "../../../hal/bandwidth/tally.ts";
import { findPath, parseDefaultRoute, parseDefaultRoute6, trafficBesides } from "../../../hal/bandwidth/traffic.ts";
import { parseEndpoint, type TransferOutcome } from "../../../hal/bandwidth/transfer.ts";
import { absent, failed, found, type Host } from "../../../hal/index.ts";
import { makeSimHost, makeTree } from "../../sim/machine-tree.ts";

const TOKEN = "a-token-of-some-length-1";
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const direction = fc.constantFrom("down" as const, "up" as const);
const terms = {
  byteCap: fc.integer({ min: 1, max: 100_000_000_000 }),
  timeMs: fc.integer({ min: 1, max: 10_000 }),
  streams: fc.integer({ min: 1, max: 16 }),
};
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const result = fc
  .record({
    kind: fc.constant("result" as const),
    direction,
    countedBytes: fc.integer({ min: 0, max: 1e11 }),
    totalUs: u32,
    countedUs: u32,
    slices: fc.oneof(fc.constant([]), fc.array(u32, { minLength: 5, maxLength: 5 })),
  })
  .map((frame) => ({ ...frame, totalBytes: frame.countedBytes + 7 }));
const frames: fc.Arbitrary<Frame> = fc
  .oneof(
    fc.record({ kind: fc.constant("hello" as const), challenge: bytes(32) }),
    fc.record({ kind: fc.constant("open" as const), nonce: bytes(16), ...terms }),
    fc.record({ kind: fc.constant("accept" as const), session: bytes(16), ...terms }),
    fc.record({ kind: fc.constant("join" as const), session: bytes(16), direction }),
    fc.constant({ kind: "joined" as const }),
    fc.record({ kind: fc.constantFrom("ping" as const, "pong" as const), id: u32 }),
    fc.record({ kind: fc.constant("start" as const), direction }),
    result,
    fc.record({ kind: fc.constant("refused" as const), why: fc.constantFrom(...REFUSALS) }),
  )
  .map((frame) => ({ ...frame }));

test("a frame is read as it was written, and only under its key and at its place", async () => {
  fc.assert(
    fc.property(frames, bytes(32), (frame, key) => {
      const sealed = sealFrame(frame, key, "client 3");
      assert.equal(sealed.length, FRAME_BYTES);
      assert.deepEqual(unsealFrame(sealed, key, "client 3"), frame);
      assert.equal(unsealFrame(sealed, key, "client 4"), "forged");
      assert.equal(unsealFrame(sealed, key, "server 3"), "forged");
      assert.equal(unsealFrame(sealed, answerKey(TOKEN, key), "client 3"), "forged");
      const isOpen = frame.kind === "hello" || frame.kind === "refused";
      assert.deepEqual(readOpenFrame(openFrame(frame)), isOpen ? frame : undefined);
      assert.equal(readOpenFrame(sealed), undefined);
    }),
  );
});

test("a changed bit is noticed, and nothing throws", async () => {
  const key = channelKey(TOKEN, new Uint8Array(32), new Uint8Array(16));
  fc.assert(
    fc.property(frames, fc.integer({ min: 0, max: FRAME_BYTES * 8 - 1 }), (frame, bit) => {
      const sealed = sealFrame(frame, key, "server 0");
      sealed[bit >> 3] = (sealed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.equal(unsealFrame(sealed, key, "server 0"), "forged");
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2 * FRAME_BYTES }), (noise) => {
      assert.equal(readOpenFrame(noise), undefined);
      assert.ok(["forged", "malformed"].includes(String(unsealFrame(noise, key, "server 0"))));
    }),
  );
});

test("there is one form of each frame: what a holder of the key writes otherwise is malformed", async () => {
  fc.assert(
    fc.property(frames, fc.integer({ min: 0, max: 63 }), fc.integer({ min: 1, max: 255 }), (frame, at, change) => {
      const open = openFrame(frame);
      open[at] = (open[at] ?? 0) ^ change;
      const read = readOpenFrame(open);
      // Either it is none, or it is one that would be written just so.
      assert.ok(read === undefined || Buffer.compare(openFrame(read), open) === 0);
    }),
  );
});

test("a splitter cuts the same frames out of any chunks", async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5 * FRAME_BYTES }), fc.array(fc.integer({ min: 1, max: 200 })), (stream, sizes) => {
      const splitter = makeFrameSplitter();
      const cut: Uint8Array[] = [];
      const push = (chunk: Uint8Array): void => {
        splitter.push(chunk);
        for (let next = splitter.next(); next !== undefined; next = splitter.next()) cut.push(next);
      };
      let at = 0;
      for (const size of sizes) {
        push(stream.subarray(at, at + size));
        at += size;
      }
      push(stream.subarray(at));
      assert.equal(cut.length, Math.floor(stream.length / FRAME_BYTES));
      assert.deepEqual(Buffer.concat([...cut, splitter.rest()]), Buffer.from(stream));
    }),
  );
});

test("a channel takes each frame once and in order", async (t) => {
  const key = new Uint8Array(32);
  const [client, server] = [makeChannel(key, "client"), makeChannel(key, "server")];
  const first = client.seal({ kind: "ping", id: 1 });
  const second = client.seal({ kind: "ping", id: 2 });
  t.strictSame(server.unseal(first), { kind: "ping", id: 1 });
  t.equal(server.unseal(first), "forged");
  const late = makeChannel(key, "server");
  t.equal(late.unseal(second), "forged");
  t.equal(makeChannel(key, "client").unseal(first), "forged", "nor does it come back as the other side's");
});

test("tokens and endpoints", async (t) => {
  t.equal(parseBandwidthToken(` ${TOKEN}\n`), TOKEN);
  for (const bad of ["", "short", "a token with spaces in it", "x".repeat(257), `${"ü".repeat(30)}`]) {
    t.equal(parseBandwidthToken(bad), undefined, bad.slice(0, 30));
  }
  t.strictSame(parseEndpoint("example.net:7410"), { host: "example.net", port: 7410 });
  t.strictSame(parseEndpoint("[2001:db8::1]:1"), { host: "2001:db8::1", port: 1 });
  for (const bad of ["example.net", ":7410", "a:b:1", "x:65536", "2001:db8::1:7410", "x:-1", "a/b:1"]) {
    t.equal(parseEndpoint(bad), undefined, bad);
  }
});

test("what counts is without the start, however the samples lie", async (t) => {
  // A burst of 1 MB at once, then 1,000 bytes a millisecond: 8,000 kbit/s.
  const tally = makeTally();
  tally.add(1_000_000, 500);
  for (let now = 501; now <= 2500; now++) tally.add(1_000, now);
  const count = tally.finish(2500);
  t.equal(count.totalBytes, 3_000_000);
  t.equal(count.totalUs, 2_000_000);
  t.equal(count.countedUs, 1_500_000);
  t.equal(kilobitsPerSecond(count), 8_000);
  t.strictSame(count.slices, [8_000, 8_000, 8_000, 8_000, 8_000]);
  t.strictSame(makeTally().finish(7), { totalBytes: 0, totalUs: 0, countedBytes: 0, countedUs: 0, slices: [] });
  t.equal(kilobitsPerSecond(countSamples([])), 0);
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(1e6), fc.nat(100))), fc.nat(1000), (arrivals, tail) => {
      const any = makeTally();
      let now = 0;
      for (const [size, gap] of arrivals) {
        now += gap;
        any.add(size, now);
      }
      const counted = any.finish(now + tail);
      assert.ok(counted.countedBytes >= 0 && counted.countedBytes <= counted.totalBytes);
      assert.ok(counted.countedUs >= 0 && counted.countedUs <= counted.totalUs);
      assert.ok(counted.slices.every((slice) => Number.isSafeInteger(slice) && slice >= 0));
    }),
  );
});

test("medians", async (t) => {
  t.equal(medianOf([]), undefined);
  t.equal(medianOf([5, 1, 3]), 3);
  t.strictSame(medianSlices([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), [2, 4, 6, 8, 10]);
  t.strictSame(medianSlices([4, 2]), [4, 2]);
});

const LIMITS = { connections: 4, connectionsPerAddress: 2, sessions: 1, sessionsPerHour: 2, failuresPerHour: 2, addresses: 5 };
const HOUR_MS = 3_600_000;

test("an endpoint bounds connections, sessions and attempts", async (t) => {
  const door = makeAdmission(LIMITS);
  t.equal(door.arrived("a", 0), undefined);
  t.equal(door.arrived("a", 0), undefined);
  t.equal(door.arrived("a", 0), "address");
  t.equal(door.arrived("b", 0), undefined);
  t.equal(door.arrived("c", 0), undefined);
  t.equal(door.arrived("d", 0), "busy");
  door.left("a");
  t.equal(door.arrived("d", 0), undefined);

  t.equal(door.sessionWanted("a", 0), undefined);
  t.equal(door.sessionWanted("b", 0), "busy");
  door.sessionEnded();
  t.equal(door.sessionWanted("a", 1), undefined);
  door.sessionEnded();
  t.equal(door.sessionWanted("a", 2), "often");
  t.equal(door.sessionWanted("a", HOUR_MS), undefined, "an hour after the first");

  door.failed("e", 0);
  t.equal(door.sessionWanted("e", 0), "busy");
  door.failed("e", 1);
  door.failed("e", 2);
  door.left("b");
  t.equal(door.arrived("e", 3), "failures");
  t.equal(door.arrived("e", HOUR_MS + 1), undefined);
});

test("many addresses push out only those that are gone", async (t) => {
  const door = makeAdmission(LIMITS);
  t.equal(door.arrived("stays", 0), undefined);
  for (let index = 0; index < 100; index++) {
    t.equal(door.arrived(`visitor ${index}`, index), undefined);
    door.left(`visitor ${index}`);
  }
  t.equal(door.arrived("stays", 101), undefined);
  t.equal(door.arrived("stays", 102), "address", "its connection was not forgotten");
});

test("what counts as one address", async (t) => {
  t.equal(addressGroup("192.0.2.1"), "192.0.2.1");
  t.equal(addressGroup("::ffff:192.0.2.1"), "192.0.2.1");
  t.equal(addressGroup("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
  t.equal(addressGroup("2001:db8:1:2::9"), addressGroup("2001:db8:1:2:ffff::1"));
  t.equal(addressGroup("fe80::1%eth0"), "fe80:0:0:0::/64");
  t.equal(addressGroup("::1"), "0:0:0:0::/64");
});

test("the interface that carried a transfer, and what it carried besides", async (t) => {
  const before = new Map([
    ["eth0", { receivedBytes: 100, sentBytes: 200 }],
    ["br0", { receivedBytes: 0, sentBytes: 0 }],
    ["idle0", { receivedBytes: 5, sentBytes: 5 }],
  ]);
  const after = new Map([
    ["eth0", { receivedBytes: 1_050_100, sentBytes: 550_200 }],
    ["br0", { receivedBytes: 9_000_000, sentBytes: 9_000_000 }],
    ["idle0", { receivedBytes: 50, sentBytes: 50 }],
    ["new0", { receivedBytes: 1, sentBytes: 1 }],
  ]);
  const ours = { receivedBytes: 1_000_000, sentBytes: 500_000 };
  t.equal(findPath(before, after, ours), "eth0");
  t.equal(findPath(before, after, { receivedBytes: 1e9, sentBytes: 0 }), undefined);
  t.strictSame(trafficBesides({ receivedBytes: 1_050_000, sentBytes: 550_000 }, ours), { receivedBytes: 0, sentBytes: 0 });
  t.strictSame(trafficBesides({ receivedBytes: 1_305_000, sentBytes: 550_000 }, ours), { receivedBytes: 200_000, sentBytes: 0 });
});

const ROUTE = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
wlan0\t00000000\t0100000A\t0003\t0\t0\t600\t00000000\t0\t0\t0
wwan0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
`;
const ZERO = "0".repeat(32);
const ROUTE6 = `${ZERO} 00 ${ZERO} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00450003     eth0
${ZERO} 00 ${ZERO} 00 ${ZERO} ffffffff 00000001 00000000 00200200       lo
`;

test("default routes", async (t) => {
  t.equal(parseDefaultRoute(ROUTE), "wwan0");
  t.equal(parseDefaultRoute(""), undefined);
  t.equal(parseDefaultRoute6(ROUTE6), "eth0");
  t.equal(parseDefaultRoute6("garbage"), undefined);
});

const count = (kilobits: number): Count => ({
  totalBytes: kilobits * 250,
  totalUs: 2_000_000,
  countedBytes: kilobits * 187.5,
  countedUs: 1_500_000,
  slices: [kilobits, kilobits, kilobits / 2, kilobits, kilobits],
});
const OUTCOME: TransferOutcome = {
  streams: 4,
  byteCap: 25_000_000,
  idlePingsUs: [900, 1000, 1100, 1000, 1000],
  loadedPingsUs: [9000, 11000, 10000],
  down: count(40_000),
  sentDown: count(44_000),
  up: count(8_000),
};
const TASK = {
  endpoint: { host: "example.net", port: 7410 },
  token: TOKEN,
  byteCap: 25_000_000,
  timeMs: 10_000,
  streams: 4,
  allowMetered: false,
};

/** The counters of a machine with one interface, one reading after the other: at first, before the load, after it. */
function makeCountingHost(readings: readonly (readonly [received: number, sent: number])[], route = ""): Host {
  let reading = -1;
  const treeAt = (index: number): Host => {
    const [received, sent] = readings[Math.min(index, readings.length - 1)] ?? [0, 0];
    const at = "/sys/class/net/eth0";
    return makeSimHost(
      makeTree({
        "/proc/net/route": route,
        [`${at}/type`]: "1\n",
        [`${at}/operstate`]: "up\n",
        [`${at}/statistics/rx_bytes`]: `${received}\n`,
        [`${at}/statistics/tx_bytes`]: `${sent}\n`,
      }),
    );
  };
  return {
    readText: (path, maxBytes) => treeAt(reading).readText(path, maxBytes),
    list: (path) => {
      if (path === "/sys/class/net") reading += 1;
      return treeAt(reading).list(path);
    },
    readLink: (path) => treeAt(reading).readLink(path),
    readVolumeSize: (path) => treeAt(reading).readVolumeSize(path),
  };
}

function measureWith(host: Host, outcome: TransferOutcome = OUTCOME, task = TASK) {
  let nowMs = 0;
  const clock = { wallMs: () => 0, monotonicMs: () => (nowMs += 500), sleep: async () => {} };
  const measure = makeBandwidthBenchmark({
    host,
    clock,
    transfer: async (_task, run) => {
      await run.beforeLoad?.();
      return found(outcome);
    },
  });
  return measure(task, {});
}

test("the figures, with what they were taken under", async (t) => {
  const result = await measureWith(
    makeCountingHost([
      [0, 0],
      [5_000, 5_000],
      [10_505_000, 2_205_000],
    ]),
  );
  if (result.kind !== "found") return t.fail(JSON.stringify(result));
  t.match(result.value, [
    { name: "bandwidth.down", value: 40_000, unit: "kbit/s", spreadPercent: 50, durationMs: 1_500, version: 1 },
    { name: "bandwidth.up", value: 8_000, unit: "kbit/s" },
    { name: "bandwidth.latency", value: 1_000, unit: "us", slices: [900, 1000, 1100, 1000, 1000], durationMs: 500 },
    { name: "bandwidth.loaded-latency", value: 10_000, unit: "us", conditions: { pings: 3 } },
  ]);
  t.strictSame(result.value[0]?.conditions, {
    streams: 4,
    endpoint: "example.net",
    byteCap: 25_000_000,
    otherBytes: 0,
    movedBytes: 10_000_000,
    totalMs: 2_000,
    endpointKilobitsPerSecond: 44_000,
    doubtful: undefined,
  });
});

test("a link in use makes the figures doubtful, and so does a short transfer", async (t) => {
  const doubtOf = async (host: Host, outcome?: TransferOutcome): Promise<unknown> => {
    const result = await measureWith(host, outcome);
    return result.kind === "found" ? result.value[0]?.conditions["doubtful"] : result;
  };
  const quiet = [11_000_000, 2_300_000] as const;
  t.equal(await doubtOf(makeCountingHost([[0, 0], [0, 0], quiet])), undefined);
  t.equal(
    await doubtOf(
      makeCountingHost([
        [0, 0],
        [0, 0],
        [14_000_000, 2_300_000],
      ]),
    ),
    "busy",
    "others used it meanwhile",
  );
  t.equal(
    await doubtOf(
      makeCountingHost([
        [0, 0],
        [400_000, 0],
        [11_400_000, 2_300_000],
      ]),
    ),
    "busy",
    "others used it before",
  );
  t.equal(
    await doubtOf(makeCountingHost([[0, 0], [0, 0], quiet]), { ...OUTCOME, down: { ...OUTCOME.down, countedUs: 100_000 } }),
    "short",
  );
});

test("what is not measured, and why", async (t) => {
  const mobile = makeCountingHost([[0, 0]], ROUTE);
  t.match(await measureWith(mobile), { kind: "absent", why: /^wwan0 looks like a mobile link/ });
  t.match(await measureWith(mobile, OUTCOME, { ...TASK, allowMetered: true }), { kind: "found" });
  const host = makeCountingHost([[0, 0]]);
  t.match(await measureWith(host, { ...OUTCOME, up: { ...OUTCOME.up, slices: [] } }), {
    kind: "failed",
    error: { code: "unreadable" },
  });
  t.match(await measureWith(host, { ...OUTCOME, sentDown: count(1) }), { kind: "failed", error: { code: "malformed" } });
  for (const answer of [absent("no"), failed("denied", "no")]) {
    const measure = makeBandwidthBenchmark({
      host,
      clock: { wallMs: () => 0, monotonicMs: () => 0, sleep: async () => {} },
      transfer: async () => answer,
    });
    t.strictSame(await measure(TASK, {}), answer);
  }
});
