import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/*
 * `npm run bench [-- word ...]`: each bench, or each whose name contains one of the words, runs beside its peers in one run and prints
 * ratios. What is measured is the built JavaScript.
 */

type Bench = (print: (line: string) => void) => Promise<void>;

const BENCHES: Readonly<Record<string, () => Promise<Bench>>> = {
  agent: async () => (await import("./agent.ts")).benchAgent,
  bookkeeper: async () => (await import("./bookkeeper.ts")).benchBookkeeper,
  broker: async () => (await import("./broker.ts")).benchBroker,
  "hal-bandwidth": async () => (await import("./hal-bandwidth.ts")).benchHalBandwidth,
  "hal-cpu": async () => (await import("./hal-cpu.ts")).benchHalCpu,
  "hal-disk": async () => (await import("./hal-disk.ts")).benchHalDisk,
  "hal-facts": async () => (await import("./hal-facts.ts")).benchHalFacts,
};

const root = fileURLToPath(new URL("..", import.meta.url));
const built = spawnSync(process.execPath, ["packaging/dev/build.js"], { cwd: root, stdio: "inherit" });
if (built.status !== 0) process.exit(built.status ?? 1);
const wanted = process.argv.slice(2);
const unknown = wanted.filter((word) => !Object.keys(BENCHES).some((name) => name.includes(word)));
if (unknown.length > 0) {
  process.stderr.write(`no bench is called ${unknown.join(" or ")}; there are ${Object.keys(BENCHES).join(", ")}\n`);
  process.exit(64);
}
for (const [name, load] of Object.entries(BENCHES)) {
  if (wanted.length > 0 && !wanted.some((word) => name.includes(word))) continue;
  const bench = await load();
  await bench((line) => process.stdout.write(`${line}\n`));
  process.stdout.write("\n");
}
