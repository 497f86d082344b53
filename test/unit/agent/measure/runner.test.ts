// The measuring child as a real process: what it reports, and that nothing of it is left whatever happens to it.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import t, { type Test } from "tap";
import { makeJobRunner } from "../../../../agent/services/measure/index.ts";
import { RUNNER_GRACE_MS } from "../../../../agent/services/measure/limits.ts";
import type { RunHooks, RunOutcome } from "../../../../agent/services/measure/ports.ts";
import type { Job } from "../../../../agent/services/measure/runner/job.ts";
import { parseRunnerWord } from "../../../../agent/services/measure/runner-words.ts";
import { meterProcessTree } from "../../../../base/index.ts";
import { startDnsServer, zone } from "./dns-server.ts";
import { fakePing } from "./fake-ping.ts";
import { makeIdentity, startHttp, startHttps, startTcp } from "./loopback.ts";

const MAIN = new URL("../../../../agent/services/measure/runner/main.ts", import.meta.url);

const job = (more: Partial<Job>): Job => ({
  ...{ method: "tcp", targets: [], count: 1, timeoutMs: 10_000, intervalMs: 0, budgetMs: 60_000, recordType: "A", servers: [] },
  ...{ prefersIpv6: false, pingInterval: "0.2", userAgent: "BonusNode/test (measurement)", trustedRoots: [] },
  ...more,
});

const target = (port: number, more: Partial<Job["targets"][number]> = {}): Job["targets"][number] => ({
  ...{ text: `127.0.0.1:${port}`, host: "127.0.0.1", port, path: "/" },
  ...more,
});

interface RunOptions extends Partial<RunHooks> {
  readonly path?: string;
  readonly program?: string;
}

function run(what: Job, options: RunOptions = {}): Promise<RunOutcome> {
  const { path, program, ...hooks } = options;
  const runJob = makeJobRunner({
    meter: meterProcessTree,
    path,
    ...(program === undefined ? {} : { program: pathToFileURL(program) }),
  });
  const { signal } = new AbortController();
  return runJob(what, { signal, refusalOf: () => undefined, onResult: () => undefined, ...hooks });
}

t.test("a measurement over TCP, HTTP and HTTPS, with its usage", async (t) => {
  const plain = await startHttp(t, (_request, response) => response.end("hello"));
  const identity = await makeIdentity("measured.example");
  const secure = await startHttps(t, identity, (_request, response) => response.end("hello"));
  const dns = await startDnsServer(t, zone({ "measured.example": ["127.0.0.1"] }));
  const named = { host: "measured.example", isSecure: true };
  const progress: number[] = [];
  const onResult = (done: number): void => void progress.push(done);
  const outcome = await run(
    job({
      method: "http",
      targets: [target(plain), target(secure, named)],
      count: 2,
      servers: [{ address: "127.0.0.1", port: dns.port }],
      trustedRoots: [identity.cert],
    }),
    { onResult },
  );
  t.strictSame(outcome.ending, { kind: "completed" });
  t.match(outcome.results, [
    { sent: 2, status: 200, bodyBytes: 5, address: "127.0.0.1" },
    { sent: 2, status: 200, bodyBytes: 5, address: "127.0.0.1" },
  ]);
  for (const { rttMicros, phasesMicros, failure } of outcome.results) {
    t.equal(failure, undefined);
    t.equal(rttMicros.length, 2);
    const { dns = 0, connect = 0, tls = 0, firstByte = 0, total = 0 } = phasesMicros ?? {};
    t.ok(dns + connect + tls + firstByte <= total, `${dns} + ${connect} + ${tls} + ${firstByte} <= ${total}`);
  }
  t.strictSame(progress, [1, 2]);
  t.equal(dns.queries.length, 2, "the name was looked up for every connection");
  const { cpuMicros, memoryByteSeconds, upBytes, downBytes, diskByteSeconds } = outcome.usage;
  t.ok(cpuMicros > 0n && memoryByteSeconds > 0n && upBytes > 500n && downBytes > 1_000n && diskByteSeconds === 0n);
});

t.test("nothing is connected before the agent has agreed", async (t) => {
  let touched = 0;
  const port = await startTcp(t, () => {
    touched += 1;
  });
  const dns = await startDnsServer(t, zone({ "inside.example": ["127.0.0.1"], "mixed.example": ["9.9.9.9", "127.0.0.1"] }));
  const asked: (readonly string[])[] = [];
  const refusalOf = (addresses: readonly string[]): string | undefined => {
    asked.push(addresses);
    return addresses.includes("127.0.0.1") ? "loopback address" : undefined;
  };
  const targets = ["127.0.0.1", "inside.example", "mixed.example"].map((host) => target(port, { host }));
  const servers = [{ address: "127.0.0.1", port: dns.port }];
  const { results } = await run(job({ targets, servers }), { refusalOf });
  const failure = { source: "policy", what: "loopback address" };
  t.match(results, [
    { sent: 0, failure },
    { sent: 0, failure },
    { sent: 0, failure },
  ]);
  t.strictSame(asked, [["127.0.0.1"], ["127.0.0.1"], ["9.9.9.9", "127.0.0.1"]]);
  t.equal(touched, 0);
});

t.test("ping(8) of the PATH is run and read, or is missing", async (t) => {
  const stdout =
    "64 bytes from 127.0.0.1: seq=0 ttl=64 time=0.031 ms\n\n1 packets transmitted, 1 packets received, 0% packet loss\n";
  const folder = t.testdir({});
  const ping = job({ method: "ping", targets: [target(0)] });
  const found = await run(ping, { path: fakePing(folder, { stdout }) });
  t.strictSame(found.results, [{ target: "127.0.0.1:0", sent: 1, rttMicros: [31], address: "127.0.0.1" }]);
  t.match(found.usage, { upBytes: 84n, downBytes: 84n });
  const missing = await run(ping, { path: t.testdir({ empty: {} }) });
  t.match(missing.results, [{ sent: 0, failure: { source: "internal", what: "ping is not installed" } }]);
});

/**
 * A fake ping that hangs until it is killed. Says when it is up and when it is gone: it holds the other end of a named pipe.
 */
function hangingPing(t: Test): { readonly path: string; readonly isUp: Promise<unknown>; readonly isGone: Promise<unknown> } {
  const folder = t.testdir({});
  const pipe = join(folder, "alive");
  execFileSync("mkfifo", [pipe]);
  const path = fakePing(folder, { hangsHolding: pipe });
  const stream = createReadStream(pipe);
  return { path, isUp: once(stream, "data"), isGone: once(stream, "close") };
}

t.test("an abort ends the child and the ping under it at once", async (t) => {
  const { path, isUp, isGone } = hangingPing(t);
  const controller = new AbortController();
  const running = run(job({ method: "ping", targets: [target(0)] }), { path, signal: controller.signal });
  await isUp;
  controller.abort();
  t.match(await running, { ending: { kind: "aborted" }, results: [] });
  await isGone;
  t.match(await run(job({}), { signal: AbortSignal.abort() }), { ending: { kind: "aborted" } }, "and before it starts");
});

t.test("the child and the ping under it end when the agent is gone", async (t) => {
  const { path, isUp, isGone } = hangingPing(t);
  const child = spawn(process.execPath, [fileURLToPath(MAIN)], {
    detached: true,
    env: { PATH: path },
    stdio: ["pipe", "pipe", "ignore"],
  });
  child.stdout.on("data", () => child.stdin.write("{}\n"));
  child.stdin.write(`${JSON.stringify(job({ method: "ping", targets: [target(0)] }))}\n`);
  await isUp;
  child.stdin.destroy();
  await Promise.all([once(child, "close"), isGone]);
});

t.test("an abort hangs up on the target", async (t) => {
  const controller = new AbortController();
  const hungUp = Promise.withResolvers<void>();
  const port = await startHttp(t, (request) => {
    request.socket.once("close", () => hungUp.resolve());
    controller.abort();
  });
  const outcome = await run(job({ method: "http", targets: [target(port)] }), { signal: controller.signal });
  t.match(outcome.ending, { kind: "aborted" });
  await hungUp.promise;
});

/** Writes without an end, waiting for room in the pipe. */
const FLOOD = "import { writeSync } from 'node:fs'; for (;;) try { writeSync(1, 'x'.repeat(65536)) } catch {}";

t.test("a child that breaks is a broken run and no more", async (t) => {
  const done = JSON.stringify({ kind: "end", traffic: { upBytes: 0, downBytes: 0 } });
  const programs: Readonly<Record<string, readonly [source: string, why: RegExp]>> = {
    "throws.mjs": ["throw new Error('secret stack')", /ended early \(code 1\)$/],
    "leaves.mjs": ["process.exit(0)", /ended early \(code 0\)$/],
    "dies.mjs": ["process.kill(process.pid, 'SIGSEGV')", /ended early \(SIGSEGV\)$/],
    "babbles.mjs": ["console.log('hello'); setInterval(() => {}, 1000)", /said what it never says$/],
    "floods.mjs": [FLOOD, /said what it never says$/],
    "lies.mjs": [
      `console.log('{"kind":"result","result":{"target":""}}'); setInterval(() => {}, 1000)`,
      /said what it never says$/,
    ],
    "absent.mjs": ["", /ended early \(code 1\)$/],
    "early.mjs": [`console.log('${done}'); setInterval(() => {}, 1000)`, /said what it never says$/],
    "stays.mjs": [`console.log('${done}'); setInterval(() => {}, 1000)`, /^$/],
  };
  const folder = t.testdir(Object.fromEntries(Object.entries(programs).map(([name, [source]]) => [name, source])));
  for (const [name, [, why]] of Object.entries(programs)) {
    const program = join(folder, name === "absent.mjs" ? "nowhere.mjs" : name);
    const targets = name === "stays.mjs" ? [] : [target(9)];
    const { ending, results } = await run(job({ targets }), { program });
    if (name === "stays.mjs") t.strictSame(ending, { kind: "completed" }, "one that does not leave is made to");
    else t.match(ending, { kind: "broken", why }, name);
    t.strictSame(results, []);
  }
});

t.test("a child that never ends is ended", async (t) => {
  const program = join(t.testdir({ "hangs.mjs": "setInterval(() => {}, 1000)" }), "hangs.mjs");
  // The agent waits a while longer than the budget; a budget below zero makes the sum short.
  const outcome = await run(job({ budgetMs: 100 - RUNNER_GRACE_MS }), { program });
  t.strictSame(outcome.ending, { kind: "wall-time" });
});

t.test("words that are none are told apart without throwing", async (t) => {
  const traffic = { upBytes: 0, downBytes: 0 };
  for (const line of ["", "{", "null", "[]", '{"kind":"end"}', '{"kind":"ask","addresses":[1]}', '{"kind":"other"}']) {
    t.equal(parseRunnerWord(line, "tcp"), undefined, line);
  }
  const evil = { target: "a\u001b[31m", sent: 1, rttMicros: [] };
  t.equal(parseRunnerWord(JSON.stringify({ kind: "result", result: evil, traffic }), "tcp"), undefined);
  t.equal(parseRunnerWord(JSON.stringify({ kind: "end", traffic: { upBytes: -1, downBytes: 0 } }), "tcp"), undefined);
});
