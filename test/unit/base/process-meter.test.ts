import { spawn } from "node:child_process";
import { test } from "tap";
import { listProcessTree, meterProcessTree } from "../../../base/index.ts";
import { makeUsageAccount, type ProcessReading, parseProcess } from "../../../base/process-meter.ts";
import { childrenByScan, childrenByTask, readProcessTree } from "../../../base/process-meter-linux.ts";

const MIB = 2 ** 20;

function reading(changes: Partial<ProcessReading>): ProcessReading {
  return { pid: 10, parentPid: 1, startTicks: 500, cpuTicks: 0, residentBytes: 0, peakBytes: 0, ...changes };
}

test("a process from stat and status", async (t) => {
  const stat = "4242 (a) b (c)) S 17 4242 4242 0 -1 4194304 5 6 7 8 110 20 30 4 20 0 3 0 987654 1000 200 18446744073709551615";
  const status = "Name:\ta) b (c)\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nThreads:\t3\n";
  t.same(parseProcess(stat, status), {
    pid: 4242,
    parentPid: 17,
    startTicks: 987654,
    cpuTicks: 164,
    residentBytes: MIB,
    peakBytes: 2 * MIB,
  });
  t.match(parseProcess(stat, "Name:\tzombie\n"), { residentBytes: 0, peakBytes: 0 }, "a zombie holds no memory");
  for (const text of ["", "4242", "4242 (x", "4242 (x) S", "x (y) S 1 2 3"]) t.equal(parseProcess(text, status), undefined, text);
});

test("usage of one process over time", async (t) => {
  const account = makeUsageAccount();
  t.same(account.usage(), { cpuMicros: 0n, memoryByteSeconds: 0n, peakMemoryBytes: 0n });
  account.add(0, [reading({ cpuTicks: 1, residentBytes: 10 * MIB })]);
  account.add(2000, [reading({ cpuTicks: 101, residentBytes: 30 * MIB, peakBytes: 90 * MIB })]);
  t.same(account.usage(), {
    cpuMicros: 1_010_000n,
    memoryByteSeconds: BigInt(40 * MIB),
    peakMemoryBytes: BigInt(90 * MIB),
  });
});

test("CPU time is neither lost nor counted twice when processes end", async (t) => {
  const account = makeUsageAccount();
  const cpu = () => Number(account.usage().cpuMicros) / 10_000;
  const parent = reading({ cpuTicks: 10 });
  const child = reading({ pid: 11, parentPid: 10, cpuTicks: 50 });
  account.add(0, [parent, child]);
  t.equal(cpu(), 60);
  account.add(1, [{ ...parent, cpuTicks: 65 }]);
  t.equal(cpu(), 65, "the parent reaped the child and took its time over");
  account.add(2, [
    { ...parent, cpuTicks: 66 },
    { ...child, pid: 12, cpuTicks: 5 },
  ]);
  account.add(3, [{ ...child, pid: 12, parentPid: 1, cpuTicks: 7 }]);
  t.equal(cpu(), 73, "the parent ended; its child lives on under another one");
  account.add(4, []);
  t.equal(cpu(), 73, "what was seen last stays");
  account.add(5, [reading({ pid: 12, startTicks: 900, cpuTicks: 1 })]);
  t.equal(cpu(), 74, "another process with the same pid");
});

test("a reading that misses a child just reaped does not count backwards", async (t) => {
  const account = makeUsageAccount();
  const parent = reading({ cpuTicks: 10 });
  account.add(0, [parent, reading({ pid: 11, parentPid: 10, cpuTicks: 50 })]);
  account.add(1, [parent]);
  t.equal(account.usage().cpuMicros, 600_000n);
});

test("memory beyond 2^53 byte-milliseconds is exact", async (t) => {
  const account = makeUsageAccount();
  for (let hour = 0; hour <= 4; hour += 1) account.add(hour * 3_600_000, [reading({ residentBytes: 4 * 2 ** 30 })]);
  t.equal(account.usage().memoryByteSeconds, 4n * 2n ** 30n * 14_400n);
});

/** A Node that works for a while with a child of its own, says so, and waits. */
const WORK = `
  const end = Date.now() + 400;
  const held = Buffer.alloc(${40 * MIB}, 1);
  while (Date.now() < end);
  const { spawnSync, spawn } = require("node:child_process");
  spawnSync(process.execPath, ["-e", "const end = Date.now() + 300; while (Date.now() < end);"]);
  const child = spawn(process.execPath, ["-e", "setInterval(() => 0, 1000)"], { stdio: "ignore" });
  child.on("spawn", () => process.stdout.write(JSON.stringify({ cpu: process.cpuUsage(), child: child.pid, held: held.length })));
  process.stdin.on("close", () => { child.kill(); process.exit(); }).resume();
`;

test("the meter on a real tree", async (t) => {
  const parent = spawn(process.execPath, ["-e", WORK], { stdio: ["pipe", "pipe", "inherit"] });
  const meter = meterProcessTree(parent.pid ?? 0, { intervalMs: 20 });
  const first = meter.read();
  const said = await new Promise<string>((resolve) => parent.stdout.once("data", (chunk) => resolve(String(chunk))));
  const { cpu, child, held } = JSON.parse(said) as { cpu: NodeJS.CpuUsage; child: number; held: number };
  const usage = meter.read();
  t.ok(usage.cpuMicros >= first.cpuMicros);
  const own = cpu.user + cpu.system;
  t.ok(Number(usage.cpuMicros) > own + 100_000, `its child's time is in it: ${usage.cpuMicros} µs, ${own} µs of its own`);
  t.ok(Number(usage.peakMemoryBytes) > held, `peak ${usage.peakMemoryBytes}`);
  t.ok(usage.memoryByteSeconds > 0n);
  const roots = new Map([[parent.pid ?? 0, undefined]]);
  const pids = (tree: ProcessReading[]) => tree.map((one) => one.pid).sort((left, right) => left - right);
  t.ok(listProcessTree(parent.pid ?? 0).includes(child));
  t.same(
    pids(readProcessTree(roots, childrenByTask)),
    pids(readProcessTree(roots, childrenByScan())),
    "both ways see the same tree",
  );
  t.same(readProcessTree(new Map([[parent.pid ?? 0, 1]]), childrenByTask), [], "a pid that another process has now");
  parent.stdin.end();
  await new Promise((resolve) => parent.once("close", resolve));
  const last = meter.stop();
  t.ok(last.cpuMicros >= usage.cpuMicros && last.memoryByteSeconds >= usage.memoryByteSeconds, "what was read stays");
  t.same(meter.stop(), last);
  t.same(meter.read(), last);
});

test("the meter on what is not there", async (t) => {
  const meter = meterProcessTree(2 ** 30, { intervalMs: 1000 });
  t.same(meter.stop(), { cpuMicros: 0n, memoryByteSeconds: 0n, peakMemoryBytes: 0n });
  t.same(listProcessTree(2 ** 30), []);
});
