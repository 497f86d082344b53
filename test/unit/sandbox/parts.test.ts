/** The sandbox's pure parts. */
import { test } from "tap";
import { type ChannelMessage, encodeJob, makeChannelReader, parseMessage } from "../../../sandbox/channel.ts";
import { explainDeath } from "../../../sandbox/death.ts";
import { isIsolationEnough } from "../../../sandbox/index.ts";
import { refuseJob } from "../../../sandbox/job.ts";
import { findBrokenLimit, mappedBytesFor, usageSince } from "../../../sandbox/job-limits.ts";
import { MAX_ARGS_BYTES, MAX_MODULE_BYTES, MAX_REPORT_BYTES, MAX_STDIN_BYTES } from "../../../sandbox/limits.ts";
import { findIsolationGap, findRunner, parseOutsideView } from "../../../sandbox/outside-view.ts";
import { captureHead, captureTail } from "../../../sandbox/stdio-capture.ts";
import { isOverShare } from "../../../sandbox/throttle.ts";
import { makeJob } from "../../contract/sandbox-parts.ts";

const MIB = 2 ** 20;

test("isolation is ordered", async (t) => {
  t.ok(isIsolationEnough("namespaces", "process"));
  t.ok(isIsolationEnough("process", "process"));
  t.notOk(isIsolationEnough("process", "namespaces"));
});

test("messages of the channel", async (t) => {
  const ready = { kind: "ready", pid: 2, sees: ["/etc"], interfaces: ["lo"] };
  t.same(parseMessage(JSON.stringify({ ...ready, more: 1 })), ready);
  t.same(parseMessage('{"kind":"exited","exitCode":4294967295,"stdoutBytes":0}'), {
    kind: "exited",
    exitCode: 4294967295,
    stdoutBytes: 0,
  });
  t.same(parseMessage('{"kind":"stopped","reason":"trap","detail":"x"}'), { kind: "stopped", reason: "trap", detail: "x" });
  const loud = parseMessage(JSON.stringify({ kind: "stopped", reason: "trap", detail: `\u001b[31m\n\u009bx${"y".repeat(500)}` }));
  t.match(loud, { detail: /^\[31m xy+$/ });
  t.equal(loud?.kind === "stopped" && loud.detail.length, 200, "control characters and length");
  t.same(parseMessage('{"kind":"died","code":137}'), { kind: "died", code: 137 });
  for (const line of [
    "",
    "null",
    "[]",
    "7",
    "{",
    '{"kind":"exited","exitCode":-1,"stdoutBytes":0}',
    '{"kind":"exited","exitCode":1.5,"stdoutBytes":0}',
    '{"kind":"stopped","reason":"cpu-time","detail":"only the meter says that"}',
    '{"kind":"stopped","reason":"trap","detail":7}',
    '{"kind":"ready","pid":1,"sees":[1],"interfaces":[]}',
    '{"kind":"else"}',
  ]) {
    t.equal(parseMessage(line), undefined, line);
  }
});

test("messages in pieces", async (t) => {
  const text = Buffer.from(`{"kind":"stopped","reason":"trap","detail":"ü"}\n{"kind":"died","code":1}\n`);
  const read = (...chunks: Uint8Array[]): (ChannelMessage | undefined)[] => {
    const messages: (ChannelMessage | undefined)[] = [];
    const reader = makeChannelReader((message) => messages.push(message));
    for (const chunk of chunks) reader(chunk);
    return messages;
  };
  const whole = read(text);
  t.match(whole, [{ detail: "ü" }, { code: 1 }]);
  for (let cut = 1; cut < text.length; cut += 1) t.same(read(text.subarray(0, cut), text.subarray(cut)), whole);
  t.same(read(Buffer.from("x\n"), text), [undefined], "nothing after what is not a message");
  t.same(read(Buffer.alloc(MAX_REPORT_BYTES, 0x20)), [], "it may still come");
  t.same(read(Buffer.alloc(MAX_REPORT_BYTES, 0x20), Buffer.alloc(2, 0x20), text), [undefined], "too long to be one");
});

test("a job as a frame", async (t) => {
  const job = makeJob(Uint8Array.of(1, 2, 3), { args: ["ü"], stdin: Uint8Array.of(9) });
  const frame = Buffer.concat(encodeJob(job));
  const length = frame.readUInt32BE(0);
  t.match(JSON.parse(frame.subarray(4, 4 + length).toString("utf8")), {
    args: ["module", "ü"],
    seed: "07".repeat(32),
    memoryPages: 256,
    moduleBytes: 3,
    stdinBytes: 1,
  });
  t.same([...frame.subarray(4 + length)], [1, 2, 3, 9]);
});

test("jobs that are not started", async (t) => {
  t.equal(refuseJob(makeJob(new Uint8Array(10))), undefined);
  t.match(refuseJob(makeJob(new Uint8Array(MAX_MODULE_BYTES + 1))), { reason: "invalid-module" });
  t.match(refuseJob(makeJob(new Uint8Array(), { stdin: new Uint8Array(MAX_STDIN_BYTES + 1) })), { reason: "internal" });
  t.match(refuseJob(makeJob(new Uint8Array(), { args: ["x".repeat(MAX_ARGS_BYTES)] })), { reason: "internal" });
  t.match(refuseJob(makeJob(new Uint8Array(), { seed: new Uint8Array(31) })), { reason: "internal" });
  const { limits } = makeJob(new Uint8Array());
  t.match(refuseJob(makeJob(new Uint8Array(), { limits: { ...limits, memoryBytes: 65_535 } })), { reason: "memory" });
});

test("broken limits", async (t) => {
  const { limits } = makeJob(new Uint8Array());
  const job = makeJob(new Uint8Array(), { limits: { ...limits, cpuMs: 100, memoryBytes: MIB } });
  const start = { cpuMicros: 50_000n, memoryByteSeconds: 7n, peakMemoryBytes: 50n * BigInt(MIB) };
  const after = (cpuMicros: bigint, mib: bigint) =>
    findBrokenLimit(job, start, { ...start, cpuMicros, peakMemoryBytes: mib * BigInt(MIB) });
  t.equal(after(150_000n, 60n), undefined);
  t.match(after(150_001n, 60n), { reason: "cpu-time" });
  t.equal(after(60_000n, 178n), undefined);
  t.match(after(60_000n, 181n), { reason: "memory" });
  t.ok(mappedBytesFor(job, 1000) > MIB + 1000);
  t.same(usageSince(start, { cpuMicros: 60_000n, memoryByteSeconds: 9n, peakMemoryBytes: 8n }), {
    cpuMicros: 10_000n,
    memoryByteSeconds: 2n,
    peakMemoryBytes: 8n,
  });
});

test("why a runner died", async (t) => {
  const base = { wasReady: true, level: "namespaces" as const, stderr: new Uint8Array() };
  const oom = Buffer.from("\n# Fatal process out of memory: Zone\n");
  t.match(explainDeath({ ...base, code: 152 }), { reason: "cpu-time" });
  t.match(explainDeath({ ...base, signal: "SIGXCPU" }), { reason: "cpu-time" });
  t.match(explainDeath({ ...base, code: 134, stderr: oom }), { reason: "memory" });
  t.match(explainDeath({ ...base, signal: "SIGTRAP", stderr: oom }), { reason: "memory" });
  t.match(explainDeath({ ...base, code: 1, stderr: oom }), { reason: "internal" }, "a module can say anything");
  t.match(explainDeath({ ...base, code: 137 }), { reason: "internal", detail: /SIGKILL.*want of memory/ });
  t.match(explainDeath({ ...base, code: 139 }), { reason: "internal", detail: /SIGSEGV/ });
  t.match(explainDeath({ ...base, code: 3 }), { reason: "internal", detail: /exit code 3/ });
  t.match(explainDeath({ ...base, wasReady: false, error: "spawn ENOENT" }), { reason: "isolation-lost", detail: /ENOENT/ });
  t.match(explainDeath({ ...base, wasReady: false, error: "spawn EAGAIN" }), { reason: "internal" });
  t.match(explainDeath({ ...base, wasReady: false, code: 1, stderr: Buffer.from("mount: denied\n") }), {
    detail: /: mount: denied$/,
  });
  t.match(explainDeath({ ...base, wasReady: false, level: "process", code: 9 }), { reason: "internal" });
});

const STATUS = `Name:\tnode
Pid:\t4242
NSpid:\t4242\t7
VmData:\t    100 kB
CapInh:\t0000000000000000
CapPrm:\t0000000000000000
CapEff:\t0000000000000000
CapBnd:\t000001ffffffffff
CapAmb:\t0000000000000000
NoNewPrivs:\t1
`;

test("the view from outside", async (t) => {
  const view = parseOutsideView(STATUS);
  t.same(view, { pids: [4242, 7], isPowerless: true, hasNoNewPrivileges: true, mappedBytes: 102_400 });
  t.equal(parseOutsideView(""), undefined);
  t.match(
    parseOutsideView("Pid:\t7\n"),
    { pids: [7], isPowerless: false, hasNoNewPrivileges: false, mappedBytes: 0 },
    "an old kernel",
  );
  const ready = { kind: "ready", pid: 7, sees: [], interfaces: ["lo"] } as const;
  t.equal(findIsolationGap(ready, view), undefined);
  const gap = (from: string, to: string) => findIsolationGap(ready, parseOutsideView(STATUS.replace(from, to)));
  t.match(gap("4242\t7", "4242"), /pid namespace/);
  t.match(gap("CapEff:\t0000000000000000", "CapEff:\t0000000000200000"), /capabilities/);
  t.match(gap("CapAmb:\t0000000000000000\n", ""), /capabilities/);
  t.match(gap("NoNewPrivs:\t1", "NoNewPrivs:\t0"), /privileges/);
  t.match(findIsolationGap(ready, undefined), /not among/);
  t.match(findIsolationGap({ ...ready, sees: ["/etc/passwd"] }, view), /\/etc\/passwd/);
  t.match(findIsolationGap({ ...ready, interfaces: ["lo", "eth0"] }, view), /eth0/);
  const helper = parseOutsideView(STATUS.replace("NSpid:\t4242\t7", "NSpid:\t7"));
  t.equal(
    findRunner(
      [helper, view].flatMap((one) => one ?? []),
      7,
    ),
    view,
    "not the helper that has the same number outside",
  );
  t.equal(findRunner([], 7), undefined);
});

test("captures", async (t) => {
  const head = captureHead(5);
  t.ok(head.take(Uint8Array.of(1, 2, 3)));
  t.ok(head.take(Uint8Array.of(4, 5)));
  t.notOk(head.take(Uint8Array.of(6)));
  t.same([...head.bytes()], [1, 2, 3, 4, 5]);
  const tail = captureTail(3, 8);
  for (const chunk of [[1], [2, 3], [], [4], [5, 6, 7, 8]]) t.ok(tail.take(Uint8Array.from(chunk)));
  t.same([...tail.bytes()], [6, 7, 8]);
  t.notOk(tail.take(Uint8Array.of(9)));
});

test("the owner's share", async (t) => {
  const at = (cpuMs: number, elapsedMs: number, cpuShare: number | undefined, cores: number) =>
    isOverShare({ cpuMicros: BigInt(cpuMs * 1000), elapsedMs, cpuShare, cores });
  t.notOk(at(1000, 1000, undefined, 1), "no limit");
  t.ok(at(300, 1000, 0.25, 1));
  t.notOk(at(200, 1000, 0.25, 1));
  t.notOk(at(1000, 1000, 0.25, 4), "a quarter of four cores is one");
  t.ok(at(600, 1000, 0.25, 2));
  t.notOk(at(9, 1000, 0, 1), "never nothing at all");
  t.ok(at(11, 1000, 0, 1));
});
