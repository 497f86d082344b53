import * as v from "valibot";
import { MAX_GPU_SLICES } from "../limits.ts";
import { absent, failed, found, type ProbeResult } from "../probe-result.ts";
import { cleanText } from "../probes/text.ts";
import { bestOf, type Figure } from "./figure.ts";

/** What the measuring process says at its end, as one line of JSON. */
export type GpuReport =
  /** The optional package is not installed, or does not load here. */
  | { readonly kind: "missing"; readonly why: string }
  | { readonly kind: "no-adapter" }
  /** The driver refused something, or computes wrong numbers. */
  | { readonly kind: "failed"; readonly why: string }
  /** Only a program answers that calls itself a GPU. */
  | { readonly kind: "software"; readonly adapter: GpuAdapter }
  | {
      readonly kind: "measured";
      readonly adapter: GpuAdapter;
      /** Floating-point operations a second of each slice, in 10^9. */
      readonly slices: readonly number[];
      readonly durationMs: number;
    };

/** How WebGPU describes an adapter (https://www.w3.org/TR/webgpu/#gpuadapterinfo). */
export interface GpuAdapter {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  readonly isFallback: boolean;
}

const words = v.pipe(v.string(), v.maxLength(1024));
const adapterInfo = v.object({ vendor: words, architecture: words, device: words, description: words, isFallback: v.boolean() });
/** Up to an exaflop a second, in 10^9, so that every figure is a safe integer. */
const amount = v.pipe(v.number(), v.minValue(0), v.maxValue(1e9));

const gpuReport = v.variant("kind", [
  v.object({ kind: v.literal("missing"), why: words }),
  v.object({ kind: v.literal("no-adapter") }),
  v.object({ kind: v.literal("failed"), why: words }),
  v.object({ kind: v.literal("software"), adapter: adapterInfo }),
  v.object({
    kind: v.literal("measured"),
    adapter: adapterInfo,
    slices: v.pipe(v.array(amount), v.minLength(1), v.maxLength(MAX_GPU_SLICES)),
    durationMs: amount,
  }),
]);

/** Programs that draw with the processor and call themselves a GPU: Google's SwiftShader, Mesa's llvmpipe and softpipe, Microsoft's. */
const RASTERISERS = /swiftshader|llvmpipe|lavapipe|softpipe|software rasterizer|basic render|\bwarp\b/i;

/** Whether an adapter is a program that calls itself one. Pure. */
export function isSoftwareAdapter(adapter: GpuAdapter): boolean {
  const { vendor, architecture, device, description } = adapter;
  return adapter.isFallback || RASTERISERS.test([vendor, architecture, device, description].join(" "));
}

/** The figure of a report, or why there is none. A software adapter is a processor measured twice, so it counts as no GPU. Pure. */
export function gpuFigures(report: GpuReport): ProbeResult<readonly Figure[]> {
  if (report.kind === "missing")
    return absent(`the optional package webgpu is missing: ${cleanText(report.why) ?? "it does not load"}`);
  if (report.kind === "no-adapter") return absent("WebGPU finds no adapter: no GPU, or no Vulkan driver for it");
  if (report.kind === "failed")
    return failed("unreadable", `the GPU cannot be measured: ${cleanText(report.why) ?? "its driver fails"}`);
  const { adapter } = report;
  const name = cleanText(adapter.description) ?? cleanText(adapter.device) ?? "an adapter without a name";
  if (report.kind === "software" || isSoftwareAdapter(adapter))
    return absent(`only ${name} answers, which is a program and no GPU`);
  const { slices, durationMs } = report;
  const conditions = { adapter: name, vendor: cleanText(adapter.vendor), architecture: cleanText(adapter.architecture) };
  return found([
    { name: "gpu.fma", version: 1, unit: "GFLOP/s", ...bestOf(slices), durationMs: Math.round(durationMs), conditions },
  ]);
}

/**
 * The report in what the measuring process printed: its last line that is one, because drivers print what they like. `failed` where
 * there is none, as after a crash of the driver. Pure.
 */
export function parseGpuReport(output: string): ProbeResult<GpuReport> {
  for (const line of output.split("\n").reverse()) {
    const report = line.startsWith("{") ? parseReport(line) : undefined;
    if (report !== undefined) return found(report);
  }
  return failed("unreadable", "the graphics driver ended the measurement without a result");
}

function parseReport(line: string): GpuReport | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  const parsed = v.safeParse(gpuReport, value);
  return parsed.success ? parsed.output : undefined;
}
