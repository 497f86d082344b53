/**
 * /proc/cpuinfo, which each architecture writes in its own words (x86, ARM 32 and 64 bit, RISC-V, MIPS, POWER, LoongArch; the
 * kernel's arch/<arch>/kernel/proc.c, setup.c, setup-common.c or cpu.c).
 */
import { MAX_CPU_FEATURES, MAX_CPUS } from "../limits.ts";
import { armImplementerName, armPartName } from "./arm-parts.ts";
import { riscvVendorName } from "./riscv-vendors.ts";
import { cleanText, parseCount } from "./text.ts";

/** What cpuinfo tells; undefined where this architecture's does not say. */
export interface Cpuinfo {
  /** As `uname -m` names it: x86_64, aarch64, armv7l, riscv64, mips, ppc64 ... */
  readonly arch: string | undefined;
  /** Names of the cores, different ones joined by " + ". */
  readonly model: string | undefined;
  readonly vendor: string | undefined;
  /** Processors listed, which are those online. */
  readonly processors: readonly ListedProcessor[];
  /** Whether the CPU says that it runs under a hypervisor; only x86 does. */
  readonly hypervisor: boolean | undefined;
  /** Whether it can run virtual machines in hardware (VT-x, AMD-V); only x86 says so here. */
  readonly virtualization: boolean | undefined;
  /** Whether it computes floating point in hardware. */
  readonly fpu: boolean | undefined;
  /**
   * What all processors can do, in the kernel's words, sorted: flags of x86, features of ARM and s390, letters and extensions of
   * RISC-V, application-specific extensions of MIPS. Empty where none are told.
   */
  readonly features: readonly string[];
}

/** One processor of the list. What is undefined is not told there. */
export interface ListedProcessor {
  readonly number: number;
  readonly model: string | undefined;
  /** ARM's part number, which tells kinds of cores apart that have no name yet. */
  readonly part: string | undefined;
  /** Only x86 numbers sockets, and cores within each. */
  readonly socket: number | undefined;
  readonly core: number | undefined;
}

/** All values of each field, different ones once, in order. */
type Fields = ReadonlyMap<string, ReadonlySet<string>>;
type Entry = ReadonlyMap<string, string>;

/** Reads a cpuinfo file; undefined where it names no processor. */
export function parseCpuinfo(text: string): Cpuinfo | undefined {
  const { fields, entries } = fieldsOf(text);
  if (entries.size === 0) return undefined;
  const flags = fields.has("vendor_id") ? wordsOf(fields, "flags") : undefined;
  return {
    arch: archOf(fields),
    model: modelOf(fields),
    vendor: vendorOf(fields),
    processors: [...entries].map(([number, entry]) => describe(number, entry, fields)),
    hypervisor: flags?.has("hypervisor"),
    virtualization: flags === undefined ? undefined : flags.has("vmx") || flags.has("svm"),
    fpu: fpuOf(fields),
    features: featuresOf(fields),
  };
}

/** Fields that are read. The others differ in every processor (clock rate, numbers of its own), or say nothing about it. */
const FIELDS: ReadonlySet<string> = new Set([
  ...["vendor_id", "model name", "flags", "physical id", "core id"],
  ...["features", "cpu implementer", "cpu architecture", "cpu part"],
  ...["isa", "uarch", "mvendorid"],
  ...["cpu model", "ases implemented", "cpu"],
]);

/**
 * Every `name : value` line that is read, by lower-case name. A line `processor : 0` begins a processor and an empty line ends it;
 * what stands outside of one, as on old ARM kernels, is about all of them.
 */
function fieldsOf(text: string): { readonly fields: Fields; readonly entries: ReadonlyMap<number, Entry> } {
  const fields = new Map<string, Set<string>>();
  const entries = new Map<number, Map<string, string>>();
  let entry: Map<string, string> | undefined;
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon === -1) {
      if (line.trim() === "") entry = undefined;
      continue;
    }
    const name = line.slice(0, colon).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    // 32-bit ARM adds a line "Processor: ARMv7 ..." about all of them; the numbered ones are the processors.
    const number = name === "processor" || name === "cpu number" ? parseCount(value) : undefined;
    if (number !== undefined && number < MAX_CPUS) {
      entry = new Map();
      entries.set(number, entry);
    }
    if (!FIELDS.has(name) || value === "") continue;
    entry?.set(name, value);
    const values = fields.get(name) ?? new Set();
    fields.set(name, values.add(value));
  }
  return { fields, entries };
}

function first(fields: Fields, name: string): string | undefined {
  const [value] = fields.get(name) ?? [];
  return value;
}

/** The words that every processor's line of this name has in common; undefined where there is no such line. */
function wordsOf(
  fields: Fields,
  name: string,
  split: (line: string) => readonly string[] = (line) => line.split(/\s+/),
): ReadonlySet<string> | undefined {
  const lines = fields.get(name);
  if (lines === undefined) return undefined;
  const [words = new Set<string>(), ...others] = [...lines].map((line) => new Set(split(line)));
  return new Set([...words].filter((word) => others.every((other) => other.has(word))));
}

function archOf(fields: Fields): string | undefined {
  const flags = wordsOf(fields, "flags");
  if (fields.has("vendor_id") && flags !== undefined) return flags.has("lm") ? "x86_64" : "i686";
  const armVersion = first(fields, "cpu architecture");
  if (armVersion !== undefined)
    return armVersion === "8" || /^AArch64/.test(armVersion) ? "aarch64" : `armv${armVersion.slice(0, 8).toLowerCase()}l`;
  const isa = first(fields, "isa");
  if (isa !== undefined && /^rv(32|64)/.test(isa)) return `riscv${isa.slice(2, 4)}`;
  if (/\bloongarch64\b/.test(isa ?? "")) return "loongarch64";
  if (/\bMIPS\b|\bmips/.test(`${first(fields, "cpu model")} ${isa}`)) return "mips";
  return /^POWER\d/.test(first(fields, "cpu") ?? "") ? "ppc64" : undefined;
}

function modelOf(fields: Fields): string | undefined {
  const named = [...(fields.get("model name") ?? [])].filter((name) => !isArmArchitecture(name));
  const implementer = first(fields, "cpu implementer");
  const arm = implementer === undefined ? [] : [...(fields.get("cpu part") ?? [])].map((part) => armPartName(implementer, part));
  const other = ["uarch", "cpu model", "cpu"].flatMap((name) => coreName(first(fields, name)) ?? []).slice(0, 1);
  const names = [named, arm.filter((name) => name !== undefined), other].find((list) => list.length > 0) ?? [];
  return cleanText(names.join(" + "));
}

/** "ARMv7 Processor rev 4 (v7l)" names the architecture of the core, not the core. */
function isArmArchitecture(name: string): boolean {
  return /^(ARMv\d|AArch64) Processor/.test(name);
}

/** POWER adds what the core can do: `POWER9 (architected), altivec supported`. */
function coreName(text: string | undefined): string | undefined {
  return text?.split(", altivec")[0];
}

function describe(number: number, entry: Entry, fields: Fields): ListedProcessor {
  const implementer = entry.get("cpu implementer") ?? first(fields, "cpu implementer");
  const part = entry.get("cpu part") ?? first(fields, "cpu part");
  const named = entry.get("model name");
  const arm = implementer === undefined || part === undefined ? undefined : armPartName(implementer, part);
  const other = ["uarch", "cpu model", "cpu"]
    .map((name) => entry.get(name) ?? first(fields, name))
    .find((name) => name !== undefined);
  return {
    number,
    model: cleanText(named !== undefined && !isArmArchitecture(named) ? named : (arm ?? coreName(other))),
    part: cleanText(part),
    socket: parseCount(entry.get("physical id")),
    core: parseCount(entry.get("core id")),
  };
}

function vendorOf(fields: Fields): string | undefined {
  const implementer = first(fields, "cpu implementer");
  const riscv = first(fields, "mvendorid");
  return cleanText(
    first(fields, "vendor_id") ??
      (implementer === undefined ? undefined : armImplementerName(implementer)) ??
      (riscv === undefined ? undefined : riscvVendorName(riscv)),
  );
}

function fpuOf(fields: Fields): boolean | undefined {
  const x86 = wordsOf(fields, "flags");
  if (x86 !== undefined && fields.has("vendor_id")) return x86.has("fpu");
  const features = wordsOf(fields, "features");
  if (features !== undefined && fields.has("cpu architecture"))
    return ["fp", "vfp", "vfpv3", "vfpv3d16", "vfpv4"].some((feature) => features.has(feature));
  // LoongArch; s390 has features too, but none that is named so.
  if (features?.has("fpu")) return true;
  const isa = first(fields, "isa");
  // A RISC-V name lists single letters up to the first underscore; g stands for imafd.
  if (isa !== undefined && /^rv(32|64)/.test(isa)) return /[fdg]/.test(isa.slice(4).split("_")[0] ?? "");
  // Every POWER server processor computes floating point (Power ISA, "Server Environment").
  if (/^POWER\d/.test(first(fields, "cpu") ?? "")) return true;
  const mips = first(fields, "cpu model");
  return mips === undefined || !/MIPS/.test(mips) ? undefined : /FPU V/.test(mips);
}

/** `rv64imac_zba_zbb` as i, m, a, c, zba and zbb. */
function riscvExtensions(isa: string): readonly string[] {
  const [letters = "", ...extensions] = isa.replace(/^rv(32|64)/, "").split("_");
  return [...letters, ...extensions];
}

function featuresOf(fields: Fields): readonly string[] {
  const isRiscv = /^rv(32|64)/.test(first(fields, "isa") ?? "");
  const words =
    wordsOf(fields, "flags") ??
    wordsOf(fields, "features") ??
    (isRiscv ? wordsOf(fields, "isa", riscvExtensions) : undefined) ??
    wordsOf(fields, "ases implemented") ??
    new Set(/altivec supported/.test(first(fields, "cpu") ?? "") ? ["altivec"] : []);
  return [...words]
    .filter((word) => /^[\w.+-]{1,32}$/.test(word))
    .sort()
    .slice(0, MAX_CPU_FEATURES);
}
