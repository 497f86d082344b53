/**
 * The GPU measurement without a GPU: its reports from hostile processes, which adapters count, what the kernel has to compute, and what
 * is answered when the measuring process crashes, hangs or prints something else.
 */
import { join } from "node:path";
import fc from "fast-check";
import { test } from "tap";
import type { TimedTask } from "../../../hal/benchmarks/benchmark.ts";
import { GPU_RESULTS, gpuOperations, gpuShader, isGpuResult } from "../../../hal/benchmarks/gpu-kernel.ts";
import { makeGpuBenchmark } from "../../../hal/benchmarks/gpu-linux.ts";
import {
  type GpuAdapter,
  type GpuReport,
  gpuFigures,
  isSoftwareAdapter,
  parseGpuReport,
} from "../../../hal/benchmarks/gpu-report.ts";
import { absent, type BoardProfile, type FigureGroup, found, type GpuFacts } from "../../../hal/index.ts";
import { MAX_DEVICE_TEXT, MAX_GPU_SLICES } from "../../../hal/limits.ts";
import { measureGroups } from "../../../hal/measure.ts";
import { makeFacts } from "../../sim/machine-samples.ts";
import { shippedBoards } from "../../sim/shipped-boards.ts";

const CARD: GpuAdapter = { vendor: "nvidia", architecture: "ada", device: "0x2684", description: "RTX 4090", isFallback: false };
const SWIFTSHADER: GpuAdapter = {
  vendor: "google",
  architecture: "swiftshader",
  device: "swiftshader-device-subzero-",
  description: "SwiftShader driver 5.0.0",
  isFallback: true,
};
const MEASURED: GpuReport = { kind: "measured", adapter: CARD, slices: [60_000.9, 80_000.4, 79_000], durationMs: 1234.5 };

test("a figure out of a report", (t) => {
  t.strictSame(gpuFigures(MEASURED), {
    kind: "found",
    value: [
      {
        name: "gpu.fma",
        version: 1,
        unit: "GFLOP/s",
        value: 80_000,
        slices: [60_000, 80_000, 79_000],
        spreadPercent: 25,
        durationMs: 1235,
        conditions: { adapter: "RTX 4090", vendor: "nvidia", architecture: "ada" },
      },
    ],
  });
  const nameless = { ...CARD, vendor: "", architecture: " \n", device: "", description: "\u0000" };
  t.match(gpuFigures({ ...MEASURED, adapter: nameless }), {
    value: [{ conditions: { adapter: "an adapter without a name", vendor: undefined, architecture: undefined } }],
  });
  t.end();
});

test("every report without a figure says why", (t) => {
  t.match(gpuFigures({ kind: "missing", why: "no build\nfor musl" }), {
    kind: "absent",
    why: "the optional package webgpu is missing: no build for musl",
  });
  t.match(gpuFigures({ kind: "missing", why: "" }), { kind: "absent", why: /webgpu is missing: it does not load/ });
  t.match(gpuFigures({ kind: "no-adapter" }), { kind: "absent", why: /no adapter/ });
  t.match(gpuFigures({ kind: "failed", why: "device lost" }), {
    kind: "failed",
    error: { code: "unreadable", message: /cannot be measured: device lost/ },
  });
  t.match(gpuFigures({ kind: "software", adapter: SWIFTSHADER }), {
    kind: "absent",
    why: "only SwiftShader driver 5.0.0 answers, which is a program and no GPU",
  });
  t.end();
});

test("programs count as no GPU, whatever they claim to have measured", (t) => {
  const programs: readonly Partial<GpuAdapter>[] = [
    SWIFTSHADER,
    { isFallback: true },
    { description: "llvmpipe (LLVM 15.0.6, 256 bits)" },
    { device: "softpipe" },
    { description: "Lavapipe" },
    { description: "Microsoft Basic Render Driver" },
    { architecture: "SwiftShader" },
  ];
  for (const program of programs) {
    const adapter = { ...CARD, ...program };
    t.ok(isSoftwareAdapter(adapter), JSON.stringify(program));
    t.match(gpuFigures({ ...MEASURED, adapter }), { kind: "absent", why: /a program and no GPU/ });
  }
  t.notOk(isSoftwareAdapter(CARD));
  t.notOk(isSoftwareAdapter({ ...CARD, description: "AMD Radeon 780M (RADV PHOENIX)" }));
  t.end();
});

test("the last line that is a report counts, and nothing else does", (t) => {
  const line = JSON.stringify(MEASURED);
  for (const output of [line, `${line}\n`, `noise\n${line}\n{"kind":"other"}\nbye\n`, `{"kind":"no-adapter"}\n${line}`])
    t.strictSame(parseGpuReport(output), { kind: "found", value: MEASURED });
  const broken: readonly unknown[] = [
    null,
    [],
    {},
    { kind: "missing" },
    { kind: "missing", why: 3 },
    { kind: "missing", why: "x".repeat(2000) },
    { kind: "software" },
    { ...MEASURED, adapter: null },
    { ...MEASURED, adapter: { ...CARD, isFallback: "no" } },
    { ...MEASURED, slices: [] },
    { ...MEASURED, slices: [null] },
    { ...MEASURED, slices: [-1] },
    { ...MEASURED, slices: [1e300] },
    { ...MEASURED, slices: ["80000"] },
    { ...MEASURED, slices: Array.from({ length: MAX_GPU_SLICES + 1 }, () => 1) },
    { ...MEASURED, durationMs: undefined },
  ];
  for (const value of broken) t.match(parseGpuReport(JSON.stringify(value)), { kind: "failed", error: { code: "unreadable" } });
  for (const output of ["", "\n", "{", line.slice(0, -1), `x${line}`]) t.match(parseGpuReport(output), { kind: "failed" });
  t.end();
});

test("whatever is printed, a report that is taken is fit to be shown", (t) => {
  const anyAdapter = fc.record({
    vendor: fc.string({ unit: "binary" }),
    architecture: fc.string({ unit: "binary" }),
    device: fc.string({ unit: "binary" }),
    description: fc.string({ unit: "binary", maxLength: 2000 }),
    isFallback: fc.boolean(),
  });
  const anyReport = fc.record(
    {
      kind: fc.constantFrom("missing", "no-adapter", "failed", "software", "measured", "else"),
      why: fc.oneof(fc.string({ unit: "binary" }), fc.anything()),
      adapter: fc.oneof(anyAdapter, fc.anything()),
      slices: fc.oneof(
        fc.array(fc.double()),
        fc.array(fc.double({ min: 0, max: 1e9, noNaN: true }), { minLength: 1 }),
        fc.anything(),
      ),
      durationMs: fc.oneof(fc.double(), fc.nat()),
    },
    { requiredKeys: ["kind"] },
  );
  const anyOutput = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.json(),
    anyReport.map((report) => {
      try {
        return JSON.stringify(report);
      } catch {
        return "{}";
      }
    }),
  );
  fc.assert(
    fc.property(anyOutput, (output) => {
      const report = parseGpuReport(output);
      const answer = report.kind === "found" ? gpuFigures(report.value) : report;
      const words =
        answer.kind === "found"
          ? answer.value[0]?.conditions["adapter"]
          : answer.kind === "absent"
            ? answer.why
            : answer.error.message;
      const isLine = typeof words === "string" && words.length <= MAX_DEVICE_TEXT + 64 && !/\p{Cc}/u.test(words);
      if (answer.kind !== "found") return isLine;
      const { value, slices, spreadPercent, durationMs } = answer.value[0] ?? {
        value: -1,
        slices: [],
        spreadPercent: -1,
        durationMs: -1,
      };
      const areWhole = [value, durationMs, ...slices].every((each) => Number.isSafeInteger(each) && each >= 0);
      return isLine && areWhole && spreadPercent >= 0 && spreadPercent <= 100 && value === Math.max(...slices);
    }),
  );
  t.end();
});

/** What a processor makes of the kernel, one number at a time. */
function compute(rounds: number): Float32Array {
  return Float32Array.from({ length: GPU_RESULTS }, (_, index) => {
    let sum = 0;
    for (let chain = 0; chain < 8; chain++) {
      let number = index * 0.001 + chain;
      for (let round = 0; round < rounds; round++) number = Math.fround(Math.fround(0.999) * number + Math.fround(0.001));
      sum += number * 4;
    }
    return sum;
  });
}

test("only the numbers that the kernel has to compute count as its result", (t) => {
  for (const rounds of [4, 64, 1024]) {
    const right = compute(rounds);
    t.ok(isGpuResult(right, rounds), `${rounds} rounds`);
    for (const wrong of [0, Number.NaN, Number.POSITIVE_INFINITY, -32]) {
      const damaged = right.slice();
      damaged[1234] = wrong;
      t.notOk(isGpuResult(damaged, rounds), `${wrong} among them`);
    }
  }
  t.notOk(isGpuResult(new Float32Array(GPU_RESULTS), 4), "a kernel that never ran");
  t.notOk(isGpuResult(compute(4), 1024), "a kernel that gave up early");
  t.notOk(isGpuResult([], 4));
  t.match(gpuShader(1024), /round < 1024u/);
  t.equal(gpuOperations(8), 2 * gpuOperations(4));
  t.equal(gpuOperations(1), 4096 * 64 * 8 * 4 * 2);
  t.end();
});

/** A measurement whose process is the one that misbehaves. */
function measureWith(behaviour: string, graceMs = 60_000) {
  const program = [join(import.meta.dirname, "gpu-benchmark-child.ts"), behaviour];
  const measure = makeGpuBenchmark({ program, graceMs });
  return (task: TimedTask, signal?: AbortSignal) => measure(task, signal === undefined ? {} : { signal });
}

test("a measuring process that ends without a report is told, not thrown", async (t) => {
  for (const behaviour of ["crash", "garbage"])
    t.match(await measureWith(behaviour)({ budgetMs: 10 }), {
      kind: "failed",
      error: { code: "unreadable", message: "the graphics driver ended the measurement without a result" },
    });
  t.match(await measureWith("flood")({ budgetMs: 10 }), { kind: "absent", why: /no adapter/ });
  t.match(await measureWith(JSON.stringify(MEASURED))({ budgetMs: 10 }), {
    kind: "found",
    value: [{ name: "gpu.fma", value: 80_000 }],
  });
  t.match(await makeGpuBenchmark({ program: ["/no/such/program.js"], graceMs: 60_000 })({ budgetMs: 10 }, {}), {
    kind: "failed",
  });
});

test("it is told its budget and no secret of this process", async (t) => {
  process.env["BONUSNODE_TEST_SECRET"] = "secret";
  t.teardown(() => {
    delete process.env["BONUSNODE_TEST_SECRET"];
  });
  const result = await measureWith("budget")({ budgetMs: 4321 });
  t.match(result, { kind: "failed", error: { message: /asked for 4321, .*PATH/ } });
  t.notMatch(JSON.stringify(result), /SECRET/);
});

test("one that hangs is ended: by the time, and by a stop", async (t) => {
  t.match(await measureWith("hang", 0)({ budgetMs: 1 }), {
    kind: "failed",
    error: { code: "timeout", message: "the GPU gave no result within 0.001 s" },
  });
  const reason = new Error("enough");
  const stop = new AbortController();
  const stopped = measureWith("hang")({ budgetMs: 10 }, stop.signal);
  setImmediate(() => stop.abort(reason));
  await t.rejects(stopped, { message: "enough" });
  await t.rejects(measureWith("hang")({ budgetMs: 10 }, AbortSignal.abort(reason)), { message: "enough" });
});

test("the real program answers on a machine without the package, or without a GPU", async (t) => {
  const result = await makeGpuBenchmark()({ budgetMs: 100 }, {});
  t.ok(result.kind !== "absent" || /webgpu is missing|no adapter|program and no GPU/.test(result.why), JSON.stringify(result));
});

test("the GPU is measured where work could run on one, on a router only when asked", async (t) => {
  const GPU = {
    bus: "pci",
    vendor: "NVIDIA",
    device: "0x2684",
    driver: "nvidia",
    hasRenderNode: true,
    kind: "hardware",
  } as const;
  const [pc] = (await shippedBoards()).filter(({ board }) => board.class === "pc");
  const [router] = (await shippedBoards()).filter(({ board }) => board.class === "router");
  const measuredWith = async (gpus: readonly GpuFacts[], profile: BoardProfile | undefined, groups?: readonly FigureGroup[]) => {
    const nothing = async () => absent("not here");
    const benchmarks = { cpu: nothing, memory: nothing, disk: nothing, gpu: async () => found([]) };
    const board = profile === undefined ? absent("no profile") : found({ profile, matchedBy: "test" });
    const facts = { ...makeFacts(), gpus: found(gpus) };
    return (await measureGroups(benchmarks, { facts, board }, { groups })).gpu.kind === "found";
  };
  t.ok(await measuredWith([GPU], pc));
  t.ok(await measuredWith([GPU], undefined));
  t.notOk(await measuredWith([GPU], router));
  t.ok(await measuredWith([GPU], router, ["gpu"]));
  t.notOk(await measuredWith([], pc));
  t.notOk(await measuredWith([{ ...GPU, driver: undefined }], pc), "no driver holds it");
  t.notOk(await measuredWith([{ ...GPU, kind: "virtual" }], pc));
  t.ok(await measuredWith([], pc, ["gpu"]));
});
