import { makeSystemClock } from "../base/index.ts";
import { runCommandLine } from "./command-line.ts";
import { readVersion } from "./files-linux.ts";

// node:sqlite and type stripping announce that they are young; the person at the terminal did not ask.
process.removeAllListeners("warning");
process.on("warning", (warning) => {
  if (warning.name !== "ExperimentalWarning") process.stderr.write(`${warning.name}: ${warning.message}\n`);
});

process.exitCode = await runCommandLine({
  argv: process.argv.slice(2),
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  clock: makeSystemClock(),
  version: await readVersion(),
  onSignal: (signal, handler) => {
    process.on(signal, handler);
    return () => process.off(signal, handler);
  },
  exitNow: (code) => process.exit(code),
});
