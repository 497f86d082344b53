// What the measuring child does with a job, in a simulated world: no sockets, no programs, and a clock that only moves when told.
import t from "tap";
import type { Job, RunnerWord, Target } from "../../../../agent/services/measure/runner/job.ts";
import { runJob } from "../../../../agent/services/measure/runner/run-job.ts";
import type { SessionNeeds } from "../../../../agent/services/measure/runner/session.ts";
import { parseRunnerWord } from "../../../../agent/services/measure/runner-words.ts";
import type { MeasureResult } from "../../../../protocol/index.ts";

const TRAFFIC = { upBytes: 10, downBytes: 20 };
const TARGET: Target = { text: "measured.example", host: "measured.example", port: 80, path: "/" };

/** A world in which every name has one address and everything takes a millisecond, except for what `more` says. */
async function measure(
  job: Partial<Job>,
  more: Partial<SessionNeeds> = {},
  maxBodyBytes = 1_000,
): Promise<{
  readonly results: readonly MeasureResult[];
  readonly end: RunnerWord | undefined;
  readonly log: readonly string[];
}> {
  const words: RunnerWord[] = [];
  const log: string[] = [];
  let micros = 0;
  const took = async <Value>(what: string, value: Value, milliseconds = 1): Promise<Value> => {
    log.push(what);
    micros += milliseconds * 1000;
    return value;
  };
  const needs: SessionNeeds = {
    exchangeDns: ({ address }, { name, type }) =>
      took(`${type} ${name} at ${address}`, {
        kind: "answered",
        micros: 700,
        answer: { responseCode: 0, isTruncated: false, records: type === "A" ? ["192.0.2.7"] : [] },
        traffic: TRAFFIC,
      }),
    probeTcp: (address, port) => took(`connect ${address} ${port}`, { kind: "answered", micros: 900 }),
    probeHttp: (probe) =>
      took(`get ${probe.address}`, {
        kind: "answered",
        status: 200,
        bodyBytes: 600,
        phases: { connect: 100, firstByte: 200, total: 400 },
        traffic: TRAFFIC,
      }),
    runPing: ({ address }) => took(`ping ${address}`, { kind: "ran", stdout: "", stderr: "" }),
    ask: (addresses) => took(`ask ${addresses}`, undefined),
    say: (word) => words.push(word),
    microsNow: () => micros,
    sleep: (durationMs) => took(`sleep ${durationMs}`, undefined, durationMs),
    ...more,
  };
  const whole: Job = {
    ...{ method: "tcp", targets: [TARGET], count: 1, timeoutMs: 1_000, intervalMs: 200, budgetMs: 60_000, recordType: "A" },
    ...{
      servers: [{ address: "192.0.2.53", port: 53 }],
      prefersIpv6: false,
      pingInterval: "0.2",
      userAgent: "test",
      trustedRoots: [],
    },
    ...job,
  };
  await runJob(whole, needs, maxBodyBytes);
  const results = words.flatMap((word) => (word.kind === "result" ? [word.result] : []));
  for (const word of words) {
    t.strictSame(parseRunnerWord(JSON.stringify(word), whole.method), word, "the agent understands every word");
  }
  return { results, end: words.at(-1), log };
}

const answering = (records: readonly string[], responseCode = 0): Pick<SessionNeeds, "exchangeDns"> => ({
  exchangeDns: async () => ({
    kind: "answered",
    micros: 700,
    answer: { responseCode, isTruncated: false, records },
    traffic: TRAFFIC,
  }),
});

t.test("each probe starts an interval after the one before, and the policy is asked before the first", async (t) => {
  const { results, log } = await measure({ count: 3 });
  const connect = "connect 192.0.2.7 80";
  t.strictSame(log, ["A measured.example at 192.0.2.53", "ask 192.0.2.7", connect, "sleep 199", connect, "sleep 199", connect]);
  t.strictSame(results, [{ target: TARGET.text, sent: 3, rttMicros: [900, 900, 900], address: "192.0.2.7" }]);
});

t.test("a name with any forbidden address is not touched", async (t) => {
  const refusal = "private address";
  for (const method of ["tcp", "http", "ping"] as const) {
    const { results, log } = await measure(
      { method, count: 3 },
      { ...answering(["9.9.9.9", "10.0.0.1"]), ask: async () => refusal },
    );
    t.strictSame(results, [{ target: TARGET.text, sent: 0, rttMicros: [], failure: { source: "policy", what: refusal } }]);
    t.strictSame(log, [], "nothing was sent but the look-up");
  }
});

t.test("http looks the name up and asks the policy again before every connection", async (t) => {
  let asked = 0;
  const { results, log } = await measure(
    { method: "http", count: 3 },
    { ask: async () => (++asked === 2 ? "loopback address" : undefined) },
    10_000,
  );
  t.match(results, [{ sent: 1, rttMicros: [1_400], failure: { source: "policy", what: "loopback address" } }]);
  t.equal(log.filter((line) => line.startsWith("get")).length, 1);
  t.strictSame(results[0]?.phasesMicros, { dns: 1_000, connect: 100, firstByte: 200, total: 1_400 });
});

t.test("localhost is this device, and no server is asked about it", async (t) => {
  const { log } = await measure({ targets: [{ ...TARGET, host: "a.localhost" }] });
  t.strictSame(log, ["ask 127.0.0.1", "connect 127.0.0.1 80"]);
});

t.test("a literal address is asked past the policy and never looked up", async (t) => {
  const { log } = await measure({ targets: [{ ...TARGET, host: "2001:db8::1" }] });
  t.strictSame(log, ["ask 2001:db8::1", "connect 2001:db8::1 80"]);
});

t.test("a name without IPv4 addresses is looked up for IPv6 ones, and the other way round", async (t) => {
  const servers = [{ address: "192.0.2.53", port: 53 }];
  const noIpv4: SessionNeeds["exchangeDns"] = async (_server, { type }) => {
    const answer = { responseCode: 0, isTruncated: false, records: type === "AAAA" ? ["2001:db8::7"] : [] };
    return { kind: "answered", micros: 1, answer, traffic: TRAFFIC };
  };
  t.match((await measure({ servers }, { exchangeDns: noIpv4 })).results, [{ address: "2001:db8::7" }]);
  t.match((await measure({ servers, prefersIpv6: true })).results, [{ address: "192.0.2.7" }]);
  t.match((await measure({ servers }, answering([]))).results, [
    { sent: 0, failure: { source: "resolver", what: "no address for this name" } },
  ]);
});

t.test("name servers are asked in turn until one knows", async (t) => {
  const servers = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map((address) => ({ address, port: 53 }));
  const asked: string[] = [];
  const exchangeDns: SessionNeeds["exchangeDns"] = async ({ address }, _question, timeoutMs) => {
    asked.push(`${address} ${timeoutMs}`);
    if (address === "192.0.2.1") return { kind: "failed", failure: { source: "resolver", what: "timed out" }, traffic: TRAFFIC };
    const responseCode = address === "192.0.2.2" ? 2 : 0;
    const answer = { responseCode, isTruncated: false, records: ["192.0.2.7"] };
    return { kind: "answered", micros: 1, answer, traffic: TRAFFIC };
  };
  t.match((await measure({ servers, timeoutMs: 4_000 }, { exchangeDns })).results, [{ sent: 1, address: "192.0.2.7" }]);
  t.strictSame(asked, ["192.0.2.1 1000", "192.0.2.2 1000", "192.0.2.3 1000"]);
  const only = { servers: servers.slice(0, 2) };
  t.match((await measure(only, { exchangeDns })).results, [{ sent: 0, failure: { source: "resolver", what: "server failure" } }]);
  t.match((await measure({ servers: [] })).results, [
    { failure: { source: "internal", what: "no name server is configured here" } },
  ]);
  const missing = await measure({ servers }, answering([], 3));
  t.match(missing.results, [{ failure: { source: "target", what: "no such name" } }]);
});

t.test("what may not end in time is not begun", async (t) => {
  const slow = { probeTcp: async () => ({ kind: "failed", failure: { source: "target", what: "timed out" } }) as const };
  const { results } = await measure({ count: 10, budgetMs: 1_500, intervalMs: 400, targets: [TARGET, TARGET] }, slow);
  const failure = { source: "internal", what: "no time left in this assignment" };
  t.match(results, [
    { sent: 2, failure },
    { sent: 0, failure },
  ]);
  for (const method of ["ping", "dns", "http"] as const) {
    t.match((await measure({ method, budgetMs: 500 })).results, [{ sent: 0, failure }], method);
  }
});

t.test("dns: the records and times, and whose doing it is when there are none", async (t) => {
  const dns = { method: "dns", count: 2 } as const;
  t.match((await measure(dns)).results, [{ sent: 2, rttMicros: [700, 700], answers: ["192.0.2.7"], address: "192.0.2.53" }]);
  t.match((await measure(dns, answering([]))).results, [{ sent: 2, answers: [] }]);
  t.match((await measure(dns, answering([], 3))).results, [
    { rttMicros: [700, 700], failure: { source: "target", what: "no such name" } },
  ]);
  t.match((await measure(dns, answering([], 5))).results, [{ failure: { source: "resolver", what: "query refused" } }]);
  t.match((await measure({ ...dns, servers: [] })).results, [{ sent: 0, failure: { source: "internal" } }]);
});

t.test("dns: the owner's addresses are not told", async (t) => {
  const { results } = await measure({ method: "dns" }, { ...answering(["192.168.1.2"]), ask: async () => "private address" });
  const failure = { source: "policy", what: "answer withheld: private address" };
  t.strictSame(results, [{ target: TARGET.text, sent: 1, rttMicros: [700], address: "192.0.2.53", failure }]);
});

t.test("dns: answers fit the evidence, however many and long they are", async (t) => {
  const { results } = await measure(
    { method: "dns", recordType: "TXT" },
    answering(Array.from({ length: 60 }, () => "x".repeat(5_000))),
  );
  const lengths = results[0]?.answers?.map((answer) => answer.length);
  t.strictSame(lengths, [512, 512, 512, 512]);
});

t.test("http: bodies of one assignment have a limit together", async (t) => {
  const limits: number[] = [];
  const exchange = {
    kind: "answered",
    status: 200,
    bodyBytes: 600,
    phases: { connect: 1, firstByte: 1, total: 2 },
    traffic: TRAFFIC,
  } as const;
  const probeHttp: SessionNeeds["probeHttp"] = async (probe) => {
    limits.push(probe.maxBodyBytes);
    return exchange;
  };
  const { results, end } = await measure({ method: "http", count: 5 }, { probeHttp }, 1_000);
  t.strictSame(limits, [1_000, 400]);
  t.match(results, [{ sent: 2, failure: { source: "internal", what: "no traffic left in this assignment" } }]);
  t.strictSame(end, { kind: "end", traffic: { upBytes: 50, downBytes: 100 } }, "two requests, three look-ups");
});

t.test("http: what came of an answer that broke is told where there is nothing better", async (t) => {
  const failure = { source: "target", what: "body larger than is read" } as const;
  const probeHttp = async () => ({ kind: "failed", failure, status: 200, bodyBytes: 900, traffic: TRAFFIC }) as const;
  const { results } = await measure({ method: "http" }, { probeHttp });
  t.match(results, [{ sent: 1, rttMicros: [], status: 200, bodyBytes: 900, failure }]);
});

t.test("ping: times, losses, answers after the timeout, and packets as traffic", async (t) => {
  const stdout = [
    "64 bytes from 192.0.2.7: icmp_seq=1 ttl=57 time=20.3 ms",
    "64 bytes from 192.0.2.7: icmp_seq=2 ttl=57 time=1043 ms",
    "3 packets transmitted, 2 received, 33% packet loss, time 405ms",
  ].join("\n");
  const { results, end } = await measure(
    { method: "ping", count: 3 },
    { runPing: async () => ({ kind: "ran", stdout, stderr: "" }) },
  );
  const failure = { source: "target", what: "timed out" };
  t.strictSame(results, [{ target: TARGET.text, sent: 3, rttMicros: [20_300], address: "192.0.2.7", failure }]);
  t.strictSame(end, { kind: "end", traffic: { upBytes: 10 + 3 * 84, downBytes: 20 + 2 * 84 } });
});

t.test("ping: a program that is missing, may not send, or prints nonsense", async (t) => {
  const what = async (run: Awaited<ReturnType<SessionNeeds["runPing"]>>): Promise<unknown> =>
    (await measure({ method: "ping" }, { runPing: async () => run })).results[0]?.failure;
  t.strictSame(await what({ kind: "absent" }), { source: "internal", what: "ping is not installed" });
  t.strictSame(await what({ kind: "failed" }), { source: "internal", what: "ping did not start" });
  const denied = { kind: "ran", stdout: "", stderr: "ping: socket: Operation not permitted" } as const;
  t.strictSame(await what(denied), { source: "internal", what: "ping is not permitted here" });
  t.strictSame(await what({ kind: "ran", stdout: "\u0000\u001b[31m9 bytes", stderr: "" }), {
    source: "internal",
    what: "ping gave no result",
  });
});
