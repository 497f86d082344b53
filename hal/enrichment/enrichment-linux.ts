import { spawn } from "node:child_process";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import { messageOf } from "../../base/index.ts";
import type { MachineFacts } from "../facts.ts";
import { ENRICHMENT_TIMEOUT_MS, MAX_ENRICHMENT_CHARS } from "../limits.ts";
import { absent, failed, found, type ProbeResult } from "../probe-result.ts";
import { cleanText } from "../probes/text.ts";
import {
  type Enrichment,
  type EnrichmentCall,
  parseDiskNames,
  parseGpuNames,
  parseMemoryModules,
  whyNotEnriched,
} from "./enrichment.ts";

/** How the package is asked; tests have another module answer, and wait less. */
export interface EnrichmentOptions {
  readonly signal?: AbortSignal;
  /** Path of a module in place of the package. */
  readonly module?: string;
  /** How long each function may take. */
  readonly timeoutMs?: number;
}

/** Where the programs for administrators lie, which the path of a service or a user may leave out. */
const SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * Asks the optional package `systeminformation` what the kernel's files do not tell. `absent` where the package is missing or the machine
 * is none that has the helper programs. Each function runs in a process of its own, which ends with every helper that it started when its
 * time is up: the package waits for some of them without a limit and without letting anything else run. Rejects only with the signal's
 * reason.
 */
export async function readEnrichment(facts: MachineFacts, options: EnrichmentOptions = {}): Promise<ProbeResult<Enrichment>> {
  options.signal?.throwIfAborted();
  const why = whyNotEnriched(facts);
  if (why !== undefined) return absent(why);
  const [memory, graphics, disks] = await Promise.all([
    ask("memLayout", options),
    ask("graphics", options),
    ask("diskLayout", options),
  ]);
  options.signal?.throwIfAborted();
  for (const { missing } of [memory, graphics, disks])
    if (missing !== undefined) return absent(`the optional package systeminformation is missing: ${missing}`);
  return found({
    memoryModules: memory.failure ?? parseMemoryModules(memory.answer),
    gpus: graphics.failure ?? parseGpuNames(graphics.answer),
    disks: disks.failure ?? parseDiskNames(disks.answer),
  });
}

/** What became of one function: exactly one of them. */
interface Outcome {
  readonly missing?: string;
  readonly failure?: ReturnType<typeof failed>;
  readonly answer?: unknown;
}

async function ask(
  call: EnrichmentCall,
  { module, signal, timeoutMs = ENRICHMENT_TIMEOUT_MS }: EnrichmentOptions,
): Promise<Outcome> {
  const timeout = AbortSignal.timeout(timeoutMs);
  const stop = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
  try {
    const output = await outputOf([ownProgram(), call, ...(module === undefined ? [] : [module])], stop);
    return parseOutcome(call, output);
  } catch (thrown) {
    if (timeout.aborted) return { failure: failed("timeout", `${call}() gave no answer within ${timeoutMs / 1000} s`) };
    return { failure: failed("unreadable", `${call}(): ${messageOf(thrown)}`) };
  }
}

const words = v.pipe(v.string(), v.maxLength(MAX_ENRICHMENT_CHARS));
const outcome = v.union([
  v.strictObject({ missing: words }),
  v.strictObject({ failed: words }),
  v.strictObject({ answer: v.unknown() }),
]);

/** The last line that the process printed; helper programs may have printed others. */
function parseOutcome(call: EnrichmentCall, output: string): Outcome {
  try {
    const said = v.parse(outcome, JSON.parse(output.trimEnd().split("\n").at(-1) ?? ""));
    if ("missing" in said) return { missing: cleanText(said.missing) ?? "it does not load" };
    if ("failed" in said) return { failure: failed("unreadable", `${call}(): ${cleanText(said.failed) ?? "it failed"}`) };
    return { answer: said.answer };
  } catch {
    return { failure: failed("unreadable", `${call}() ended without an answer`) };
  }
}

/** The compiler does not rewrite names in strings, so the program's extension is that of this file: .ts here, .js when built. */
function ownProgram(): string {
  return fileURLToPath(new URL(`./enrichment-worker-linux${extname(import.meta.url)}`, import.meta.url));
}

/** What a program of Node's prints. When it is stopped, its whole process group is killed. */
function outputOf(program: readonly string[], signal: AbortSignal): Promise<string> {
  const { PATH } = process.env;
  const env = { PATH: PATH === undefined ? SYSTEM_PATH : `${PATH}:${SYSTEM_PATH}`, LC_ALL: "C" };
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", ...program], {
      stdio: ["ignore", "pipe", "ignore"],
      env,
      detached: true,
    });
    const kill = (): void => {
      reject(signal.reason);
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, "SIGKILL");
      } catch {
        // It ended by itself in the meantime.
      }
    };
    if (signal.aborted) kill();
    signal.addEventListener("abort", kill, { once: true });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output = `${output}${text}`.slice(-MAX_ENRICHMENT_CHARS);
    });
    child.on("error", reject).on("close", () => {
      signal.removeEventListener("abort", kill);
      resolve(output);
    });
  });
}
