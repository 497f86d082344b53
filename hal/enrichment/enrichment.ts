/**
 * What helper programs know of a PC and the kernel's files do not: its memory modules, the names of its graphics cards and disks. The
 * optional package `systeminformation` asks them (dmidecode, lspci, nvidia-smi, lsblk, smartctl). It only adds for people to read: no
 * fact of ours is replaced by it, and no tier follows from it.
 */
import * as v from "valibot";
import type { MachineFacts } from "../facts.ts";
import { MAX_ENRICHMENT_ENTRIES, MAX_ENRICHMENT_TEXT } from "../limits.ts";
import { absent, failed, found, known, type ProbeResult } from "../probe-result.ts";
import { cleanText } from "../probes/text.ts";

/** One memory module. What is undefined is unknown. */
export interface MemoryModule {
  readonly sizeBytes: number;
  /** As the SMBIOS names it: `DDR4`. */
  readonly type: string | undefined;
  /** Transfers a second in 10^6, which older tools write as MHz. */
  readonly megatransfersPerSecond: number | undefined;
  /** As the SMBIOS names it: `DIMM`, `SODIMM`. */
  readonly formFactor: string | undefined;
}

/** One graphics card. */
export interface GpuName {
  readonly model: string;
  /** As NVIDIA's tool tells it; undefined for others, whose window in PCI may be larger or smaller than their memory. */
  readonly vramBytes: number | undefined;
}

/** One disk. */
export interface DiskName {
  /** The kernel's name, as in the facts: `sda`. */
  readonly device: string;
  readonly model: string | undefined;
  /** `SATA`, `PCIe`, `USB`. */
  readonly interface: string | undefined;
}

/** What was asked, each with its answer. */
export interface Enrichment {
  readonly memoryModules: ProbeResult<readonly MemoryModule[]>;
  readonly gpus: ProbeResult<readonly GpuName[]>;
  readonly disks: ProbeResult<readonly DiskName[]>;
}

/** The only functions of the package that are called, and the only fields that are taken of their answers: no serial number is one. */
const FIELDS = {
  memLayout: ["size", "type", "clockSpeed", "formFactor"],
  graphics: ["model", "memoryTotal"],
  diskLayout: ["device", "name", "interfaceType"],
} as const;

/** A function of the package. */
export type EnrichmentCall = keyof typeof FIELDS;

/** Whether it is one of the functions that may be called. */
export function isEnrichmentCall(name: string | undefined): name is EnrichmentCall {
  return name !== undefined && Object.hasOwn(FIELDS, name);
}

/** Why a machine is not asked: its helper programs are BusyBox's, or are known to tell nothing. Undefined where it may be. Pure. */
export function whyNotEnriched(facts: MachineFacts): string | undefined {
  const arch = known(facts.cpu)?.arch;
  const platform = known(facts.platform);
  if (arch === undefined || !/^(x86_64|i[3-6]86)$/.test(arch)) return "only PCs and servers have helper programs that know more";
  if (platform?.openwrt !== undefined) return "OpenWrt has no helper programs that know more";
  if (platform?.initKind === "busybox") return "the helper programs of BusyBox know no more";
  return undefined;
}

/** The fields in use out of an answer of the package, with nothing else in it: at most MAX_ENRICHMENT_ENTRIES, long text cut. Pure. */
export function pickAnswer(call: EnrichmentCall, answer: unknown): unknown {
  const list = call === "graphics" ? (answer as { readonly controllers?: unknown } | null | undefined)?.controllers : answer;
  if (!Array.isArray(list)) return undefined;
  return list.slice(0, MAX_ENRICHMENT_ENTRIES).map((entry: unknown) => {
    if (typeof entry !== "object" || entry === null) return null;
    const pick = (name: string): unknown => {
      const value = (entry as Record<string, unknown>)[name];
      return typeof value === "string" ? value.slice(0, MAX_ENRICHMENT_TEXT) : typeof value === "number" ? value : undefined;
    };
    return Object.fromEntries(FIELDS[call].map((name) => [name, pick(name)]));
  });
}

const text = v.nullish(v.pipe(v.string(), v.maxLength(MAX_ENRICHMENT_TEXT)));
/** Not a whole number, negative or too large: unknown. */
const count = v.pipe(
  v.nullish(v.number()),
  v.transform((value) => (Number.isSafeInteger(value) && Number(value) > 0 ? Number(value) : undefined)),
);
const listOf = <Entry extends v.GenericSchema>(entry: Entry) => v.pipe(v.array(entry), v.maxLength(MAX_ENRICHMENT_ENTRIES));

const memoryModules = listOf(v.object({ size: count, type: text, clockSpeed: count, formFactor: text }));
const controllers = listOf(v.object({ model: text, memoryTotal: count }));
const disks = listOf(v.object({ device: v.pipe(v.string(), v.regex(/^\/dev\/[\w!-]{1,32}$/)), name: text, interfaceType: text }));

/** The modules out of a picked answer. Where dmidecode is missing the package makes one module up, without a type. Pure. */
export function parseMemoryModules(answer: unknown): ProbeResult<readonly MemoryModule[]> {
  const parsed = v.safeParse(memoryModules, answer);
  if (!parsed.success) return failed("malformed", "no list of memory modules");
  const modules = parsed.output.flatMap(({ size, type, clockSpeed, formFactor }) => {
    if (size === undefined || cleanText(type ?? undefined) === undefined) return [];
    return [{ sizeBytes: size, type: told(type), megatransfersPerSecond: clockSpeed, formFactor: told(formFactor) }];
  });
  return modules.length === 0
    ? absent("dmidecode tells no memory module; it has to be installed, and needs root")
    : found(modules);
}

/** The graphics cards out of a picked answer. Pure. */
export function parseGpuNames(answer: unknown): ProbeResult<readonly GpuName[]> {
  const parsed = v.safeParse(controllers, answer);
  if (!parsed.success) return failed("malformed", "no list of graphics cards");
  const gpus = parsed.output.flatMap(({ model, memoryTotal }) => {
    const name = told(model);
    const vramBytes = memoryTotal === undefined ? undefined : memoryTotal * 2 ** 20;
    return name === undefined ? [] : [{ model: name, vramBytes: Number.isSafeInteger(vramBytes) ? vramBytes : undefined }];
  });
  return gpus.length === 0 ? absent("lspci names no graphics card, or is not installed") : found(gpus);
}

/** The disks out of a picked answer. Pure. */
export function parseDiskNames(answer: unknown): ProbeResult<readonly DiskName[]> {
  const parsed = v.safeParse(disks, answer);
  if (!parsed.success) return failed("malformed", "no list of disks");
  const names = parsed.output.map(({ device, name, interfaceType }) => ({
    device: device.slice("/dev/".length),
    model: told(name),
    interface: told(interfaceType),
  }));
  return names.length === 0 ? absent("lsblk names no disk, or is not installed") : found(names);
}

/** Text that says something, cleaned; undefined for the ways in which firmware says that it does not know. */
function told(value: string | null | undefined): string | undefined {
  const clean = cleanText(value ?? undefined);
  return clean === undefined || /^(unknown|other|none|not specified|<out of spec>)$/i.test(clean) ? undefined : clean;
}
