/**
 * The range of clock rates of each CPU and who picks them: cpufreq
 * (https://docs.kernel.org/admin-guide/pm/cpufreq.html, "Policy Interface in sysfs", values in kHz).
 */
import type { Host } from "../host.ts";
import { CPUS_AT_ONCE, MAX_CPUS } from "../limits.ts";
import { known } from "../probe-result.ts";
import { inBatches } from "./cpu-topology.ts";
import { cleanText, parseCount, readAttribute } from "./text.ts";

/** The clock of one CPU. What is undefined is unknown. */
export interface CpuFrequency {
  readonly minHz: number | undefined;
  readonly maxHz: number | undefined;
  /** The scaling governor: performance, powersave, schedutil ... */
  readonly governor: string | undefined;
}

/** Reads the clock of every online CPU that has one; a virtual machine has none as a rule. */
export async function readFrequencies(host: Host, online: ReadonlySet<number>): Promise<ReadonlyMap<number, CpuFrequency>> {
  const shared = "/sys/devices/system/cpu/cpufreq";
  const policies = (known(await host.list(shared)) ?? []).filter((name) => /^policy\d{1,5}$/.test(name));
  // Kernels before 4.3 have no policies there, but a directory in each CPU.
  const directories =
    policies.length > 0
      ? policies.map((name) => `${shared}/${name}`)
      : [...online].map((cpu) => `/sys/devices/system/cpu/cpu${cpu}/cpufreq`);
  const clocks = await inBatches(directories, CPUS_AT_ONCE, (directory) => readPolicy(host, directory));
  const frequencies = new Map<number, CpuFrequency>();
  for (const clock of clocks) {
    if (clock === undefined) continue;
    for (const cpu of clock.cpus) if (online.has(cpu)) frequencies.set(cpu, clock.frequency);
  }
  return frequencies;
}

async function readPolicy(
  host: Host,
  directory: string,
): Promise<{ readonly cpus: ReadonlySet<number>; readonly frequency: CpuFrequency } | undefined> {
  const cpus = parseSpacedCpus(await readAttribute(host, `${directory}/affected_cpus`));
  if (cpus === undefined) return undefined;
  const hertz = async (name: string): Promise<number | undefined> => {
    const kilohertz = parseCount(await readAttribute(host, `${directory}/${name}`));
    return kilohertz === undefined || kilohertz === 0 || kilohertz > MAX_KILOHERTZ ? undefined : kilohertz * 1000;
  };
  const governor = cleanText(await readAttribute(host, `${directory}/scaling_governor`))?.slice(0, 32);
  return { cpus, frequency: { minHz: await hertz("cpuinfo_min_freq"), maxHz: await hertz("cpuinfo_max_freq"), governor } };
}

/** 1 THz: what is above it is no clock rate. */
const MAX_KILOHERTZ = 1_000_000_000;

/** CPU numbers with spaces between them, as cpufreq writes them; undefined where it is no such text. */
export function parseSpacedCpus(text: string | undefined): ReadonlySet<number> | undefined {
  const cpus = text?.split(/\s+/).map(parseCount) ?? [];
  if (cpus.length === 0 || cpus.length > MAX_CPUS) return undefined;
  const known = cpus.filter((cpu) => cpu !== undefined && cpu < MAX_CPUS);
  return known.length === cpus.length ? new Set(known as number[]) : undefined;
}
