import { spawn } from "node:child_process";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { messageOf } from "../../base/index.ts";
import { GPU_GRACE_MS, MAX_GPU_REPORT_CHARS } from "../limits.ts";
import { failed } from "../probe-result.ts";
import type { Benchmark, TimedTask } from "./benchmark.ts";
import { gpuFigures, parseGpuReport } from "./gpu-report.ts";

/** Variables of the environment by which a machine's Vulkan drivers are found; the rest is none of the measuring process's business. */
const DRIVER_VARIABLES = ["VK_ICD_FILENAMES", "VK_DRIVER_FILES", "LD_LIBRARY_PATH", "XDG_DATA_DIRS", "HOME", "PATH"];

/** What the measurement stands on; for tests, which have other programs answer. */
export interface GpuBenchmarkNeeds {
  /** The measuring program and its first arguments; the budget in milliseconds follows them. */
  readonly program: readonly string[];
  /** How long it may take beyond its budget. */
  readonly graceMs: number;
}

/**
 * Measures the speed of the GPU with the optional package `webgpu`, in a process of its own: a graphics driver that crashes takes only
 * that with it. Answers `absent` where the package, or a GPU that is hardware, is missing.
 */
export function makeGpuBenchmark(
  needs: GpuBenchmarkNeeds = { program: [ownProgram()], graceMs: GPU_GRACE_MS },
): Benchmark<TimedTask> {
  return async ({ budgetMs }, run) => {
    run.signal?.throwIfAborted();
    const timeoutMs = budgetMs + needs.graceMs;
    const timeout = AbortSignal.timeout(timeoutMs);
    const stop = run.signal === undefined ? timeout : AbortSignal.any([run.signal, timeout]);
    try {
      const report = parseGpuReport(await outputOf([...needs.program, String(budgetMs)], stop));
      return report.kind === "found" ? gpuFigures(report.value) : report;
    } catch (thrown) {
      run.signal?.throwIfAborted();
      if (timeout.aborted) return failed("timeout", `the GPU gave no result within ${timeoutMs / 1000} s`);
      return failed("unreadable", `the GPU cannot be measured: ${messageOf(thrown)}`);
    }
  };
}

/** The compiler does not rewrite names in strings, so the program's extension is that of this file: .ts here, .js when built. */
function ownProgram(): string {
  return fileURLToPath(new URL(`./gpu-worker-linux${extname(import.meta.url)}`, import.meta.url));
}

/** The end of what a program of Node's prints, however it ends. Rejects where it does not start, and when it is stopped. */
function outputOf(program: readonly string[], signal: AbortSignal): Promise<string> {
  const env = Object.fromEntries(DRIVER_VARIABLES.map((name) => [name, process.env[name]]));
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", ...program], {
      stdio: ["ignore", "pipe", "ignore"],
      env,
      signal,
      killSignal: "SIGKILL",
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output = `${output}${text}`.slice(-MAX_GPU_REPORT_CHARS);
    });
    child.on("error", reject).on("close", () => resolve(output));
  });
}
