import {
  formatMetric,
  formatMilliCpus,
  known,
  type MachineFacts,
  type MachineProbe,
  type MetricUnit,
  type MetricVerdict,
  type ProbeResult,
  TIERS,
  usableGpus,
} from "../hal/index.ts";
import { figureSection } from "./probe-figures.ts";
import { formatTable } from "./table.ts";
import type { Terminal } from "./terminal.ts";
import { formatBitsPerSecond, formatBytes, formatPlural } from "./units.ts";

/** The page of `bonusnode probe`: tier, machine, values against the thresholds, and why not the next tier. */
export function probePage(probe: MachineProbe, terminal: Terminal, options: { readonly quick: boolean }): string {
  const { decision } = probe;
  const measured = figureSection(probe.measured, terminal);
  const sections = [
    headline(probe, terminal, options.quick),
    section("Machine", machineTable(probe, terminal), terminal),
    ...(measured === undefined ? [] : [section("Measured", measured, terminal)]),
    section("What each tier asks", metricTable(decision.metrics, terminal), terminal),
    section(whyTitle(probe), reasonList(decision.reasons, terminal), terminal),
  ];
  return sections.join("\n\n");
}

function headline({ decision }: MachineProbe, terminal: Terminal, quick: boolean): string {
  const { tier, limitedBy } = decision;
  if (tier === undefined) return terminal.style("bad", "This device is not supported");
  const limits = {
    measured: "limited by the machine itself",
    profile: "limited by its board profile",
    owner: "limited by its owner",
  };
  const shown = `${terminal.style("title", "Tier")}  ${terminal.style("good", tier)}`;
  const why =
    quick && limitedBy === "measured" ? "without measurements; it may be higher with them" : limitedBy && limits[limitedBy];
  return why === undefined ? shown : `${shown}  ${terminal.style("quiet", `(${why})`)}`;
}

function section(title: string, body: string, terminal: Terminal): string {
  return `${terminal.style("title", title)}\n${body}`;
}

function whyTitle({ decision }: MachineProbe): string {
  const { tier } = decision;
  if (tier === undefined) return "Why not";
  const next = TIERS[TIERS.indexOf(tier) + 1];
  return next === undefined ? `Why ${tier}` : `Why ${tier} and not ${next}`;
}

function reasonList(reasons: readonly string[], terminal: Terminal): string {
  const mark = terminal.unicode ? "•" : "-";
  return formatTable(
    reasons.map((reason) => [mark, reason]),
    { indent: 2, gap: 1, width: terminal.width },
  );
}

function machineTable(probe: MachineProbe, terminal: Terminal): string {
  const { facts } = probe;
  const rows: readonly (readonly [string, string])[] = [
    ["Board", describeBoard(probe, terminal)],
    ["CPU", told(facts.cpu, terminal, describeCpu)],
    ["Memory", told(facts.memory, terminal, describeMemory)],
    ["Data", told(facts.volume, terminal, describeVolume)],
    ["Disks", told(facts.disks, terminal, describeDisks)],
    ["GPU", facts.gpus.kind === "absent" ? "none" : told(facts.gpus, terminal, describeGpus)],
    ["Network", told(facts.interfaces, terminal, describeInterfaces)],
    ["System", told(facts.platform, terminal, describePlatform)],
  ];
  return formatTable(
    rows.map(([name, text]) => [name, text]),
    { indent: 2, width: terminal.width },
  );
}

type Found<Key extends keyof MachineFacts> = Extract<MachineFacts[Key], { kind: "found" }>["value"];

/** What a probe found in words, or why it has nothing. */
function told<Value>(result: ProbeResult<Value>, terminal: Terminal, describe: (value: Value) => string): string {
  if (result.kind === "found") return describe(result.value);
  return result.kind === "absent" ? terminal.style("quiet", result.why) : terminal.style("warning", result.error.message);
}

function describeBoard({ board, facts }: MachineProbe, terminal: Terminal): string {
  const model = known(facts.board)?.model ?? known(facts.board)?.boardName;
  const chosen = known(board);
  const profile = told(board, terminal, ({ profile: { board: about, id }, matchedBy, loweredBy = [] }) =>
    joined(`${about.name} (${id}, by ${matchedBy})`, loweredBy.length === 0 ? undefined : `lowered by ${loweredBy.join(", ")}`),
  );
  return model === undefined || model === chosen?.profile.board.name ? profile : `${model}: ${profile}`;
}

function describeCpu(cpu: Found<"cpu">): string {
  const { model, arch, logicalCpus, cores, effectiveMilliCpus } = cpu;
  const counts = cores === undefined || cores === logicalCpus ? "" : ` on ${formatPlural(cores, "core")}`;
  const usable =
    effectiveMilliCpus === undefined ? "an unknown part of them usable" : `${formatMilliCpus(effectiveMilliCpus)} usable`;
  return joined(model, arch, `${formatPlural(logicalCpus, "CPU")}${counts}`, usable);
}

function describeMemory(memory: Found<"memory">): string {
  const { totalBytes, availableBytes, cgroupLimitBytes } = memory;
  return joined(
    cgroupLimitBytes === undefined ? undefined : `${formatBytes(cgroupLimitBytes)} usable by this process`,
    `${formatBytes(totalBytes)} in the machine`,
    availableBytes === undefined ? undefined : `${formatBytes(availableBytes)} available now`,
  );
}

function describeVolume(volume: Found<"volume">): string {
  const { path, fileSystem, device, kind, freeBytes, totalBytes, readOnly } = volume;
  return joined(
    `${formatBytes(freeBytes)} free of ${formatBytes(totalBytes)}`,
    `${fileSystem} on ${device ?? "an unknown device"}${kind === undefined ? "" : ` (${kind})`}`,
    `at ${path}`,
    readOnly ? "read-only" : undefined,
  );
}

/** Lists of more than this many are cut; the JSON document has them all. */
const MAX_LISTED = 8;

function describeDisks(disks: Found<"disks">): string {
  return listed(disks, "no disk", ({ name, kind, sizeBytes, model, label }) =>
    [name, kind ?? "of unknown kind", formatBytes(sizeBytes), model ?? label].filter((part) => part !== undefined).join(" "),
  );
}

function describeGpus(gpus: Found<"gpus">): string {
  const text = listed(gpus, "none", ({ vendor, device, driver, kind, model }) => {
    const name = model ?? [vendor ?? "unknown maker", device].filter((part) => part !== undefined).join(" ");
    return `${name} (${kind}, ${driver === undefined ? "no driver" : `driver ${driver}`})`;
  });
  return usableGpus(gpus).length === 0 ? `none that computes: ${text}` : text;
}

function describeInterfaces(interfaces: Found<"interfaces">): string {
  const real = interfaces.filter((facts) => facts.kind === "physical");
  return listed(real, "no physical interface", ({ name, up, linkBitsPerSecond, wireless }) => {
    const speed = linkBitsPerSecond === undefined ? "speed unknown" : formatBitsPerSecond(linkBitsPerSecond);
    return `${name} ${wireless ? "wireless " : ""}${up ? `up, ${speed}` : "down"}`;
  });
}

function describePlatform(platform: Found<"platform">): string {
  const { kernel, operatingSystem, openwrt, libc, init, isVirtual, hypervisor, isContainer } = platform;
  return joined(
    openwrt?.release === undefined ? operatingSystem : `OpenWrt ${openwrt.release} ${openwrt.target ?? ""}`.trim(),
    `Linux ${kernel}`,
    libc,
    init === undefined ? undefined : `init ${init}`,
    isVirtual === true ? `virtual machine (${hypervisor ?? "unknown hypervisor"})` : undefined,
    isContainer === true ? "container" : undefined,
  );
}

function metricTable(metrics: readonly MetricVerdict[], terminal: Terminal): string {
  const hasBars = terminal.width >= WIDTH_WITH_BARS;
  const head = ["", "here", ...TIERS].map((name) => (name === "" ? "" : terminal.style("quiet", name)));
  const rows = metrics.map((metric) => {
    const { label, value, unit, thresholds } = metric;
    const here = value === undefined ? terminal.style("warning", "unknown") : shortMetric(value, unit);
    const cells = TIERS.map((tier) => thresholdCell(metric, thresholds[tier], terminal));
    return [label, here, ...cells, ...(hasBars ? [bar(metric, terminal)] : [])];
  });
  return formatTable([head, ...rows], { indent: 2, alignRight: [1] });
}

function thresholdCell({ value, unit }: MetricVerdict, threshold: number, terminal: Terminal): string {
  if (threshold === 0) return terminal.style("quiet", "any");
  const isReached = value !== undefined && value >= threshold;
  const mark = isReached ? (terminal.unicode ? "✓" : "+") : terminal.unicode ? "✗" : "-";
  return terminal.style(isReached ? "good" : "warning", `${mark} ${shortMetric(threshold, unit)}`);
}

/** The name of the row says what is counted, so that a page of 80 columns holds the table. */
function shortMetric(value: number, unit: MetricUnit): string {
  return formatMetric(value, unit)
    .replace(/ cores?$/, "")
    .replace(/ (writes\/s|IOPS)$/, "/s");
}

/** Below this the table is shown without its bars. */
const WIDTH_WITH_BARS = 78;

/** Characters of a bar for each tier. */
const BAR_PART = 4;

/** Three parts, one a tier, each filled as far as the value has come from the threshold below to its own. */
function bar({ value, thresholds }: MetricVerdict, terminal: Terminal): string {
  const [full, empty] = terminal.unicode ? ["█", "░"] : ["#", "."];
  let below = 0;
  const parts = TIERS.map((tier) => {
    const threshold = thresholds[tier];
    const share = threshold === 0 ? 1 : Math.min(1, Math.max(0, ((value ?? 0) - below) / (threshold - below)));
    below = threshold;
    const filled = Math.floor(share * BAR_PART);
    const drawn = full.repeat(filled) + empty.repeat(BAR_PART - filled);
    return terminal.style(share === 1 ? "good" : "quiet", drawn);
  });
  return parts.join(" ");
}

function listed<Item>(items: readonly Item[], none: string, describe: (item: Item) => string): string {
  if (items.length === 0) return none;
  const shown = items.slice(0, MAX_LISTED).map(describe);
  return [...shown, ...(items.length > MAX_LISTED ? [`and ${items.length - MAX_LISTED} more`] : [])].join("; ");
}

function joined(...parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined).join(", ");
}
