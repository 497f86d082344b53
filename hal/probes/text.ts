import type { Host } from "../host.ts";
import { MAX_ATTRIBUTE_BYTES, MAX_DEVICE_TEXT } from "../limits.ts";
import { known } from "../probe-result.ts";

/**
 * Text that a device or vendor wrote, fit to be shown and signed: one line, no control or invisible characters, at most
 * MAX_DEVICE_TEXT long. Undefined where nothing is left.
 */
export function cleanText(text: string | undefined): string | undefined {
  const line = text
    ?.replace(/[\p{C}\uFFFD]+/gu, " ")
    .replace(/\s+/g, " ")
    .trim()
    .slice(0, MAX_DEVICE_TEXT)
    .trim();
  return line === "" ? undefined : line;
}

/** A small attribute file without the white space around it; undefined where it is missing, empty or unreadable. */
export async function readAttribute(host: Host, path: string): Promise<string | undefined> {
  const text = known(await host.readText(path, MAX_ATTRIBUTE_BYTES))?.trim();
  return text === "" ? undefined : text;
}

/** A whole number from 0 to 2^53 in decimal; undefined for anything else, -1 included (how the kernel often writes "unknown"). */
export function parseCount(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,16}$/.test(text.trim())) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** The last part of a link's target: the name of the driver, bus or device that it points at. */
export async function linkName(host: Host, path: string): Promise<string | undefined> {
  return known(await host.readLink(path))
    ?.split("/")
    .at(-1);
}

/** A list of numbers as the kernel writes CPU sets: `0-3,8,10-11` (cpuset(7), "List format"). Undefined where it is no such list. */
export function parseCpuList(text: string, maxCpus: number): ReadonlySet<number> | undefined {
  const cpus = new Set<number>();
  const trimmed = text.trim();
  if (trimmed === "") return cpus;
  for (const part of trimmed.split(",")) {
    const range = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(part);
    if (range?.[1] === undefined) return undefined;
    const first = Number(range[1]);
    const last = range[2] === undefined ? first : Number(range[2]);
    if (last < first || last >= maxCpus) return undefined;
    for (let cpu = first; cpu <= last; cpu++) cpus.add(cpu);
  }
  return cpus;
}
