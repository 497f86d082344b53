/**
 * What lscpu (util-linux) says about a machine and what the hal says, brought into the same words, so that they can be compared
 * field by field.
 */
import type { CpuFacts } from "../../hal/index.ts";
import { parseCpuList } from "../../hal/probes/text.ts";

/** Fields by the names that lscpu gives them. A cache is `bytes/instances`; several values stand sorted, with spaces or " + ". */
export type Answers = ReadonlyMap<string, string>;

type Lines = readonly (readonly [name: string, value: string])[];

/** lscpu's output in comparable words. What it leaves out, or prints as "-", is not in the answer. */
export function answersOfLscpu(text: string): Answers {
  // The parsable table that some recordings carry begins after an empty line.
  const lines: Lines = (text.split("\n\n")[0] ?? "").split("\n").flatMap((line) => {
    const [, name, value] = /^([^:]+): +(.*?) *$/.exec(line) ?? [];
    return name === undefined || value === undefined || value === "-" ? [] : [[name, value.replace(/\s+/g, " ")] as const];
  });
  const all = (name: string): readonly string[] => lines.flatMap(([key, value]) => (key === name ? value : []));
  const numbers = (name: string): readonly number[] => all(name).map(Number);
  const answers = new Map<string, string>();
  const set = (name: string, value: string | number | undefined): void => {
    if (value !== undefined && value !== "" && !Number.isNaN(value)) answers.set(name, String(value));
  };
  for (const name of ["Architecture", "Byte Order", "CPU(s)", "Vendor ID"]) set(name, all(name)[0]);
  set("On-line CPU(s)", parseCpuList(all("On-line CPU(s) list")[0] ?? "", 8192)?.size);
  // It describes each kind of core apart, and counts the sockets that hold such cores.
  const sockets = numbers("Socket(s)");
  const kinds = all("Thread(s) per core").length;
  if (all("Model name").length === kinds) set("Model name", [...new Set(all("Model name"))].sort().join(" + "));
  set("Thread(s) per core", kinds === 0 ? undefined : Math.max(...numbers("Thread(s) per core")));
  const cores = numbers("Core(s) per socket").map((count, kind) => count * (sockets[kind] ?? 0));
  set("Cores", kinds === 0 ? undefined : sum(cores));
  set("Socket(s)", kinds === 0 ? undefined : Math.max(...sockets));
  const maxima = numbers("CPU max MHz");
  const minima = numbers("CPU min MHz");
  set("CPU max MHz", maxima.length === 0 ? undefined : Math.max(...maxima));
  set("CPU min MHz", minima.length === 0 ? undefined : Math.min(...minima));
  const sameSpeed = new Map<string, number>();
  for (const [kind, count] of cores.entries()) {
    const range = `${minima[kind]}-${maxima[kind]}`;
    sameSpeed.set(range, (sameSpeed.get(range) ?? 0) + count);
  }
  if (kinds > 1) set("Cores by MHz", listCounts(sameSpeed));
  const features = [...all("Flags").map((line) => line.split(" ")), ...all("ISA").map(riscvWords)].map((words) => new Set(words));
  set(
    "Flags",
    [...(features[0] ?? [])]
      .filter((word) => features.every((words) => words.has(word)))
      .sort()
      .join(" "),
  );
  // Only of x86 does it always know these two, and then leaves out what is not so.
  const isX86 = all("CPU op-mode(s)").length > 0;
  set("Virtualization", all("Virtualization")[0] ?? (isX86 ? "none" : undefined));
  set("Runs under a hypervisor", all("Hypervisor vendor").length > 0 ? "yes" : isX86 ? "no" : undefined);
  for (const [name, value] of lines) {
    if (/^L\d[di]? cache$/.test(name)) set(name, value.replace(/ \((\d+) instances?\)/, "/$1"));
  }
  return answers;
}

/** lscpu writes the letters of the first part together: `rv64imafdc zba`. */
function riscvWords(isa: string): readonly string[] {
  const [letters = "", ...extensions] = isa.split(" ");
  return [...letters.replace(/^rv(32|64)/, ""), ...extensions];
}

/** The same words out of the hal's facts. What is unknown is not in the answer. */
export function answersOfHal(cpu: CpuFacts, isVirtual: boolean | undefined): Answers {
  const answers = new Map<string, string>();
  const set = (name: string, value: string | number | undefined): void => {
    if (value !== undefined && value !== "") answers.set(name, String(value));
  };
  set("Architecture", cpu.arch);
  set("Byte Order", cpu.byteOrder && { little: "Little Endian", big: "Big Endian" }[cpu.byteOrder]);
  set("CPU(s)", cpu.logicalCpus);
  set("On-line CPU(s)", cpu.logicalCpus);
  set("Vendor ID", cpu.vendor);
  set("Model name", cpu.model?.split(" + ").sort().join(" + "));
  set("Thread(s) per core", cpu.threadsPerCore);
  set("Cores", cpu.cores);
  set("Socket(s)", cpu.sockets);
  set("CPU max MHz", megahertz(cpu.maxHz));
  set("CPU min MHz", megahertz(cpu.minHz));
  const sameSpeed = new Map<string, number>();
  for (const { cores, minHz, maxHz } of cpu.clusters) {
    const range = `${megahertz(minHz)}-${megahertz(maxHz)}`;
    sameSpeed.set(range, (sameSpeed.get(range) ?? 0) + (cores ?? Number.NaN));
  }
  set("Cores by MHz", listCounts(sameSpeed));
  set("Flags", cpu.features.join(" "));
  const extension = cpu.vendor === "AuthenticAMD" ? "AMD-V" : "VT-x";
  set("Virtualization", cpu.virtualization === undefined ? undefined : cpu.virtualization ? extension : "none");
  set("Runs under a hypervisor", isVirtual === undefined ? undefined : isVirtual ? "yes" : "no");
  for (const [name, same] of Map.groupBy(cpu.caches, ({ level, type }) => `L${level}${CACHE_LETTERS[type]} cache`)) {
    if (same.some(({ sizeBytes }) => sizeBytes === undefined)) continue;
    const total = sum(same.map(({ sizeBytes, instances }) => (sizeBytes ?? 0) * instances));
    set(name, `${total}/${sum(same.map(({ instances }) => instances))}`);
  }
  return answers;
}

const CACHE_LETTERS = { data: "d", instruction: "i", unified: "" };

/** Whether both mean the same: a cache that lscpu rounded (`1.3 MiB/20`) agrees with what rounds to it. */
export function agrees(ours: string | undefined, theirs: string): boolean {
  const [, amount, unit, instances] = /^([\d.]+) ([KMG])iB\/(\d+)$/.exec(theirs) ?? [];
  if (amount === undefined || unit === undefined) return ours === theirs;
  const [bytes = Number.NaN, count] = (ours ?? "").split("/").map(Number);
  const unitBytes = 1024 ** (1 + "KMG".indexOf(unit));
  return count === Number(instances) && Math.abs(bytes / unitBytes - Number(amount)) <= 0.05 + Number.EPSILON * 64;
}

function megahertz(hertz: number | undefined): number | undefined {
  return hertz === undefined ? undefined : hertz / 1e6;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function listCounts(counts: ReadonlyMap<string, number>): string {
  return [...counts]
    .map(([range, count]) => `${count} of ${range}`)
    .sort()
    .join(" + ");
}
