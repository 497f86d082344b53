/**
 * The measurements of processor and memory, really taken, but only for what does not depend on speed: that they answer whole numbers,
 * keep the event loop free and stop when told. The kernels are compared with their sources and with somebody else's results.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { type Test, test } from "tap";
import wabt from "wabt";
import {
  FLOAT_CHECK_ROUNDS,
  FLOAT_CHECK_VALUE,
  FLOAT_KERNEL_BASE64,
  makeFloatKernel,
} from "../../../hal/benchmarks/cpu-float-kernel.ts";
import { CHECK_ROUNDS, CHECK_VALUE, cpuKernelBytes, makeCpuKernel } from "../../../hal/benchmarks/cpu-kernel.ts";
import { makeCpuBenchmark } from "../../../hal/benchmarks/cpu-linux.ts";
import {
  makeSha256Kernel,
  SHA256_BLOCK_BYTES,
  SHA256_CHECK_BLOCKS,
  SHA256_CHECK_VALUE,
  SHA256_KERNEL_BASE64,
  SHA256_RING_AT,
  SHA256_STATE_AT,
} from "../../../hal/benchmarks/cpu-sha256-kernel.ts";
import { cpuShares } from "../../../hal/benchmarks/cpu-times.ts";
import { makeWork, WORK_UNITS, type WorkName } from "../../../hal/benchmarks/cpu-works.ts";
import { withCrew } from "../../../hal/benchmarks/crew-linux.ts";
import { bestOf } from "../../../hal/benchmarks/figure.ts";
import { makeMemoryBenchmark } from "../../../hal/benchmarks/memory-linux.ts";
import { makeSustainedBenchmark } from "../../../hal/benchmarks/sustained-linux.ts";
import { type Figure, makeLinuxHost, type ProbeResult } from "../../../hal/index.ts";
import { loadTree, makeSimHost } from "../../sim/machine-tree.ts";

async function assemble(name: string): Promise<Buffer> {
  const source = readFileSync(new URL(`../../fixtures/hal/${name}`, import.meta.url), "utf8");
  return Buffer.from((await wabt()).parseWat(name, source).toBinary({}).buffer);
}

test("the integer kernel is what its source says, and computes what it should", async (t) => {
  t.same(Buffer.from(cpuKernelBytes()), await assemble("cpu-kernel.wat"));
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

test("the floating-point kernel is what its source says, and computes what JavaScript does", async (t) => {
  t.same(Buffer.from(FLOAT_KERNEL_BASE64, "base64"), await assemble("cpu-float-kernel.wat"));
  t.equal(makeFloatKernel()(FLOAT_CHECK_ROUNDS, 1), FLOAT_CHECK_VALUE);
  const numbers = Array.from({ length: 8 }, (_, index) => 1 + index);
  for (let step = 0; step < FLOAT_CHECK_ROUNDS * 8; step++) {
    for (let index = 0; index < 8; index++) numbers[index] = (numbers[index] ?? 0) * 0.9999847412109375 + 0.0001;
  }
  t.equal(
    numbers.reduce((sum, number) => sum + number),
    FLOAT_CHECK_VALUE,
  );
  t.ok(Number.isFinite(makeFloatKernel()(1_000_000, 1)), "stays finite");
});

test("the SHA-256 kernel is what its source says, and hashes as node:crypto does", async (t) => {
  t.same(Buffer.from(SHA256_KERNEL_BASE64, "base64"), await assemble("cpu-sha256-kernel.wat"));
  t.equal(makeSha256Kernel().run(SHA256_CHECK_BLOCKS, 0), SHA256_CHECK_VALUE);
  for (const length of [0, 3, 55, 56, 64, 1000, 256 * SHA256_BLOCK_BYTES - 9]) {
    const message = Buffer.from(Array.from({ length }, (_, index) => (index * 31 + length) & 0xff));
    const expected = createHash("sha256").update(message).digest("hex");
    t.equal(sha256ByKernel(message), expected, `${length} bytes`);
  }
  const twice = makeSha256Kernel();
  const oneByOne = makeSha256Kernel();
  let last = 0;
  for (let block = 0; block < 600; block++) last = oneByOne.run(1, block);
  t.equal(twice.run(600, 0), last, "goes around the ring");
});

/** Pads as FIPS 180-4, section 5.1.1, says, and reads the state out of the kernel's memory. */
function sha256ByKernel(message: Buffer): string {
  const blocks = Math.ceil((message.length + 9) / SHA256_BLOCK_BYTES);
  const padded = Buffer.alloc(blocks * SHA256_BLOCK_BYTES);
  message.copy(padded);
  padded[message.length] = 0x80;
  padded.writeUInt32BE(message.length * 8, padded.length - 4);
  const { memory, run } = makeSha256Kernel();
  new Uint8Array(memory.buffer).set(padded, SHA256_RING_AT);
  run(blocks, 0);
  const state = new DataView(memory.buffer, SHA256_STATE_AT, 32);
  return Array.from({ length: 8 }, (_, word) =>
    state
      .getUint32(word * 4, true)
      .toString(16)
      .padStart(8, "0"),
  ).join("");
}

test("every work passes its self-test and runs", (t) => {
  for (const name of Object.keys(WORK_UNITS) as WorkName[]) {
    const work = makeWork(name, 2 ** 20);
    t.ok(work, name);
    work?.run(3);
  }
  t.end();
});

const QUICK = { threads: 2, effectiveMilliCpus: 2000, budgetMs: 600 };
const CPU_NAMES = ["integer", "float", "sha256", "sha256-native", "ed25519-native"].map((name) => `cpu.${name}`);

function assertFigure(t: Test, figure: Figure): void {
  t.ok(Number.isSafeInteger(figure.value) && figure.value > 0, `${figure.name} is a whole number`);
  t.equal(figure.value, Math.max(...figure.slices));
  t.ok(figure.spreadPercent >= 0 && figure.spreadPercent <= 100);
  t.ok(Number(figure.conditions["gotMilliCpus"]) > 0 && Number(figure.conditions["gotMilliCpus"]) <= 2000);
  t.match(figure.conditions, { nodeVersion: process.versions.node, v8Version: process.versions.v8 });
}

test("the CPU measurement", async (t) => {
  const fractions: number[] = [];
  let turns = 0;
  const ticking = setInterval(() => turns++, 1);
  const result = await makeCpuBenchmark(makeLinuxHost())(QUICK, { onProgress: (fraction) => fractions.push(fraction) });
  clearInterval(ticking);
  if (result.kind !== "found") return t.fail(JSON.stringify(result));
  // A machine that is busy with other things may have no time for the last ones.
  t.equal(result.value[0]?.name, "cpu.integer");
  for (const figure of result.value) {
    t.ok([...CPU_NAMES, ...CPU_NAMES.map((name) => `${name}-1t`)].includes(figure.name));
    t.equal(figure.conditions["threads"], figure.name.endsWith("-1t") ? 1 : 2);
    assertFigure(t, figure);
  }
  t.same(
    fractions,
    fractions.toSorted((left, right) => left - right),
    "progress only grows",
  );
  t.ok(fractions.every((fraction) => fraction > 0 && fraction <= 1));
  t.ok(turns > 0, "the event loop went on");
});

test("with one thread all and one are the same", async (t) => {
  const result = await makeCpuBenchmark(makeLinuxHost())({ ...QUICK, threads: 1 }, {});
  if (result.kind !== "found") return t.fail(JSON.stringify(result));
  for (const figure of result.value.filter(({ name }) => !name.endsWith("-1t"))) {
    t.same(result.value.find(({ name }) => name === `${figure.name}-1t`)?.slices, figure.slices);
  }
});

test("the memory measurement", async (t) => {
  const small = { ...QUICK, usableBytes: 2 ** 28, cacheBytes: undefined };
  const result = await makeMemoryBenchmark(makeLinuxHost())(small, {});
  if (result.kind !== "found") return t.fail(JSON.stringify(result));
  const [figure] = result.value;
  if (figure === undefined) return t.fail("a figure");
  t.match(figure, { name: "memory.copy", unit: "MB/s", conditions: { threads: 2, bufferBytes: 2 ** 24 } });
  assertFigure(t, figure);
  t.match(await makeMemoryBenchmark(makeLinuxHost())({ ...small, usableBytes: undefined }, {}), { kind: "absent" });
});

test("the lasting speed", async (t) => {
  const sustained = makeSustainedBenchmark(
    makeSimHost(loadTree(new URL("../../fixtures/boards/firecracker-vm", import.meta.url).pathname)),
  );
  const stop = new AbortController();
  const task = { threads: 1, effectiveMilliCpus: 1000, sustainMs: 60_000 };
  const seen: number[] = [];
  const onProgress = (fraction: number): void => {
    seen.push(fraction);
    stop.abort(new Error("enough"));
  };
  await t.rejects(sustained(task, { signal: stop.signal, onProgress }), { message: "enough" });
  t.same(seen, [1 / 300]);
});

test("a stop ends a measurement with its reason", async (t) => {
  const host = makeLinuxHost();
  const runs: readonly ((run: { signal: AbortSignal; onProgress?: () => void }) => Promise<ProbeResult<unknown>>)[] = [
    (run) => makeCpuBenchmark(host)(QUICK, run),
    (run) => makeMemoryBenchmark(host)({ ...QUICK, usableBytes: 2 ** 28, cacheBytes: undefined }, run),
  ];
  for (const start of runs) {
    await t.rejects(start({ signal: AbortSignal.abort(new Error("enough")) }), { message: "enough" });
    const late = new AbortController();
    const onProgress = (): void => late.abort(new Error("enough"));
    await t.rejects(start({ signal: late.signal, onProgress }), { message: "enough" });
  }
});

test("a crew that fails or is late is told, not thrown", async (t) => {
  const order = { work: "integer", warmUpMs: 0, slices: 2, sliceMs: 1 } as const;
  const late = await withCrew({ threads: 1, copyBytes: 0, timeoutMs: 1 }, (crew) =>
    crew.run({ ...order, sliceMs: 10_000 }, 1, () => undefined),
  );
  t.match(late, { kind: "failed", error: { code: "timeout" } });
  const unknown = { ...order, work: "nothing" as WorkName };
  const failed = await withCrew({ threads: 1, copyBytes: 0, timeoutMs: 30_000 }, (crew) => crew.run(unknown, 1, () => undefined));
  t.match(failed, { kind: "failed", error: { code: "malformed", message: /computes nothing wrongly/ } });
  const huge = await withCrew({ threads: 1, copyBytes: 2 ** 52, timeoutMs: 30_000 }, (crew) =>
    crew.run({ ...order, work: "copy" }, 1, () => undefined),
  );
  t.match(huge, { kind: "failed", error: { code: "unreadable" } });
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
