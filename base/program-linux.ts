import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { messageOf } from "./errors.ts";
import { MAX_PROGRAM_MS, MAX_PROGRAM_OUTPUT_BYTES } from "./limits.ts";
import type { ProgramOutcome, RunProgram } from "./program.ts";

/**
 * Programs found on this machine's PATH, run with the C locale so that their output can be parsed. What a program leaves running behind it
 * is not waited for once its time is up.
 */
export function makeProgramRunner(path: string | undefined): RunProgram {
  const env = { PATH: path ?? "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" };
  return (command, args, options = {}) =>
    new Promise((resolve) => {
      const maxOutputBytes = Math.min(options.maxOutputBytes ?? MAX_PROGRAM_OUTPUT_BYTES, MAX_PROGRAM_OUTPUT_BYTES);
      const timeoutMs = Math.min(options.timeoutMs ?? MAX_PROGRAM_MS, MAX_PROGRAM_MS);
      if (options.signal?.aborted === true) return resolve({ kind: "killed", why: "aborted" });
      let child: ChildProcessWithoutNullStreams;
      try {
        child = spawn(command, args, { env, stdio: ["pipe", "pipe", "pipe"] });
      } catch (thrown) {
        return resolve({ kind: "failed", why: `${command}: ${messageOf(thrown)}` });
      }
      let killedFor: "timeout" | "output" | "aborted" | undefined;
      const kill = (why: "timeout" | "output" | "aborted"): void => {
        killedFor ??= why;
        child.kill("SIGKILL");
        // A child of its own may hold the other ends of these open for as long as it likes.
        child.stdout.destroy();
        child.stderr.destroy();
      };
      const onAbort = (): void => kill("aborted");
      const timer = setTimeout(() => kill("timeout"), timeoutMs);
      options.signal?.addEventListener("abort", onAbort, { once: true });
      const finish = (outcome: ProgramOutcome): void => {
        clearTimeout(timer);
        options.signal?.removeEventListener("abort", onAbort);
        resolve(outcome);
      };
      const collect = (stream: NodeJS.ReadableStream): Buffer[] => {
        const chunks: Buffer[] = [];
        let length = 0;
        stream.on("data", (chunk: Buffer) => {
          length += chunk.length;
          if (length > maxOutputBytes) kill("output");
          else chunks.push(chunk);
        });
        return chunks;
      };
      const stdout = collect(child.stdout);
      const stderr = collect(child.stderr);
      child.on("error", (error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") finish({ kind: "absent", why: `${command} is not installed` });
        else finish({ kind: "failed", why: `${command}: ${error.message}` });
      });
      child.on("close", (exitCode) => {
        if (killedFor !== undefined) finish({ kind: "killed", why: killedFor });
        else if (exitCode === null) finish({ kind: "killed", why: "signal" });
        else finish({ kind: "exited", exitCode, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr) });
      });
      // A program that ends before it read its input breaks the pipe; its exit code tells the story.
      child.stdin.on("error", () => undefined);
      child.stdin.end(options.stdin ?? "");
    });
}
