// The service as the agent sees it: what it admits, what it makes of a run, and one whole measurement with everything real.
import t from "tap";
import {
  type HostNetwork,
  type MeasureNeeds,
  type MeasureOptions,
  makeJobRunner,
  makeMeasureService,
  type PingProgram,
  readHostNetwork,
} from "../../../../agent/services/measure/index.ts";
import type { RunOutcome } from "../../../../agent/services/measure/ports.ts";
import type { Job } from "../../../../agent/services/measure/runner/job.ts";
import type { NodeView, TaskContext } from "../../../../agent/services/service.ts";
import { meterProcessTree } from "../../../../base/index.ts";
import {
  encodeObject,
  MAX_INLINE_BYTES,
  type MeasureResult,
  type MeasureSpec,
  NO_USAGE,
  parseMeasureEvidence,
  type WireObject,
} from "../../../../protocol/index.ts";
import { startDnsServer, zone } from "./dns-server.ts";
import { startHttp } from "./loopback.ts";

const PING: PingProgram = { kind: "found", instrument: "ping iputils 20221126", interval: "0.2" };
const NO_PING: PingProgram = { kind: "absent", why: "ping is not installed; install iputils-ping" };
const NETWORK: HostNetwork = {
  onLink: [{ address: "8.8.4.1", prefix: 24 }],
  resolvers: ["192.168.1.1", "nonsense"],
  prefersIpv6: false,
};
const NODE: NodeView = { freeMemoryBytes: 2 ** 30, freeDiskBytes: 0, freeTrafficBytes: Number.POSITIVE_INFINITY };

const spec = (more: Partial<MeasureSpec> = {}): MeasureSpec => ({
  ...{ method: "tcp", targets: ["example.com:443"], count: 2, timeoutMs: 1_000 },
  ...more,
});

const context = (progress: string[] = []): TaskContext => ({
  signal: new AbortController().signal,
  progress: (text) => progress.push(text),
  taskId: "00",
});

function service(needs: Partial<MeasureNeeds> = {}, options: Partial<MeasureOptions> = {}) {
  const outcome: RunOutcome = { ending: { kind: "completed" }, results: [], usage: NO_USAGE };
  return makeMeasureService(
    { ping: PING, readNetwork: () => NETWORK, runJob: async () => outcome, ...needs },
    { allowPrivateTargets: false, version: "1.2.3", ...options },
  );
}

t.test("a missing ping is a lesser capability: everything else is still measured", async (t) => {
  t.strictSame(service().capabilities, [{ name: "ping", available: true }]);
  const lesser = service({ ping: NO_PING });
  t.strictSame(lesser.capabilities, [{ name: "ping", available: false, why: NO_PING.why }]);
  const ping = spec({ method: "ping", targets: ["example.com"] });
  t.strictSame(lesser.admit(ping, NODE), { kind: "refuse", reason: "capability-missing", detail: `ping: ${NO_PING.why}` });
  t.strictSame(lesser.admit(spec(), NODE), { kind: "admit" });
});

t.test("specifications are read strictly", async (t) => {
  const read = (wire: WireObject): unknown => {
    const parsed = service().parse(wire);
    return parsed.ok ? "ok" : parsed.error.code;
  };
  t.equal(read({ ...spec() }), "ok");
  t.equal(read({ ...spec({ method: "dns", recordType: "MX", resolver: "9.9.9.9" }) }), "ok");
  t.equal(read({ ...spec({ recordType: "MX" }) }), "bad-claims");
  t.equal(read({ ...spec({ resolver: "9.9.9.9" }) }), "bad-claims");
  t.equal(read({ ...spec(), more: 1 }), "bad-claims");
  t.equal(read({ ...spec({ targets: Array.from({ length: 9 }, () => "a.example:1") }) }), "bad-claims");
  t.equal(read({ ...spec({ count: 11 }) }), "bad-claims");
});

t.test("targets that may not be measured are refused before anything is sent", async (t) => {
  const verdict = (more: Partial<MeasureSpec>) => service().admit(spec(more), NODE);
  const forbidden: readonly Partial<MeasureSpec>[] = [
    { targets: ["example.com:443", "10.0.0.1:80"] },
    { targets: ["8.8.4.77:443"] },
    { targets: ["2130706433:80"] },
    { targets: ["example.com:25"] },
    { method: "ping", targets: ["0x7f.1"] },
    { method: "ping", targets: ["127.1"] },
    { method: "http", targets: ["http://[64:ff9b::a00:1]/"] },
    { method: "http", targets: ["http://user:password@example.com/"] },
    { method: "http", targets: ["ftp://example.com/"] },
    { method: "http", targets: ["http://[fec0::1]:8080/"] },
    { method: "dns", targets: ["router.lan"] },
    { method: "dns", targets: ["example.com"], resolver: "192.168.1.1" },
    { method: "dns", targets: ["example.com"], resolver: "dns.example" },
  ];
  for (const more of forbidden) {
    t.match(verdict(more), { kind: "refuse", reason: "target-forbidden", detail: /^.{10,256}$/ }, JSON.stringify(more));
  }
  const long = verdict({ method: "http", targets: [`gopher://${"x".repeat(1_000)}/`] });
  t.equal(long.kind === "refuse" && long.detail.length, 256);
  t.strictSame(verdict({ method: "dns", targets: ["example.com"], resolver: "9.9.9.9" }), { kind: "admit" });
  const open = service({}, { allowPrivateTargets: true });
  t.strictSame(open.admit(spec({ targets: ["127.0.0.1:80", "localhost:81"] }), NODE), { kind: "admit" });
});

t.test("a node without the memory or the traffic for it does not take it", async (t) => {
  t.match(service().admit(spec(), { ...NODE, freeMemoryBytes: 2 ** 20 }), { reason: "over-memory-limit" });
  const page = spec({ method: "http", targets: ["https://example.com/"] });
  t.match(service().admit(page, { ...NODE, freeTrafficBytes: 20 * 2 ** 20 }), { reason: "over-daily-bytes" });
  t.match(service().admit(page, { ...NODE, freeTrafficBytes: 21 * 2 ** 20 }), { kind: "admit" });
  t.match(service().admit(spec(), { ...NODE, freeTrafficBytes: 20_000 }), { kind: "admit" });
  t.strictSame(service().demand(spec()), { memoryBytes: 96 * 2 ** 20, diskBytes: 0 });
});

t.test("measuring again does no harm", async (t) => {
  t.equal(service().recover(spec()), "again");
});

t.test("the job says whom to ask: the owner's servers, the assignment's, or the system's", async (t) => {
  const jobs: Job[] = [];
  const runJob: MeasureNeeds["runJob"] = async (job) => {
    jobs.push(job);
    return { ending: { kind: "completed" }, results: [], usage: NO_USAGE };
  };
  await service({ runJob }).execute(spec(), context());
  await service({ runJob }, { resolvers: ["127.0.0.1:5353"] }).execute(spec(), context());
  const dns = spec({ method: "dns", targets: ["example.com"], resolver: "9.9.9.9" });
  await service({ runJob }, { resolvers: ["127.0.0.1:5353"] }).execute(dns, context());
  t.strictSame(
    jobs.map((job) => job.servers),
    [[{ address: "192.168.1.1", port: 53 }], [{ address: "127.0.0.1", port: 5353 }], [{ address: "9.9.9.9", port: 53 }]],
  );
  t.match(jobs[0], { userAgent: "BonusNode/1.2.3 (measurement)", recordType: "A", pingInterval: "0.2" });
});

const result = (more: Partial<MeasureResult>): MeasureResult => ({ target: "example.com:443", sent: 0, rttMicros: [], ...more });
const failing = (source: "policy" | "internal" | "target", what: string) => result({ failure: { source, what } });

t.test("how a run ended is the outcome; results that are there are kept", async (t) => {
  const executed = async (run: Partial<RunOutcome>, more: Partial<MeasureSpec> = {}) => {
    const runJob: MeasureNeeds["runJob"] = async () => ({ ending: { kind: "completed" }, results: [], usage: NO_USAGE, ...run });
    const outcome = await service({ runJob }).execute(spec(more), context());
    t.ok(parseMeasureEvidence(outcome.evidence).ok, "the evidence is one");
    return outcome;
  };
  const good = result({ sent: 1, rttMicros: [5] });
  const forbidden = failing("policy", "private address");
  t.match(await executed({ results: [good] }), { kind: "done", evidence: { instrument: "bonusnode tcp", results: [good] } });
  t.match(await executed({ results: [forbidden, good] }), { kind: "done" });
  t.match(await executed({ results: [failing("target", "no such name")] }), { kind: "done" }, "no answer is a result");
  t.match(await executed({ results: [forbidden, forbidden] }), { kind: "failed", reason: "target-forbidden" });
  const ping: Partial<MeasureSpec> = { method: "ping", targets: ["example.com"] };
  const missing = await executed({ results: [failing("internal", "ping is not installed")] }, ping);
  t.match(missing, { kind: "failed", reason: "program-missing", evidence: { instrument: "ping iputils 20221126" } });
  const ended = { results: [good] };
  t.match(await executed({ ...ended, ending: { kind: "aborted" } }), {
    kind: "failed",
    reason: "aborted",
    evidence: { results: [good] },
  });
  t.match(await executed({ ...ended, ending: { kind: "wall-time" } }), { kind: "failed", reason: "wall-time" });
  const broken = { kind: "broken", why: "the measuring process ended early (SIGKILL)" } as const;
  t.match(await executed({ ...ended, ending: broken }), { kind: "failed", reason: "internal", detail: broken.why });
});

t.test("work whose targets became forbidden since it was taken is not begun", async (t) => {
  let ran = 0;
  const runJob: MeasureNeeds["runJob"] = async () => {
    ran += 1;
    return { ending: { kind: "completed" }, results: [], usage: NO_USAGE };
  };
  const readNetwork = (): HostNetwork => ({ ...NETWORK, onLink: [{ address: "9.9.9.1", prefix: 24 }] });
  const outcome = await service({ runJob, readNetwork }).execute(spec({ targets: ["9.9.9.9:443"] }), context());
  t.match(outcome, { kind: "failed", reason: "target-forbidden", usage: NO_USAGE });
  t.equal(ran, 0);
});

t.test("the largest evidence fits a message", async (t) => {
  const target = `http://example.com/${"x".repeat(1_005)}`;
  const results = Array.from({ length: 8 }, () => result({ target, answers: Array.from({ length: 4 }, () => "x".repeat(512)) }));
  t.ok(encodeObject({ method: "http", instrument: "bonusnode http", results }).length < MAX_INLINE_BYTES);
});

t.test("one whole measurement: names that lead inside are refused unless the network allows it", async (t) => {
  let touched = 0;
  const port = await startHttp(t, (_request, response) => {
    touched += 1;
    response.end("hello");
  });
  const dns = await startDnsServer(t, zone({ "inside.example": ["127.0.0.1"], "six.example": ["::1"] }));
  const execute = async (allowPrivateTargets: boolean, targets: readonly string[]) => {
    const runJob = makeJobRunner({ meter: meterProcessTree, path: undefined });
    const options = { allowPrivateTargets, resolvers: [`127.0.0.1:${dns.port}`] };
    const progress: string[] = [];
    const one = service({ runJob, readNetwork: readHostNetwork }, options);
    const outcome = await one.execute(spec({ method: "http", targets: [...targets], timeoutMs: 10_000 }), context(progress));
    t.ok(parseMeasureEvidence(outcome.evidence).ok);
    return { outcome, progress };
  };
  const inside = `http://inside.example:${port}/`;
  const refused = await execute(false, [inside, `http://six.example:${port}/`]);
  const failure = { source: "policy", what: "loopback address" };
  t.match(refused.outcome, {
    kind: "failed",
    reason: "target-forbidden",
    evidence: {
      results: [
        { sent: 0, failure },
        { sent: 0, failure },
      ],
    },
  });
  t.equal(touched, 0);
  t.ok(refused.outcome.usage.cpuMicros > 0n && refused.outcome.usage.upBytes > 0n, "looking up was work too");
  const allowed = await execute(true, [inside, "http://nowhere.example/"]);
  t.match(allowed.outcome, {
    kind: "done",
    evidence: { results: [{ sent: 2, status: 200, bodyBytes: 5 }, { failure: { source: "target", what: "no such name" } }] },
  });
  t.strictSame(allowed.progress, ["1 of 2 targets measured", "2 of 2 targets measured"]);
  t.equal(touched, 2);
});
