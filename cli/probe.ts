import { failure, formatBytes, makeSystemClock, nearestWord, type Result, success } from "../base/index.ts";
import {
  type BandwidthBenchmarkTask,
  captureThisMachine,
  type Enrichment,
  FACT_SOURCES,
  FIGURE_GROUPS,
  type FigureGroup,
  type HalError,
  type MachineFacts,
  type MachineNeeds,
  type MachineProbe,
  makeMachineNeeds,
  type ProbeProgress,
  type ProbeResult,
  probeMachine,
  readEnrichment,
  TIERS,
  type Tier,
} from "../hal/index.ts";
import { readBandwidthTask } from "./bandwidth-task.ts";
import { EXIT } from "./exit-codes.ts";
import { enrichmentSection, factsPage } from "./probe-facts.ts";
import { probePage } from "./probe-page.ts";
import type { Terminal } from "./terminal.ts";

/** What `bonusnode probe` was asked for. */
export interface ProbeVerbOptions {
  /** One JSON document instead of a page for people; with `watch` one a line. */
  readonly json?: boolean;
  /** Facts only: no measurement, so half a second instead of some ten. */
  readonly quick?: boolean;
  /** Everything that was read, and nothing that follows from it. */
  readonly facts?: boolean;
  /** With `facts`: ask the optional package systeminformation too, which starts helper programs. */
  readonly enrich?: boolean;
  /** Read a captured machine: the directory above its `proc` and `sys`. */
  readonly sysroot?: string;
  /** Write a capture of this machine into this file, and do nothing else. */
  readonly capture?: string;
  /** Groups to measure, with commas between them. */
  readonly only?: string;
  /** HOST:PORT of a bandwidth endpoint, and the file of its token: the network is measured too. */
  readonly bandwidth?: string;
  readonly tokenFile?: string;
  /** Look again and again, each so many seconds, without measuring. */
  readonly watch?: string | boolean;
  /** What the owner allows at most: a tier's name in any case. */
  readonly maxTier?: string;
  /** Where the agent keeps its data; it need not exist yet. */
  readonly dataDirectory?: string;
  readonly signal?: AbortSignal;
}

/** Which machine, and what its network is measured against. */
interface MachineSource {
  readonly sysroot?: string;
  readonly bandwidth?: BandwidthBenchmarkTask;
}

/** What the verb stands on. */
export interface ProbeVerbNeeds {
  readonly loadMachine: (options: MachineSource) => Promise<Result<MachineNeeds, HalError>>;
  readonly enrich: (facts: MachineFacts) => Promise<ProbeResult<Enrichment>>;
}

/** Where the agent keeps its data unless its configuration says otherwise. */
const DEFAULT_DATA_DIRECTORY = "/var/lib/bonusnode";

/** How often `--watch` looks unless it is told otherwise, and at most. Seconds. */
const WATCH_SECONDS = 2;
const MAX_WATCH_SECONDS = 86_400;

/** The options, read. */
interface Ask {
  readonly ownerMaxTier: Tier | undefined;
  readonly groups: readonly FigureGroup[] | undefined;
  readonly watchSeconds: number | undefined;
  readonly measure: boolean;
}

/**
 * Shows what this machine is and which tier that makes it. Answers the exit code: 0; 64 for options that are none; 69 where the device
 * is not supported; 78 for broken board profiles; 130 when stopped.
 */
export async function runProbe(
  options: ProbeVerbOptions,
  terminal: Terminal,
  needs: ProbeVerbNeeds = { loadMachine: makeMachineNeeds, enrich: readEnrichment },
): Promise<number> {
  const ask = readOptions(options);
  if (typeof ask === "string") {
    terminal.error(ask);
    return EXIT.usage;
  }
  const { signal } = options;
  if (options.capture !== undefined) return writeCapture(options.capture, options, terminal);
  const source = await readSource(options);
  if (!source.ok) {
    terminal.error(source.error);
    return EXIT.usage;
  }
  const machine = await needs.loadMachine(source.value);
  if (!machine.ok) {
    terminal.error(machine.error.message);
    return EXIT.configuration;
  }
  try {
    if (ask.watchSeconds !== undefined) return await watch(machine.value, options, ask, ask.watchSeconds, terminal);
    const probe = await probeOnce(machine.value, options, ask, terminal);
    const enriched = options.enrich === true ? await needs.enrich(probe.facts) : undefined;
    return show(probe, options, terminal, enriched);
  } catch (thrown) {
    if (signal?.aborted !== true) throw thrown;
    terminal.error("stopped before the end; nothing was kept");
    return EXIT.interrupted;
  } finally {
    terminal.progress(undefined);
  }
}

/** Which machine is asked for, and the endpoint with its token. */
async function readSource({ sysroot, bandwidth, tokenFile }: ProbeVerbOptions): Promise<Result<MachineSource, string>> {
  const source = sysroot === undefined ? {} : { sysroot };
  if (bandwidth === undefined) return success(source);
  if (tokenFile === undefined) return failure("--bandwidth wants the endpoint's token too: name its file with --token-file");
  const task = await readBandwidthTask(bandwidth, tokenFile);
  return task.ok ? success({ ...source, bandwidth: task.value }) : task;
}

/** Writes the capture, and says what to look at before it is given away. */
async function writeCapture(path: string, options: ProbeVerbOptions, terminal: Terminal): Promise<number> {
  const { dataDirectory = DEFAULT_DATA_DIRECTORY, signal } = options;
  const watching = signal === undefined ? {} : { signal };
  const captured = await captureThisMachine({ clock: makeSystemClock() }, { path, dataDirectory, ...watching });
  if (!captured.ok) {
    terminal.error(captured.error.message);
    return EXIT.failure;
  }
  if (options.json === true) terminal.printJson({ capture: path, bytes: Buffer.byteLength(captured.value) });
  else {
    terminal.print(
      `${path}: ${formatBytes(Buffer.byteLength(captured.value))}, without serial numbers, addresses and names of yours`,
    );
    terminal.note(
      `Read it through before you give it away; "bonusnode probe --facts --sysroot ${path}" shows what others will see.`,
    );
  }
  return EXIT.ok;
}

function probeOnce(machine: MachineNeeds, options: ProbeVerbOptions, ask: Ask, terminal: Terminal): Promise<MachineProbe> {
  const { signal } = options;
  return probeMachine(machine, {
    dataDirectory: options.dataDirectory ?? DEFAULT_DATA_DIRECTORY,
    measure: ask.measure,
    groups: ask.groups,
    ownerMaxTier: ask.ownerMaxTier,
    ...(signal === undefined ? {} : { signal }),
    onProgress: (progress) => terminal.progress(describeProgress(progress)),
  });
}

/** Looks until it is stopped, which is how it ends well. */
async function watch(
  machine: MachineNeeds,
  options: ProbeVerbOptions,
  ask: Ask,
  seconds: number,
  terminal: Terminal,
): Promise<number> {
  const { signal } = options;
  const isStopped = (): boolean => signal?.aborted === true;
  while (!isStopped()) {
    try {
      const probe = await probeOnce(machine, options, ask, terminal);
      terminal.progress(undefined);
      if (options.json === true) terminal.print(JSON.stringify(asDocument(probe, options)));
      else terminal.printScreen(asPage(probe, options, terminal));
      await machine.clock.sleep(seconds * 1000, signal);
    } catch (thrown) {
      if (!isStopped()) throw thrown;
    }
  }
  return EXIT.ok;
}

function show(
  probe: MachineProbe,
  options: ProbeVerbOptions,
  terminal: Terminal,
  enriched: ProbeResult<Enrichment> | undefined,
): number {
  terminal.progress(undefined);
  if (options.json === true) terminal.printJson({ ...asDocument(probe, options), enrichment: enriched });
  else {
    terminal.print(asPage(probe, options, terminal));
    if (enriched !== undefined) terminal.print(`\n${enrichmentSection(enriched, terminal)}`);
  }
  return probe.decision.tier === undefined && options.facts !== true ? EXIT.unsupported : EXIT.ok;
}

function asPage(probe: MachineProbe, options: ProbeVerbOptions, terminal: Terminal): string {
  if (options.facts === true) return factsPage(probe.facts, terminal);
  return probePage(probe, terminal, { quick: readOptionsMeasure(options) === false });
}

function asDocument(probe: MachineProbe, options: ProbeVerbOptions): object {
  return options.facts === true ? { schema: probe.schema, facts: probe.facts, sources: FACT_SOURCES } : probe;
}

/** Facts, a captured machine and a watch are looked at without measuring. */
function readOptionsMeasure({ quick, facts, sysroot, watch: watched }: ProbeVerbOptions): boolean {
  return quick !== true && facts !== true && sysroot === undefined && (watched ?? false) === false;
}

/** The options, or what is wrong with them. */
function readOptions(options: ProbeVerbOptions): Ask | string {
  const measure = readOptionsMeasure(options);
  const ownerMaxTier = options.maxTier === undefined ? undefined : parseTier(options.maxTier);
  if (options.maxTier !== undefined && ownerMaxTier === undefined) return noSuch("--max-tier", options.maxTier, "tier", TIERS);
  const names = options.only?.split(",").map((name) => name.trim().toLowerCase());
  const unknown = names?.find((name) => !isGroup(name));
  if (unknown !== undefined) return noSuch("--only", unknown, "group of measurements", FIGURE_GROUPS);
  if (options.enrich === true && (options.facts !== true || options.sysroot !== undefined))
    return "--enrich adds to --facts of this machine; give both, and no --sysroot";
  if (names !== undefined && !measure) return "--only chooses measurements; leave out --quick, --facts, --sysroot and --watch";
  const watchSeconds = readWatchSeconds(options.watch);
  if (typeof watchSeconds === "string") return watchSeconds;
  return { ownerMaxTier, groups: names?.filter(isGroup), watchSeconds, measure };
}

function isGroup(name: string): name is FigureGroup {
  return (FIGURE_GROUPS as readonly string[]).includes(name);
}

function readWatchSeconds(text: string | boolean | undefined): number | undefined | string {
  if (text === undefined || text === false) return undefined;
  if (text === true) return WATCH_SECONDS;
  const seconds = Number(text);
  const isFit = /^\d+(\.\d+)?$/.test(text) && seconds >= 0.5 && seconds <= MAX_WATCH_SECONDS;
  return isFit ? seconds : `--watch ${text}: seconds from 0.5 to ${MAX_WATCH_SECONDS}`;
}

function parseTier(text: string): Tier | undefined {
  return TIERS.find((tier) => tier.toLowerCase() === text.toLowerCase());
}

function noSuch(option: string, text: string, what: string, words: readonly string[]): string {
  const near = nearestWord(text, words);
  return `${option}: "${text}" is no ${what}; ${near === undefined ? `there are ${words.join(", ")}` : `did you mean ${near}?`}`;
}

const PHASES: Readonly<Record<ProbeProgress["phase"], string>> = {
  facts: "reading /proc and /sys",
  cpu: "measuring the CPU",
  sustained: "measuring how long the CPU keeps that up",
  memory: "measuring the memory",
  disk: "measuring the disk",
  gpu: "measuring the GPU",
  bandwidth: "measuring the network",
};

function describeProgress({ phase, fraction }: ProbeProgress): string {
  return `${PHASES[phase]} ${Math.round(fraction * 100)} %`;
}
