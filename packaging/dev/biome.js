// Runs the linter's binary for this machine; the package that would choose it does not install from every registry.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const program = require.resolve(`@biomejs/cli-linux-${process.arch}/biome`);
const done = spawnSync(program, process.argv.slice(2), { stdio: "inherit" });
process.exit(done.status ?? 1);
