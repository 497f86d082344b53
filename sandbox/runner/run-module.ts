import { ModuleRefusal } from "./byte-reader.ts";
import { type EngineInstance, type EngineMemory, engine } from "./engine.ts";
import { guardModule, HOST_MODULE } from "./guard.ts";
import { ExitRequest, makePreview1, type Preview1Host } from "./preview1.ts";
import { makeRandomStream } from "./random-stream.ts";

/** The job as it comes over the channel, before the bytes of module and standard input. */
export interface JobHeader {
  readonly args: readonly string[];
  /** 32 bytes in hexadecimal. */
  readonly seed: string;
  readonly epochSeconds: number;
  readonly outputBytes: number;
  readonly memoryPages: number;
  readonly tableEntries: number;
  readonly moduleBytes: number;
  readonly stdinBytes: number;
}

/** How the module ended. */
export type Report =
  | { readonly kind: "exited"; readonly exitCode: number; readonly stdoutBytes: number }
  | { readonly kind: "stopped"; readonly reason: "trap" | "invalid-module" | "memory" | "output"; readonly detail: string };

const STDOUT = 1;
const STDERR = 2;
const BUFFER_BYTES = 65_536;

class OutputFull extends Error {}

/** Runs a command to its end. `writeTo` takes bytes for descriptor 1 or 2; they are valid during the call only. */
export function runModule(
  header: JobHeader,
  bytes: Uint8Array,
  stdin: Uint8Array,
  writeTo: (descriptor: number, bytes: Uint8Array) => void,
): Report {
  const stdout = makeStdout(header.outputBytes, (portion) => writeTo(STDOUT, portion));
  const host = makePreview1({
    args: header.args,
    stdin,
    epochSeconds: header.epochSeconds,
    random: makeRandomStream(Buffer.from(header.seed, "hex")),
    write: (stream, portion) => (stream === "stdout" ? stdout.write(portion) : writeTo(STDERR, portion)),
  });
  let guardFunction: number | undefined;
  let report: Report;
  try {
    const guarded = guardModule(bytes, {
      memoryPages: header.memoryPages,
      tableEntries: header.tableEntries,
      isHostFunction: (name) => Object.hasOwn(host.functions, name),
    });
    guardFunction = guarded.guardFunction;
    start(new engine.Instance(new engine.Module(guarded.bytes), { [HOST_MODULE]: host.functions }), host);
    report = { kind: "exited", exitCode: 0, stdoutBytes: 0 };
  } catch (thrown) {
    report = explain(thrown, guardFunction);
  }
  stdout.flush();
  return report.kind === "exited" ? { ...report, stdoutBytes: stdout.length() } : report;
}

/** Calls the command's entry, as WASI's application ABI for preview 1 says. */
function start({ exports }: EngineInstance, host: Preview1Host): void {
  const { _start: entry, memory } = exports;
  if (typeof entry !== "function")
    throw new ModuleRefusal("invalid-module", "is not a WASI command: it exports no function _start");
  if (!(memory instanceof engine.Memory)) throw new ModuleRefusal("invalid-module", "exports no memory");
  host.attach(memory as EngineMemory);
  entry();
}

/** Standard output in portions, so that a module that writes bytewise does not pay for a system call each time. */
function makeStdout(maxBytes: number, writeOut: (portion: Uint8Array) => void) {
  const buffer = new Uint8Array(BUFFER_BYTES);
  let held = 0;
  let total = 0;
  const flush = (): void => {
    writeOut(buffer.subarray(0, held));
    held = 0;
  };
  return {
    flush,
    length: () => total,
    write: (portion: Uint8Array): void => {
      const allowed = portion.subarray(0, maxBytes - total);
      total += allowed.length;
      if (held + allowed.length > buffer.length) flush();
      if (allowed.length > buffer.length) writeOut(allowed);
      else {
        buffer.set(allowed, held);
        held += allowed.length;
      }
      if (allowed.length < portion.length) throw new OutputFull();
    },
  };
}

/** What a thrown value says about the module's end. */
function explain(thrown: unknown, guardFunction: number | undefined): Report {
  if (thrown instanceof ExitRequest) return { kind: "exited", exitCode: thrown.exitCode, stdoutBytes: 0 };
  if (thrown instanceof OutputFull) return { kind: "stopped", reason: "output", detail: "wrote more than its limit" };
  if (thrown instanceof ModuleRefusal) return { kind: "stopped", reason: thrown.reason, detail: thrown.message };
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (thrown instanceof engine.CompileError || thrown instanceof engine.LinkError) {
    return { kind: "stopped", reason: "invalid-module", detail: message };
  }
  if (thrown instanceof engine.RuntimeError && guardFunction !== undefined && topFunction(thrown) === guardFunction) {
    return { kind: "stopped", reason: "memory", detail: "could not grow its memory within its limit" };
  }
  // V8 says so when the memory or the table that a module declares cannot be had.
  if (thrown instanceof RangeError && /memory|allocat/i.test(message))
    return { kind: "stopped", reason: "memory", detail: message };
  return { kind: "stopped", reason: "trap", detail: message };
}

/** Index of the function where an error of the engine came up. */
function topFunction(error: Error): number | undefined {
  const index = /wasm-function\[(\d+)\]/.exec(error.stack ?? "")?.[1];
  return index === undefined ? undefined : Number(index);
}
