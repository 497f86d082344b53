#!/usr/bin/env node
// The `bonusnode` command. Plain JavaScript, so that an old Node can still say what is missing: it finds the program
// (TypeScript in a checkout, built JavaScript in a package) and a Node new enough to run it.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const source = new URL("./main.ts", import.meta.url);
const program = existsSync(source) ? source : new URL("../dist/cli/main.js", import.meta.url);
const [major, minor] = process.versions.node.split(".").map(Number);

if (major > 22 || (major === 22 && minor >= 18)) {
  await import(program.href);
} else {
  const node = bundledNode();
  if (node === undefined) {
    process.stderr.write(
      `bonusnode: Node ${process.versions.node} is too old; install Node 22.18 or newer and run this again.\n`,
    );
    process.exit(69);
  }
  const child = spawn(node, [fileURLToPath(program), ...process.argv.slice(2)], { stdio: "inherit" });
  // A terminal sends Ctrl-C to the whole group, so the child has it already; a script sends it to this process alone.
  process.on("SIGINT", () => process.stdin.isTTY || child.kill("SIGINT"));
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => {
    process.exitCode = code ?? (signal === "SIGINT" ? 130 : 1);
  });
}

/** The Node that a checkout's development packages carry for this machine; undefined where there is none. */
function bundledNode() {
  try {
    return createRequire(import.meta.url).resolve(`node-linux-${process.arch}/bin/node`);
  } catch {
    return undefined;
  }
}
