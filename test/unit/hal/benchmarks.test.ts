/**
 * The two measurements, really taken, but only for what does not depend on speed: that they answer whole numbers, keep the event
 * loop free, stop when told, and leave nothing behind. The kernel is compared with its source.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "tap";
import wabt from "wabt";
import { CHECK_ROUNDS, CHECK_VALUE, cpuKernelBytes, makeCpuKernel } from "../../../hal/benchmarks/cpu-kernel.ts";
import { makeCpuBenchmark } from "../../../hal/benchmarks/cpu-linux.ts";
import { cpuShares } from "../../../hal/benchmarks/cpu-times.ts";
import { makeDiskBenchmark } from "../../../hal/benchmarks/disk-linux.ts";
import { bestOf } from "../../../hal/benchmarks/figure.ts";
import { makeLinuxHost } from "../../../hal/index.ts";

test("the kernel is what its source says, and computes what it should", async (t) => {
  const source = readFileSync(new URL("../../fixtures/hal/cpu-kernel.wat", import.meta.url), "utf8");
  const { buffer } = (await wabt()).parseWat("cpu-kernel.wat", source).toBinary({});
  t.same(Buffer.from(cpuKernelBytes()), Buffer.from(buffer));
  t.equal(makeCpuKernel()(CHECK_ROUNDS, 1), CHECK_VALUE);

  // The same in JavaScript, so that the value is not only the kernel's own word.
  const table = new Int32Array(4096);
  let x = 1;
  for (let rounds = 10_000; rounds > 0; rounds--) {
    const place = (x & 0x3ffc) >> 2;
    const product = Math.imul(x, 0x9e3779b1);
    x = ((product << 13) | (product >>> 19)) ^ (table[place] ?? 0);
    table[place] = (x + rounds) | 0;
  }
  t.equal(makeCpuKernel()(10_000, 1), x);
});

test("the CPU measurement", async (t) => {
  const fractions: number[] = [];
  let turns = 0;
  const ticking = setInterval(() => turns++, 1);
  const result = await makeCpuBenchmark(makeLinuxHost())({ threads: 2 }, { onProgress: (fraction) => fractions.push(fraction) });
  clearInterval(ticking);
  if (result.kind !== "found") return t.fail(JSON.stringify(result));
  const { value, slices, conditions, spreadPercent } = result.value;
  t.ok(Number.isSafeInteger(value) && value > 0);
  t.equal(value, Math.max(...slices));
  t.equal(slices.length, 5);
  t.ok(spreadPercent >= 0 && spreadPercent <= 100);
  t.equal(conditions.threads, 2);
  t.ok(conditions.gotMilliCpus > 0 && conditions.gotMilliCpus <= 2000);
  t.equal(fractions.length, 10);
  t.equal(fractions.at(-1), 1);
  t.ok(turns > 0, "the event loop went on");
});

test("the disk measurement leaves nothing behind", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "bonusnode-disk-"));
  t.teardown(() => rmSync(directory, { recursive: true }));
  let namesSeen = 0;
  const result = await makeDiskBenchmark()({ directory }, { onProgress: () => (namesSeen += readdirSync(directory).length) });
  if (result.kind !== "found") return t.fail(JSON.stringify(result));
  t.ok(Number.isSafeInteger(result.value.value) && result.value.value > 0);
  t.match(result.value, { name: "disk.durable-writes", unit: "writes/s", conditions: { blockBytes: 4096, direct: Boolean } });
  t.equal(namesSeen, 0, "the file has no name while it is written");
  t.same(readdirSync(directory), []);
});

test("a directory that takes no file is told, not thrown", async (t) => {
  t.match(await makeDiskBenchmark()({ directory: "/proc" }, {}), {
    kind: "failed",
    error: { message: /cannot write in \/proc/ },
  });
  t.match(await makeDiskBenchmark()({ directory: "/no/such/place" }, {}), { kind: "failed" });
});

test("a stop ends a measurement with its reason", async (t) => {
  const early = AbortSignal.abort(new Error("enough"));
  await t.rejects(makeCpuBenchmark(makeLinuxHost())({ threads: 1 }, { signal: early }), { message: "enough" });
  const late = new AbortController();
  const onProgress = (): void => late.abort(new Error("enough"));
  await t.rejects(makeCpuBenchmark(makeLinuxHost())({ threads: 1 }, { signal: late.signal, onProgress }), { message: "enough" });
});

test("the best slice and the spread", (t) => {
  t.same(bestOf([10.9, 8, 5.2]), { value: 10, slices: [10, 8, 5], spreadPercent: 50 });
  t.same(bestOf([]), { value: 0, slices: [], spreadPercent: 0 });
  t.same(bestOf([0.2]), { value: 0, slices: [0], spreadPercent: 0 });
  t.end();
});

test("where CPU time went between two readings", (t) => {
  const before = { cpus: 2, total: 1000, busy: 100, steal: 10 };
  t.same(cpuShares(before, { cpus: 2, total: 1200, busy: 200, steal: 20 }), { busyMilliCpus: 1000, stealPermille: 50 });
  t.equal(cpuShares(before, before), undefined);
  t.equal(cpuShares(undefined, before), undefined);
  t.end();
});
