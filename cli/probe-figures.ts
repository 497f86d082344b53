import {
  FIGURE_GROUPS,
  type Figure,
  type FigureGroup,
  figureOf,
  formatMilliCpus,
  known,
  type Measurements,
  numberIn,
  type ProbeResult,
} from "../hal/index.ts";
import { formatTable } from "./table.ts";
import type { Terminal } from "./terminal.ts";
import { formatBitsPerSecond, formatCount, formatPlural } from "./units.ts";

/** Figures that one line of the page shows beside each other. */
interface Line {
  readonly label: string;
  readonly group: FigureGroup;
  /** Names of figures, and what stands before each. */
  readonly parts: readonly (readonly [name: string, before: string])[];
}

const LINES: readonly Line[] = [
  { group: "cpu", label: "Integer", parts: pair("cpu.integer") },
  { group: "cpu", label: "Floating point", parts: pair("cpu.float") },
  { group: "cpu", label: "SHA-256", parts: pair("cpu.sha256") },
  { group: "cpu", label: "SHA-256, native", parts: pair("cpu.sha256-native") },
  { group: "cpu", label: "Ed25519, native", parts: pair("cpu.ed25519-native") },
  { group: "cpu", label: "Sustained", parts: [["cpu.sustained", ""]] },
  { group: "memory", label: "Memory copy", parts: [["memory.copy", ""]] },
  {
    group: "disk",
    label: "Disk, in sequence",
    parts: [
      ["disk.sequential-read", "read "],
      ["disk.sequential-write", "write "],
    ],
  },
  {
    group: "disk",
    label: "Disk, at random",
    parts: [
      ["disk.random-read", "read "],
      ["disk.random-write", "write "],
    ],
  },
  { group: "disk", label: "Durable writes", parts: [["disk.durable-writes", ""]] },
  {
    group: "disk",
    label: "Until durable",
    parts: [
      ["disk.sync-p50", "half "],
      ["disk.sync-p99", "99 % "],
    ],
  },
  { group: "gpu", label: "GPU", parts: [["gpu.fma", ""]] },
  {
    group: "bandwidth",
    label: "Bandwidth",
    parts: [
      ["bandwidth.down", "down "],
      ["bandwidth.up", "up "],
    ],
  },
  {
    group: "bandwidth",
    label: "Latency",
    parts: [
      ["bandwidth.latency", "idle "],
      ["bandwidth.loaded-latency", "loaded "],
    ],
  },
];

function pair(name: string): Line["parts"] {
  return [
    [`${name}-1t`, "one "],
    [name, "all "],
  ];
}

/** What was measured, a line a subject, and below it what else went on meanwhile; undefined where nothing was asked for. */
export function figureSection(measured: Measurements, terminal: Terminal): string | undefined {
  const rows = LINES.flatMap(({ label, group, parts }) => {
    const cells = parts.map(([name, before]) => {
      const figure = figureOf(measured, name);
      return figure === undefined ? "" : `${terminal.style("quiet", before)}${formatFigure(figure, terminal)}`;
    });
    if (known(measured[group]) === undefined || cells.every((cell) => cell === "")) return [];
    return [[label, cells[0] ?? "", cells[1] ?? "", spreadOf(measured, parts)]];
  });
  const remarks = [...missing(measured, terminal), ...disturbances(measured, terminal)];
  if (rows.length === 0 && remarks.length === 0) return undefined;
  const table = formatTable(rows, { indent: 2 });
  const below = formatTable(
    remarks.map((remark) => [remark]),
    { indent: 2, width: terminal.width },
  );
  return [table, below].filter((text) => text !== "").join("\n");
}

/** A figure with its unit, for people: large amounts in larger units. */
function formatFigure({ value, unit }: Figure, terminal: Terminal): string {
  if (unit === "kbit/s") return formatBitsPerSecond(value * 1000);
  if (unit === "permille") return `${Math.floor(value / 10)} % of its burst`;
  if (unit === "us") return value < 1_000 ? `${value} ${terminal.unicode ? "µs" : "us"}` : `${Math.round(value / 100) / 10} ms`;
  if (unit === "MFLOP/s" && value >= 1_000) return `${Math.round(value / 100) / 10} GFLOP/s`;
  if (unit === "MB/s" && value >= 10_000) return `${Math.round(value / 100) / 10} GB/s`;
  return `${formatCount(value)} ${unit}`;
}

function spreadOf(measured: Measurements, parts: Line["parts"]): string {
  const spreads = parts.flatMap(([name]) => {
    const figure = figureOf(measured, name);
    // What a percentile spreads over is the disk's own, not the measurement's.
    return figure === undefined || figure.unit === "us" ? [] : figure.spreadPercent;
  });
  return spreads.length === 0 ? "" : `slices within ${Math.max(...spreads)} %`;
}

const NOT_ASKED = "not measured";

function missing(measured: Measurements, terminal: Terminal): readonly string[] {
  return FIGURE_GROUPS.flatMap((group) => {
    const result: ProbeResult<unknown> = measured[group];
    if (result.kind === "found" || (result.kind === "absent" && result.why === NOT_ASKED)) return [];
    const why = result.kind === "absent" ? result.why : result.error.message;
    return terminal.style(result.kind === "absent" ? "quiet" : "warning", `No figure of the ${group}: ${why}.`);
  });
}

/** What went on beside the measurements, where it was enough to matter. */
function disturbances(measured: Measurements, terminal: Terminal): readonly string[] {
  const conditions = FIGURE_GROUPS.flatMap((group) => known(measured[group]) ?? []).map((figure) => figure.conditions);
  const most = (name: string): number => Math.max(0, ...conditions.map((each) => numberIn(each, name) ?? 0));
  const [others, steal, milliCelsius] = [most("othersMilliCpus"), most("stealPermille"), most("milliCelsius")];
  const said = [
    others < 250 ? undefined : `other programs used up to ${formatMilliCpus(others)}`,
    steal < 50 ? undefined : `the hypervisor took up to ${Math.round(steal / 10)} %`,
    milliCelsius < 80_000 ? undefined : `a sensor stood at ${Math.round(milliCelsius / 1000)} ${terminal.unicode ? "°C" : "C"}`,
  ].filter((text) => text !== undefined);
  const doubtful = conditions.filter((each) => typeof each["doubtful"] === "string").length;
  if (doubtful > 0) said.push(`${formatPlural(doubtful, "figure is", "figures are")} doubtful for that`);
  return said.length === 0 ? [] : [terminal.style("quiet", `Meanwhile ${said.join(", ")}.`)];
}
