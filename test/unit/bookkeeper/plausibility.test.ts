/*
 * What a proof says it used, held against the machine, the time and the assignment. Each bound is tried on both sides, for each kind of work,
 * and so are proofs that arrive days later and assignments that justify less than the machine could give.
 */
import t from "tap";
import {
  CPU_SLACK,
  KEEPING_SLACK_MS,
  TIME_SLACK_MS,
  TRAFFIC_SLACK_BYTES,
  UNKNOWN_LINK_BITS_PER_SECOND,
} from "../../../bookkeeper/limits.ts";
import { checkPlausible } from "../../../bookkeeper/verify/plausibility.ts";
import type { Finding } from "../../../bookkeeper/verify/verifier.ts";
import { verifierOf } from "../../../bookkeeper/verify/verify-proof.ts";
import { type ClaimChanges, claimOf, ISSUED_MS } from "../../sim/bookkeeper-claims.ts";
import { ALL_WORK, COMPUTE, CONTENT, DELETE, GET, MEASURE, PROVE, PUT, type SampleWork } from "../../sim/bookkeeper-work.ts";

const MIB = 2 ** 20;

const wordOf = (finding: Finding | undefined): string => (finding?.ok === true ? "holds" : (finding?.reason ?? "no verifier"));
/** What the machine and the time say. */
const machine = (work: SampleWork, changes: ClaimChanges): string => wordOf(checkPlausible(claimOf(work, changes)));
/** What the assignment and its kind say. */
const kind = (work: SampleWork, changes: ClaimChanges): string => wordOf(verifierOf(work.kind)?.verify(claimOf(work, changes)));
const ran = (toMs: number, more: object = {}) => ({ proof: { interval: { bootCount: 3, fromMs: 0, toMs }, ...more } });

t.test("honest work of every kind holds", async (t) => {
  for (const work of ALL_WORK) t.strictSame([machine(work, {}), kind(work, {})], ["holds", "holds"], work.name);
});

t.test("time: it ended after it began, in a start that has been, and took no longer than there was", async (t) => {
  t.equal(machine(MEASURE, { proof: { interval: { bootCount: 3, fromMs: 10, toMs: 10 } }, usage: { cpuMicros: 9n } }), "holds");
  t.equal(machine(MEASURE, { proof: { interval: { bootCount: 3, fromMs: 10, toMs: 9 } } }), "implausible-time");
  t.equal(
    machine(MEASURE, { proof: { interval: { bootCount: 2, fromMs: 0, toMs: 9 } }, usage: { cpuMicros: 9n } }),
    "holds",
    "an earlier start of the node",
  );
  t.equal(machine(MEASURE, { proof: { interval: { bootCount: 4, fromMs: 0, toMs: 9 } } }), "implausible-time");
  const receivedAtMs = ISSUED_MS + 5_000;
  t.equal(machine(COMPUTE, { ...ran(5_000 + TIME_SLACK_MS), receivedAtMs }), "holds");
  t.equal(machine(COMPUTE, { ...ran(5_001 + TIME_SLACK_MS), receivedAtMs }), "implausible-time");
  t.equal(machine(COMPUTE, { ...ran(0), receivedAtMs: ISSUED_MS - 1_000_000 }), "implausible-time", "before it was issued");
});

t.test("CPU: no more than cores times the time it ran", async (t) => {
  const most = (cores: number, ms: number): bigint =>
    BigInt(Math.floor((ms + 1) * cores * 1000 * CPU_SLACK.factor + CPU_SLACK.micros));
  for (const [milli, ms] of [
    [4_000, 10_000],
    [1_000, 1_000],
    [250, 60_000],
  ] as const) {
    const facts = { effectiveMilliCpus: milli };
    const cpuMicros = most(milli / 1000, ms);
    t.equal(machine(COMPUTE, { ...ran(ms), facts, usage: { cpuMicros } }), "holds", `${milli} milli-cores, ${ms} ms`);
    t.equal(machine(COMPUTE, { ...ran(ms), facts, usage: { cpuMicros: cpuMicros + 1n } }), "implausible-cpu");
  }
  t.equal(machine(MEASURE, { ...ran(0), usage: { cpuMicros: 2n ** 63n - 1n } }), "implausible-cpu");
});

t.test("memory: no more than the machine has, for as long as it ran", async (t) => {
  const facts = { memoryBytes: 100n };
  t.equal(machine(MEASURE, { ...ran(7_999), facts, usage: { memoryByteSeconds: 1_000n } }), "holds");
  t.equal(machine(MEASURE, { ...ran(7_999), facts, usage: { memoryByteSeconds: 1_001n } }), "implausible-memory");
  t.equal(machine(MEASURE, { facts: { memoryBytes: 0n }, usage: { memoryByteSeconds: 1n } }), "implausible-memory");
});

t.test("bytes: no more in either direction than the link carries, and a buffer full", async (t) => {
  const facts = { linkBitsPerSecond: 8_000n };
  const most = BigInt(1_000 + TRAFFIC_SLACK_BYTES);
  for (const way of ["upBytes", "downBytes"] as const) {
    t.equal(machine(MEASURE, { ...ran(999), facts, usage: { [way]: most } }), "holds", way);
    t.equal(machine(MEASURE, { ...ran(999), facts, usage: { [way]: most + 1n } }), "implausible-bytes", way);
  }
  const unknown = BigInt(UNKNOWN_LINK_BITS_PER_SECOND / 8 + TRAFFIC_SLACK_BYTES);
  const { linkBitsPerSecond: _known, ...rest } = claimOf(MEASURE).descriptor.facts;
  const claim = { ...claimOf(MEASURE, { ...ran(999), usage: { upBytes: unknown + 1n } }) };
  const descriptor = { ...claim.descriptor, facts: rest };
  t.equal(wordOf(checkPlausible({ ...claim, descriptor })), "implausible-bytes", "a link whose speed nobody knows");
});

t.test("disk: only what the store keeps, and no longer than since it was placed", async (t) => {
  for (const work of ALL_WORK) {
    const expected = work.kind === "store" ? "holds" : "implausible-disk";
    t.equal(machine(work, { usage: { diskByteSeconds: 1n } }), expected, work.name);
  }
  const size = CONTENT.length;
  const placement = { size, placedMs: ISSUED_MS, claimed: 0n };
  const receivedAtMs = ISSUED_MS + 100_000;
  const most = (BigInt(size) * BigInt(100_000 + KEEPING_SLACK_MS)) / 1000n;
  for (const work of [PROVE, GET, DELETE, PUT]) {
    t.equal(kind(work, { placement, receivedAtMs, usage: { diskByteSeconds: most } }), "holds", work.name);
    t.equal(kind(work, { placement, receivedAtMs, usage: { diskByteSeconds: most + 1n } }), "implausible-disk", work.name);
    const claimed = { ...placement, claimed: most - 5n };
    t.equal(kind(work, { placement: claimed, receivedAtMs, usage: { diskByteSeconds: 5n } }), "holds", "the rest of it");
    t.equal(
      kind(work, { placement: claimed, receivedAtMs, usage: { diskByteSeconds: 6n } }),
      "implausible-disk",
      "the sum counts",
    );
    t.equal(kind(work, { placement: "none", usage: { diskByteSeconds: 1n } }), "implausible-disk", "never placed");
    t.equal(kind(work, { placement: "none" }), "holds", "nothing claimed");
  }
  const future = { ...placement, placedMs: receivedAtMs + 1_000_000 };
  const slack = (BigInt(size) * BigInt(KEEPING_SLACK_MS)) / 1000n;
  t.equal(kind(PROVE, { placement: future, receivedAtMs, usage: { diskByteSeconds: slack } }), "holds", "a clock set back");
  t.equal(kind(PROVE, { placement: future, receivedAtMs, usage: { diskByteSeconds: slack + 1n } }), "implausible-disk");
});

t.test("a proof that comes days later is judged by how long the work took, and claims no more for the wait", async (t) => {
  const receivedAtMs = ISSUED_MS + 5 * 86_400_000;
  for (const work of ALL_WORK) t.equal(machine(work, { receivedAtMs }) + kind(work, { receivedAtMs }), "holdsholds", work.name);
  const day = ran(86_400_000);
  const greedy = { ...day, receivedAtMs, usage: { cpuMicros: 86_400_000_000n } };
  for (const work of ALL_WORK) {
    t.equal(machine(work, greedy), "holds", "the machine could have done it");
    t.equal(kind(work, greedy), "implausible-time", `${work.name}: nobody asked it to`);
  }
});

t.test("no proof is worth more than its assignment can have taken, however good the machine", async (t) => {
  const facts = { effectiveMilliCpus: 64_000, memoryBytes: 2n ** 50n, linkBitsPerSecond: 10n ** 12n };
  const cases: readonly (readonly [work: SampleWork, usage: ClaimChanges["usage"], expected: string])[] = [
    [MEASURE, { cpuMicros: 24_000_000n }, "holds"],
    [MEASURE, { cpuMicros: 24_000_001n }, "implausible-cpu"],
    [MEASURE, { memoryByteSeconds: 2n ** 29n * 3n }, "holds"],
    [MEASURE, { memoryByteSeconds: 2n ** 29n * 3n + 1n }, "implausible-memory"],
    [MEASURE, { upBytes: 8n * 65_536n }, "holds"],
    [MEASURE, { upBytes: 8n * 65_536n + 1n }, "implausible-bytes"],
    [MEASURE, { downBytes: 8n * 65_536n + 1n }, "implausible-bytes"],
    [PROVE, { cpuMicros: 10_000_001n }, "implausible-cpu"],
    [PROVE, { upBytes: 131_073n }, "implausible-bytes"],
    [DELETE, { downBytes: 131_073n }, "implausible-bytes"],
    [GET, { memoryByteSeconds: 2n ** 40n }, "implausible-memory"],
    [PUT, { downBytes: BigInt(Math.ceil(CONTENT.length * 1.1) + MIB) }, "holds"],
    [PUT, { downBytes: BigInt(Math.ceil(CONTENT.length * 1.1) + MIB + 1) }, "implausible-bytes"],
    [PUT, { upBytes: BigInt(CONTENT.length + MIB) }, "implausible-bytes"],
    [PUT, { cpuMicros: 10_000_000n + BigInt(CONTENT.length) + 1n }, "implausible-cpu"],
    [COMPUTE, { cpuMicros: 32_000_000n }, "holds"],
    [COMPUTE, { cpuMicros: 32_000_001n }, "implausible-cpu"],
    [COMPUTE, { memoryByteSeconds: BigInt(60 * MIB) * 5n }, "holds"],
    [COMPUTE, { memoryByteSeconds: BigInt(60 * MIB) * 5n + 1n }, "implausible-memory"],
    [COMPUTE, { upBytes: 131_072n }, "holds"],
    [COMPUTE, { upBytes: 131_073n }, "implausible-bytes"],
  ];
  for (const [work, usage, expected] of cases)
    t.equal(kind(work, { facts, usage: usage ?? {} }), expected, `${work.name} ${JSON.stringify(usage, (_, v) => String(v))}`);
  const http = { method: "http", targets: ["http://a.example/"], count: 2 };
  const result = { target: "http://a.example/", sent: 2, rttMicros: [1_000, 1_000] };
  const page = { spec: http, evidence: { method: "http", results: [result] }, facts };
  t.equal(kind(MEASURE, { ...page, usage: { downBytes: BigInt(3 * 10 * MIB + 3 * 256 * 1024) } }), "holds", "bodies count");
  t.equal(kind(MEASURE, { ...page, usage: { downBytes: BigInt(3 * 10 * MIB + 3 * 256 * 1024 + 1) } }), "implausible-bytes");
});
