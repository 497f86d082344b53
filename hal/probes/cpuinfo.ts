/**
 * /proc/cpuinfo, which each architecture writes in its own words (x86, ARM 32 and 64 bit, RISC-V, MIPS, POWER; the kernel's
 * arch/<arch>/kernel/proc.c, setup.c or cpu.c).
 */
import { armImplementerName, armPartName } from "./arm-parts.ts";
import { cleanText } from "./text.ts";

/** What cpuinfo tells; undefined where this architecture's does not say. */
export interface Cpuinfo {
  /** As `uname -m` names it: x86_64, aarch64, armv7l, riscv64, mips ... */
  readonly arch: string | undefined;
  /** Names of the cores, different ones joined by " + ". */
  readonly model: string | undefined;
  readonly vendor: string | undefined;
  /** Processors listed, which are those online. */
  readonly processors: number;
  /** Whether the CPU says that it runs under a hypervisor; only x86 does. */
  readonly hypervisor: boolean | undefined;
  /** Whether it computes floating point in hardware. */
  readonly fpu: boolean | undefined;
}

type Fields = ReadonlyMap<string, readonly string[]>;

/** Reads a cpuinfo file; undefined where it names no processor. */
export function parseCpuinfo(text: string): Cpuinfo | undefined {
  const fields = fieldsOf(text);
  // 32-bit ARM adds a line "Processor: ARMv7 ..." about all of them; the numbered ones are the processors.
  const numbered = [...(fields.get("processor") ?? []), ...(fields.get("cpu number") ?? [])];
  const processors = numbered.filter((value) => /^\d+$/.test(value)).length;
  if (processors === 0) return undefined;
  return {
    arch: archOf(fields),
    model: modelOf(fields),
    vendor: vendorOf(fields),
    processors,
    hypervisor: wordsOf(fields, "flags")?.has("hypervisor"),
    fpu: fpuOf(fields),
  };
}

/** Every `name : value` line, by lower-case name, in order and each value once; processors keep all of theirs. */
function fieldsOf(text: string): Fields {
  const fields = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon === -1) continue;
    const name = line.slice(0, colon).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    const values = fields.get(name) ?? [];
    if (values.length === 0) fields.set(name, values);
    if (name === "processor" || !values.includes(value)) values.push(value);
  }
  return fields;
}

function first(fields: Fields, name: string): string | undefined {
  return fields.get(name)?.find((value) => value !== "");
}

/** The words that every processor's line of this name has in common; undefined where there is no such line. */
function wordsOf(fields: Fields, name: string): ReadonlySet<string> | undefined {
  const lines = fields.get(name);
  if (lines === undefined) return undefined;
  const sets = lines.map((line) => new Set(line.split(/\s+/)));
  return new Set([...(sets[0] ?? [])].filter((word) => sets.every((set) => set.has(word))));
}

function archOf(fields: Fields): string | undefined {
  const flags = wordsOf(fields, "flags");
  if (fields.has("vendor_id") && flags !== undefined) return flags.has("lm") ? "x86_64" : "i686";
  const armVersion = first(fields, "cpu architecture");
  if (armVersion !== undefined)
    return armVersion === "8" || /^AArch64/.test(armVersion) ? "aarch64" : `armv${armVersion.toLowerCase()}l`;
  const isa = first(fields, "isa");
  if (isa !== undefined && /^rv(32|64)/.test(isa)) return `riscv${isa.slice(2, 4)}`;
  if (/\bMIPS\b|\bmips/.test(`${first(fields, "cpu model")} ${first(fields, "isa")}`)) return "mips";
  if (/^POWER/.test(first(fields, "cpu") ?? "")) return "ppc64le";
  return undefined;
}

function modelOf(fields: Fields): string | undefined {
  const named = fields.get("model name")?.filter((name) => !/^ARMv\d Processor/.test(name)) ?? [];
  const implementer = first(fields, "cpu implementer");
  const arm = implementer === undefined ? [] : (fields.get("cpu part") ?? []).map((part) => armPartName(implementer, part));
  const other = ["uarch", "cpu model", "cpu"].flatMap((name) => first(fields, name) ?? []).slice(0, 1);
  const names = [named, arm.filter((name) => name !== undefined), other].find((list) => list.length > 0) ?? [];
  return cleanText(names.join(" + "));
}

function vendorOf(fields: Fields): string | undefined {
  const implementer = first(fields, "cpu implementer");
  return cleanText(first(fields, "vendor_id") ?? (implementer === undefined ? undefined : armImplementerName(implementer)));
}

function fpuOf(fields: Fields): boolean | undefined {
  const x86 = wordsOf(fields, "flags");
  if (x86 !== undefined && fields.has("vendor_id")) return x86.has("fpu");
  const arm = wordsOf(fields, "features");
  if (arm !== undefined) return ["fp", "vfp", "vfpv3", "vfpv3d16", "vfpv4"].some((feature) => arm.has(feature));
  const isa = first(fields, "isa");
  // A RISC-V name lists single letters up to the first underscore; g stands for imafd.
  if (isa !== undefined && /^rv(32|64)/.test(isa)) return /[fdg]/.test(isa.slice(4).split("_")[0] ?? "");
  const mips = first(fields, "cpu model");
  return mips === undefined || !/MIPS/.test(mips) ? undefined : /FPU V/.test(mips);
}
