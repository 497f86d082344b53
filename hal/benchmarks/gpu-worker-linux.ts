/**
 * The program of the GPU's measuring process: `node gpu-worker-linux.ts BUDGET_MS [any]`. Only `gpu-linux.ts` starts it; with `any` a test
 * has it measure a software adapter too. Its last line is a GpuReport.
 */
import { writeSync } from "node:fs";
import { messageOf } from "../../base/index.ts";
import { GPU_SLICE_MS, MAX_GPU_SLICES } from "../limits.ts";
import { GPU_GROUPS, GPU_RESULTS, gpuOperations, gpuShader, isGpuResult } from "./gpu-kernel.ts";
import { type GpuAdapter, type GpuReport, isSoftwareAdapter } from "./gpu-report.ts";

/** The part of WebGPU (https://www.w3.org/TR/webgpu/) that is used here, as the package `webgpu` offers it outside a browser. */
interface Gpu {
  requestAdapter(options: { readonly powerPreference: "high-performance" }): Promise<Adapter | null>;
}
interface Adapter {
  readonly info: {
    readonly vendor: string;
    readonly architecture: string;
    readonly device: string;
    readonly description: string;
    readonly isFallbackAdapter?: boolean;
  };
  requestDevice(): Promise<Device>;
}
interface Device {
  readonly queue: { submit(commands: readonly object[]): void; onSubmittedWorkDone(): Promise<void> };
  createShaderModule(source: { readonly code: string }): object;
  createBuffer(options: { readonly size: number; readonly usage: number }): Buffered;
  createComputePipelineAsync(options: object): Promise<{ getBindGroupLayout(index: number): object }>;
  createBindGroup(options: object): object;
  createCommandEncoder(): Encoder;
}
interface Buffered {
  mapAsync(mode: number): Promise<void>;
  getMappedRange(): ArrayBuffer;
}
interface Encoder {
  beginComputePass(): {
    setPipeline(pipeline: object): void;
    setBindGroup(index: number, group: object): void;
    dispatchWorkgroups(count: number): void;
    end(): void;
  };
  copyBufferToBuffer(from: Buffered, fromOffset: number, to: Buffered, toOffset: number, size: number): void;
  finish(): object;
}
interface WebgpuPackage {
  readonly create: (options: readonly string[]) => Gpu;
  readonly globals: object;
}

/** Flags of the specification: GPUBufferUsage and GPUMapMode. */
const USAGE_MAP_READ = 0x1;
const USAGE_COPY_SRC = 0x4;
const USAGE_COPY_DST = 0x8;
const USAGE_STORAGE = 0x80;
const MODE_READ = 0x1;

const RESULT_BYTES = GPU_RESULTS * 4;

/** Rounds of the first kernel, and of the longest: a tenth of a second on the fastest GPUs there are. */
const MIN_ROUNDS = 4;
const MAX_ROUNDS = 2 ** 20;

/** The kernel with a number of rounds, ready to run. */
interface Kernel {
  readonly rounds: number;
  /** Runs it once; answers the milliseconds that it took. */
  run(): Promise<number>;
  /** What the last run left. */
  readResults(): Promise<Float32Array>;
}

let instance: Gpu | undefined;

async function measure(budgetMs: number, alsoSoftware: boolean): Promise<GpuReport> {
  let webgpu: WebgpuPackage;
  try {
    // Named by a variable because it is no dependency: whoever has a GPU adds it.
    const name: string = "webgpu";
    webgpu = (await import(name)) as WebgpuPackage;
  } catch (thrown) {
    const isMissing = (thrown as { readonly code?: unknown }).code === "ERR_MODULE_NOT_FOUND";
    return {
      kind: "missing",
      why: isMissing ? "it is not installed (npm install webgpu beside this program adds it)" : messageOf(thrown),
    };
  }
  Object.assign(globalThis, webgpu.globals);
  // The driver ends with its first object, which therefore has to outlive all others.
  instance = webgpu.create([]);
  const adapter = await instance.requestAdapter({ powerPreference: "high-performance" });
  if (adapter === null) return { kind: "no-adapter" };
  const { vendor, architecture, device: deviceName, description, isFallbackAdapter = false } = adapter.info;
  const about: GpuAdapter = { vendor, architecture, device: deviceName, description, isFallback: isFallbackAdapter };
  if (isSoftwareAdapter(about) && !alsoSoftware) return { kind: "software", adapter: about };
  const startMs = performance.now();
  const device = await adapter.requestDevice();
  const kernel = await fittingKernel(device);
  const slices: number[] = [];
  while (slices.length < MAX_GPU_SLICES && (slices.length === 0 || performance.now() - startMs < budgetMs))
    slices.push(gpuOperations(kernel.rounds) / (await kernel.run()) / 1e6);
  const durationMs = performance.now() - startMs;
  if (!isGpuResult(await kernel.readResults(), kernel.rounds))
    return { kind: "failed", why: "it does not compute what it is asked for" };
  return { kind: "measured", adapter: about, slices, durationMs };
}

/** A kernel that takes a fair time, but is done long before a driver takes it for hung or a screen stands still. */
async function fittingKernel(device: Device): Promise<Kernel> {
  for (let rounds = MIN_ROUNDS; ; rounds *= 4) {
    const kernel = await prepare(device, rounds);
    // Some drivers finish compiling in the first run.
    const firstMs = await kernel.run();
    if (rounds >= MAX_ROUNDS || (firstMs >= GPU_SLICE_MS && (await kernel.run()) >= GPU_SLICE_MS)) return kernel;
  }
}

async function prepare(device: Device, rounds: number): Promise<Kernel> {
  const module = device.createShaderModule({ code: gpuShader(rounds) });
  const pipeline = await device.createComputePipelineAsync({ layout: "auto", compute: { module, entryPoint: "main" } });
  const results = device.createBuffer({ size: RESULT_BYTES, usage: USAGE_STORAGE | USAGE_COPY_SRC });
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [{ binding: 0, resource: { buffer: results } }],
  });
  return {
    rounds,
    run: async () => {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(GPU_GROUPS);
      pass.end();
      const commands = encoder.finish();
      const startMs = performance.now();
      device.queue.submit([commands]);
      await device.queue.onSubmittedWorkDone();
      return performance.now() - startMs;
    },
    readResults: async () => {
      const copy = device.createBuffer({ size: RESULT_BYTES, usage: USAGE_MAP_READ | USAGE_COPY_DST });
      const encoder = device.createCommandEncoder();
      encoder.copyBufferToBuffer(results, 0, copy, 0, RESULT_BYTES);
      device.queue.submit([encoder.finish()]);
      await copy.mapAsync(MODE_READ);
      return new Float32Array(copy.getMappedRange());
    },
  };
}

const [budgetMs, which] = process.argv.slice(2);
const report = await measure(Number(budgetMs) || 2_000, which === "any").catch(
  (thrown: unknown): GpuReport => ({ kind: "failed", why: messageOf(thrown) }),
);
writeSync(1, `${JSON.stringify(report)}\n`);
// Drivers keep threads of their own that would keep the process, and some crash or hang while they are taken down in order.
process.kill(process.pid, "SIGKILL");
