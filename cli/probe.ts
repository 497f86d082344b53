import { nearestWord, type Result } from "../base/index.ts";
import {
  type HalError,
  type MachineNeeds,
  type MachineProbe,
  makeMachineNeeds,
  type ProbeProgress,
  probeMachine,
  TIERS,
  type Tier,
} from "../hal/index.ts";
import { EXIT } from "./exit-codes.ts";
import { probePage } from "./probe-page.ts";
import type { Terminal } from "./terminal.ts";

/** What `bonusnode probe` was asked for. */
export interface ProbeVerbOptions {
  /** One JSON document instead of a page for people. */
  readonly json?: boolean;
  /** Facts only: no measurement, so half a second instead of three. */
  readonly quick?: boolean;
  /** What the owner allows at most: a tier's name in any case. */
  readonly maxTier?: string;
  /** Where the agent keeps its data; it need not exist yet. */
  readonly dataDirectory?: string;
  readonly signal?: AbortSignal;
}

/** What the verb stands on. */
export interface ProbeVerbNeeds {
  readonly loadMachine: () => Promise<Result<MachineNeeds, HalError>>;
}

/** Where the agent keeps its data unless its configuration says otherwise. */
const DEFAULT_DATA_DIRECTORY = "/var/lib/bonusnode";

/**
 * Shows what this machine is and which tier that makes it. Answers the exit code: 0; 64 for a tier that is none; 69 where the device
 * is not supported; 78 for broken board profiles; 130 when stopped.
 */
export async function runProbe(
  options: ProbeVerbOptions,
  terminal: Terminal,
  needs: ProbeVerbNeeds = { loadMachine: makeMachineNeeds },
): Promise<number> {
  const { json = false, quick = false, signal } = options;
  const ownerMaxTier = options.maxTier === undefined ? undefined : parseTier(options.maxTier);
  if (options.maxTier !== undefined && ownerMaxTier === undefined) {
    terminal.error(noSuchTier(options.maxTier));
    return EXIT.usage;
  }
  const machine = await needs.loadMachine();
  if (!machine.ok) {
    terminal.error(machine.error.message);
    return EXIT.configuration;
  }
  let probe: MachineProbe;
  try {
    probe = await probeMachine(machine.value, {
      dataDirectory: options.dataDirectory ?? DEFAULT_DATA_DIRECTORY,
      measure: !quick,
      ownerMaxTier,
      ...(signal === undefined ? {} : { signal }),
      onProgress: (progress) => terminal.progress(describeProgress(progress)),
    });
  } catch (thrown) {
    if (signal?.aborted !== true) throw thrown;
    terminal.error("stopped before the end; nothing was kept");
    return EXIT.interrupted;
  } finally {
    terminal.progress(undefined);
  }
  if (json) terminal.printJson(probe);
  else terminal.print(probePage(probe, terminal, { quick }));
  return probe.decision.tier === undefined ? EXIT.unsupported : EXIT.ok;
}

function parseTier(text: string): Tier | undefined {
  return TIERS.find((tier) => tier.toLowerCase() === text.toLowerCase());
}

function noSuchTier(text: string): string {
  const near = nearestWord(text, TIERS);
  return `--max-tier: "${text}" is no tier; ${near === undefined ? `there are ${TIERS.join(", ")}` : `did you mean ${near}?`}`;
}

function describeProgress({ phase, fraction }: ProbeProgress): string {
  const what = { facts: "reading /proc and /sys", cpu: "measuring the CPU", disk: "measuring the disk" }[phase];
  return `${what} ${Math.round(fraction * 100)} %`;
}
