// Reads what the pings of this world print: captured outputs of iputils, BusyBox and inetutils, and any text at all.
import { readFileSync } from "node:fs";
import fc from "fast-check";
import t from "tap";
import { echoPacketBytes, explainPingError, parsePingOutput } from "../../../../agent/services/measure/runner/ping-output.ts";
import { printedSeed } from "./seed.ts";

const fixture = (name: string): string =>
  readFileSync(new URL(`../../../fixtures/measure/ping/${name}.txt`, import.meta.url), "utf8");

const OUTPUTS: readonly (readonly [name: string, address: string, expected: ReturnType<typeof parsePingOutput>])[] = [
  ["iputils-answered", "127.0.0.1", { sent: 3, rttMicros: [57, 60, 57], receivedBytes: 252 }],
  ["iputils-answered-ipv6", "::1", { sent: 2, rttMicros: [29, 56], receivedBytes: 208 }],
  ["iputils-silent", "198.51.100.9", { sent: 2, rttMicros: [], receivedBytes: 0 }],
  ["iputils-unreachable", "198.51.100.9", { sent: 4, rttMicros: [], receivedBytes: 0, complaint: "host unreachable" }],
  ["iputils-unreachable-ipv6", "2001:db8:1::9", { sent: 4, rttMicros: [], receivedBytes: 0, complaint: "host unreachable" }],
  ["iputils-net-unreachable", "192.0.2.9", { sent: 2, rttMicros: [], receivedBytes: 0, complaint: "network unreachable" }],
  ["iputils-prohibited-ipv6", "2001:db8:2::1", { sent: 2, rttMicros: [], receivedBytes: 0, complaint: "filtered" }],
  ["busybox-answered", "127.0.0.1", { sent: 3, rttMicros: [58, 71, 77], receivedBytes: 252 }],
  ["busybox-answered-ipv6", "::1", { sent: 2, rttMicros: [50, 82], receivedBytes: 208 }],
  ["busybox-silent", "198.51.100.9", { sent: 2, rttMicros: [], receivedBytes: 0 }],
  ["busybox-denied", "127.0.0.1", { sent: undefined, rttMicros: [], receivedBytes: 0 }],
  ["inetutils-answered", "127.0.0.1", { sent: 2, rttMicros: [54, 76], receivedBytes: 168 }],
  [
    "synthetic-duplicates",
    "192.0.2.1",
    { sent: 4, rttMicros: [20_300, 1_043_000], receivedBytes: 336, complaint: "too many hops" },
  ],
];

for (const [name, address, expected] of OUTPUTS) {
  t.test(`output of ping: ${name}`, async (t) => {
    t.strictSame(parsePingOutput(fixture(name), address), expected);
  });
}

t.test("what ping complains about becomes a constant phrase", async (t) => {
  const expected: Readonly<Record<string, string>> = {
    "iputils-denied": "ping is not permitted here",
    "busybox-denied": "ping is not permitted here",
    "inetutils-denied": "ping is not permitted here",
    "iputils-no-network": "network unreachable",
    "busybox-no-network": "network unreachable",
    "iputils-no-ipv6": "no address of this family here",
  };
  for (const [name, phrase] of Object.entries(expected)) t.equal(explainPingError(fixture(`${name}.stderr`)), phrase, name);
  t.equal(explainPingError("ping: connect: No route to host"), "no route to host");
  t.equal(explainPingError(""), "ping gave no result");
});

t.test("an echo request has 64 bytes of ICMP under its IP header", async (t) => {
  t.equal(echoPacketBytes("192.0.2.1"), 84);
  t.equal(echoPacketBytes("2001:db8::1"), 104);
});

t.test("half an output is read as far as it goes", async (t) => {
  const text = fixture("iputils-answered");
  const cut = parsePingOutput(text.slice(0, text.indexOf("icmp_seq=3")), "127.0.0.1");
  t.strictSame(cut, { sent: undefined, rttMicros: [57, 60], receivedBytes: 168 });
});

t.test("no text makes the parsers throw, and nothing out of range comes out", async (t) => {
  const piece = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom(
      "64 bytes from ",
      "::1",
      ": icmp_seq=1 ttl=64 time=",
      "0.1",
      "9".repeat(40),
      " ms",
      "\n",
      "From ",
      " packets transmitted, ",
    ),
  );
  const seed = printedSeed(t);
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const text = pieces.join("");
      const output = parsePingOutput(text, "::1");
      const numbers = [output.sent ?? 0, output.receivedBytes, ...output.rttMicros];
      return numbers.every((number) => Number.isSafeInteger(number) && number >= 0) && explainPingError(text).length > 0;
    }),
    { seed, numRuns: 500 },
  );
});
