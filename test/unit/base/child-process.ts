import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";

/** One of the small programs beside this file, running as a process of its own. */
export interface Child {
  readonly process: ChildProcess;
  /** The next line that it prints; undefined when it ended. */
  nextLine(): Promise<string | undefined>;
  /** Its exit code, or the signal that ended it. */
  ended(): Promise<number | string>;
  /** Everything that it wrote to standard error, once it ended. */
  errors(): string;
}

/** Starts `NAME-child.ts`. `uid`: as this user, where the test runs as root. */
export function startChild(name: string, args: readonly string[], options: { readonly uid?: number } = {}): Child {
  const child = spawn(process.execPath, [join(import.meta.dirname, `${name}-child.ts`), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    ...options,
  });
  const errors: Buffer[] = [];
  child.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
  const ended = once(child, "close");
  const lines: Interface = createInterface({ input: child.stdout });
  const iterator = lines[Symbol.asyncIterator]();
  return {
    process: child,
    nextLine: async () => (await iterator.next()).value as string | undefined,
    ended: async () => {
      const [code, signal] = (await ended) as [number | null, string | null];
      return code ?? signal ?? "unknown";
    },
    errors: () => Buffer.concat(errors).toString(),
  };
}

/** Ends a process as a power cut would, and waits until it is gone. */
export async function killAtOnce(child: Child): Promise<void> {
  child.process.kill("SIGKILL");
  await child.ended();
}
