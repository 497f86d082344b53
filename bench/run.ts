import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/*
 * `npm run bench [-- name ...]`: each bench runs beside its peers in one run and prints ratios. What is measured is the built JavaScript.
 */

type Bench = (print: (line: string) => void) => Promise<void>;

const BENCHES: Readonly<Record<string, () => Promise<Bench>>> = {
  agent: async () => (await import("./agent.ts")).benchAgent,
  bookkeeper: async () => (await import("./bookkeeper.ts")).benchBookkeeper,
  broker: async () => (await import("./broker.ts")).benchBroker,
};

const root = fileURLToPath(new URL("..", import.meta.url));
const built = spawnSync(process.execPath, ["packaging/dev/build.js"], { cwd: root, stdio: "inherit" });
if (built.status !== 0) process.exit(built.status ?? 1);
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !Object.hasOwn(BENCHES, name));
if (unknown.length > 0) {
  process.stderr.write(`no bench is called ${unknown.join(" or ")}; there are ${Object.keys(BENCHES).join(", ")}\n`);
  process.exit(64);
}
for (const [name, load] of Object.entries(BENCHES)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const bench = await load();
  await bench((line) => process.stdout.write(`${line}\n`));
  process.stdout.write("\n");
}
