import { readFileSync } from "node:fs";

/*
 * One pass over a machine in a process that did nothing before: `node hal-facts-child.ts ours|peer`. Prints what it took, from before its
 * code is loaded until everything is known.
 */

/** What one pass took. */
export interface Pass {
  /** Until the code was loaded, and until everything was known. */
  readonly loadMs: number;
  readonly wallMs: number;
  /** The same of processor time, user and system, that of ended helper programs included. */
  readonly loadCpuMs: number;
  readonly cpuMs: number;
}

/** What of the peer answers the same questions, as far as it has an answer. Never all of it: that takes seconds and asks the internet. */
const CALLS = [
  "cpu",
  "mem",
  "fsSize",
  "blockDevices",
  "diskLayout",
  "networkInterfaces",
  "osInfo",
  "system",
  "graphics",
  "cpuTemperature",
  "battery",
] as const;

const PASSES: Readonly<Record<string, () => Promise<() => Promise<unknown>>>> = {
  ours: async () => {
    const built = new URL("../dist/", import.meta.url);
    const { makeLinuxHost, readFacts } = (await import(`${built}hal/index.js`)) as typeof import("../hal/index.ts");
    const { makeSystemClock } = (await import(`${built}base/index.js`)) as typeof import("../base/index.ts");
    return () => readFacts({ host: makeLinuxHost(), clock: makeSystemClock() }, { dataDirectory: "/var/lib/bonusnode" });
  },
  peer: async () => {
    const loaded = (await import("systeminformation" as string)) as { readonly default: Record<string, () => Promise<unknown>> };
    return () => Promise.all(CALLS.map((call) => loaded.default[call]?.()));
  },
};

/** User and system time of this process, and of those that it waited for (proc_pid_stat(5): ticks of 10 ms). */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  const stat = readFileSync("/proc/self/stat", "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (user + system) / 1000 + (Number(fields[13]) + Number(fields[14])) * 10;
}

const begin = PASSES[process.argv[2] ?? ""];
if (begin !== undefined) {
  const startMs = performance.now();
  const startCpuMs = cpuMs();
  const run = await begin();
  const loadMs = performance.now() - startMs;
  const loadCpuMs = cpuMs() - startCpuMs;
  await run();
  const pass: Pass = { loadMs, wallMs: performance.now() - startMs, loadCpuMs, cpuMs: cpuMs() - startCpuMs };
  process.stdout.write(`${JSON.stringify(pass)}\n`, () => process.exit(0));
}
