// Builds plain JavaScript for Node 22 and 24 into dist/: the rooms that ship, and the data they read, in the same tree.
import { spawnSync } from "node:child_process";
import { cpSync, globSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
process.chdir(root);
rmSync("dist", { recursive: true, force: true });
const built = spawnSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "packaging/dev/tsconfig.build.json"], {
  stdio: "inherit",
});
if (built.status !== 0) process.exit(built.status ?? 1);
for (const file of globSync("{agent,bookkeeper,boards,protocol,sandbox,cli}/**/*.{toml,wasm,cddl}")) cpSync(file, `dist/${file}`);
cpSync("package.json", "dist/package.json");
