import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** An event as a program prints it with `--json`. */
export type PrintedEvent = Readonly<Record<string, unknown>> & { readonly type: string };

/** How a program ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A bonusnode process under test. */
export interface Program {
  readonly pid: number;
  /** Every event so far. */
  readonly events: readonly PrintedEvent[];
  /** What it wrote to standard output and standard error. */
  output(): { readonly stdout: string; readonly stderr: string };
  /** Resolves with the first event, past or future, that satisfies the condition; rejects when the program ends without one. */
  waitFor(condition: (event: PrintedEvent) => boolean, what: string): Promise<PrintedEvent>;
  /** The same for events that are still to come. */
  waitForNext(condition: (event: PrintedEvent) => boolean, what: string): Promise<PrintedEvent>;
  /** Resolves once what it wrote so far matches; rejects when the program ends without that. */
  waitForText(stream: "stdout" | "stderr", pattern: RegExp, what: string): Promise<void>;
  /** Sends a signal and goes on. */
  signal(signal: NodeJS.Signals): void;
  /** Sends a signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<Ending>;
  readonly ended: Promise<Ending>;
}

/** How a program is run. */
export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Options of Node itself, such as `--import=...`. */
  readonly nodeOptions?: readonly string[];
  /** The built JavaScript in dist/ rather than the TypeScript of the checkout. */
  readonly built?: boolean;
}

const ROOT = new URL("../../", import.meta.url);

/** Starts `bonusnode` with these arguments, on the Node that runs the test. */
export function startProgram(args: readonly string[], options: ProgramOptions = {}): Program {
  const main = fileURLToPath(new URL(options.built === true ? "dist/cli/main.js" : "cli/main.ts", ROOT));
  const env = { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "/", ...options.env };
  const child = spawn(process.execPath, [...(options.nodeOptions ?? []), main, ...args], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  return watch(child);
}

function watch(child: ChildProcess): Program {
  const events: PrintedEvent[] = [];
  const waiting = new Set<() => void>();
  let stdout = "";
  let stderr = "";
  let isOver = false;
  const look = (): void => {
    for (const check of [...waiting]) check();
  };
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
    look();
  });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  lines.on("line", (line) => {
    stdout += `${line}\n`;
    if (line.startsWith("{")) {
      try {
        events.push(JSON.parse(line) as PrintedEvent);
      } catch {
        // A line that a kill cut off.
      }
    }
    look();
  });
  const ended = new Promise<Ending>((resolve) => {
    child.on("close", (code, signal) => {
      isOver = true;
      look();
      resolve({ code, signal });
    });
  });
  /** Looks now and at whatever comes until there is an answer. */
  const until = <Answer>(find: () => Answer | undefined, what: string): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const check = (): void => {
        const found = find();
        if (found === undefined && !isOver) return;
        waiting.delete(check);
        if (found !== undefined) resolve(found);
        else reject(new Error(`the program ended before ${what}\n${stdout.slice(-2000)}\n${stderr.slice(-2000)}`));
      };
      waiting.add(check);
      check();
    });
  const signalIt = (signal: NodeJS.Signals): void => {
    if (!isOver) child.kill(signal);
  };
  return {
    pid: child.pid ?? 0,
    events,
    output: () => ({ stdout, stderr }),
    waitFor: (condition, what) => until(() => events.find(condition), what),
    waitForNext: (condition, what) => {
      const from = events.length;
      return until(() => events.slice(from).find(condition), what);
    },
    waitForText: async (stream, pattern, what) => {
      await until(() => pattern.exec(stream === "stdout" ? stdout : stderr) ?? undefined, what);
    },
    signal: signalIt,
    end: (signal) => {
      signalIt(signal);
      return ended;
    },
    ended,
  };
}

/** Runs a verb to its end. */
export async function runVerb(
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<Ending & { stdout: string; stderr: string }> {
  const program = startProgram(args, options);
  const ending = await program.ended;
  return { ...ending, ...program.output() };
}
