import { type Enrichment, FACT_SOURCES, formatMilliCpus, type MachineFacts, type ProbeResult } from "../hal/index.ts";
import { formatTable } from "./table.ts";
import type { Terminal } from "./terminal.ts";
import { formatBitsPerSecond, formatBytes, formatCount, formatDurationMs } from "./units.ts";

/** The page of `bonusnode probe --facts`: everything that was read, each fact with where it comes from, or why it is not known. */
export function factsPage(facts: MachineFacts, terminal: Terminal): string {
  const names = Object.keys(FACT_SOURCES) as (keyof MachineFacts)[];
  return names.map((name) => factSection(name, facts[name], terminal)).join("\n\n");
}

/** What another program says beside the kernel's files, part by part. */
export function enrichmentSection(enriched: ProbeResult<Enrichment>, terminal: Terminal): string {
  const source = "systeminformation, which asks helper programs";
  if (enriched.kind !== "found") return section("enrichment", source, enriched, terminal);
  const parts = Object.entries(enriched.value) as [string, ProbeResult<unknown>][];
  return parts.map(([name, part]) => section(words(name), source, part, terminal)).join("\n\n");
}

function factSection(name: keyof MachineFacts, fact: ProbeResult<unknown>, terminal: Terminal): string {
  return section(words(name), FACT_SOURCES[name], fact, terminal);
}

function section(title: string, source: string, fact: ProbeResult<unknown>, terminal: Terminal): string {
  const head = `${terminal.style("title", title)}  ${terminal.style("quiet", source)}`;
  if (fact.kind === "absent") return `${head}\n  ${terminal.style("quiet", `none: ${fact.why}`)}`;
  if (fact.kind === "failed") return `${head}\n  ${terminal.style("warning", `unknown: ${fact.error.message}`)}`;
  return `${head}\n${formatTable(rowsOf(fact.value), { indent: 2, width: terminal.width })}`;
}

/** A row for each thing known; of a list, one for each entry. */
function rowsOf(value: unknown): readonly string[][] {
  if (Array.isArray(value))
    return value.length === 0 ? [["none"]] : value.map((entry, index) => [nameOf(entry, index), inline(entry)]);
  return entriesOf(value).flatMap(([key, inner]) => {
    if (Array.isArray(inner) && inner.some((entry) => typeof entry === "object")) {
      return inner.map((entry, index) => [index === 0 ? words(key) : "", inline(entry)]);
    }
    return [[words(key), show(key, inner)]];
  });
}

function entriesOf(value: unknown): [string, unknown][] {
  return Object.entries(value as object).filter(([, inner]) => inner !== undefined);
}

function nameOf(entry: unknown, index: number): string {
  const name = (entry as { readonly name?: unknown }).name;
  return typeof name === "string" ? name : String(index + 1);
}

/** An entry of a list in one line. */
function inline(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  return entriesOf(value)
    .filter(([key]) => key !== "name")
    .map(([key, inner]) => (typeof inner === "boolean" && inner ? words(key) : `${words(key)} ${show(key, inner)}`))
    .join(", ");
}

/** Units, in plain ASCII, that end the name of a field, and how its amount is written for people. */
const UNITS: readonly (readonly [suffix: string, format: (value: number) => string])[] = [
  ["Bytes", formatBytes],
  ["BitsPerSecond", formatBitsPerSecond],
  ["MilliCpus", formatMilliCpus],
  ["MilliCelsius", (value) => `${Math.round(value / 100) / 10} C`],
  ["Percent", (value) => `${value} %`],
  ["Hz", (value) => `${Math.round(value / 1e6)} MHz`],
  ["Ms", formatDurationMs],
];

function show(key: string, value: unknown): string {
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") {
    // A link's largest packet is never rounded.
    if (key === "mtuBytes") return `${value} B`;
    const unit = UNITS.find(([suffix]) => key.endsWith(suffix) || key === suffix.toLowerCase() || key === lowerFirst(suffix));
    return unit === undefined ? formatCount(value) : unit[1](value);
  }
  if (Array.isArray(value)) {
    const isList = value.some((entry) => typeof entry === "object");
    return value.length === 0 ? "none" : value.map((entry) => inline(entry)).join(isList ? "; " : " ");
  }
  return typeof value === "object" && value !== null ? inline(value) : String(value);
}

/** `linkBitsPerSecond` as `link`, `hasRenderNode` as `has render node`. */
function words(key: string): string {
  const unit = UNITS.find(([suffix]) => key.endsWith(suffix) && key.length > suffix.length);
  const name = unit === undefined ? key : key.slice(0, -unit[0].length);
  return name.replace(/([a-z])([A-Z0-9])/g, "$1 $2").toLowerCase();
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
