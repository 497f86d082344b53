import type { Clock } from "../base/index.ts";
import type { Benchmarks } from "./benchmarks/benchmark.ts";
import { type FigureGroup, type Measurements, NOTHING_MEASURED } from "./benchmarks/figure.ts";
import { type MachineFacts, readFacts } from "./facts.ts";
import type { Host } from "./host.ts";
import { assumeSustained, type MeasuringPhase, measureGroups, measureSustained } from "./measure.ts";
import { absent, failed, found, known, type ProbeResult } from "./probe-result.ts";
import { type BoardMatch, type BoardTraits, holdBack, matchBoard } from "./profiles/board-match.ts";
import type { BoardProfile } from "./profiles/board-schema.ts";
import { usableGpus } from "./summary.ts";
import { decideTier, type TierDecision } from "./tiers/tier.ts";
import type { Tier } from "./tiers/tiers.ts";

/** What a probe of the machine stands on. */
export interface MachineNeeds {
  readonly host: Host;
  readonly clock: Clock;
  readonly boards: readonly BoardProfile[];
  /** What is wrong with the owner's profiles, for which the device is held at Lite; undefined where nothing is. */
  readonly boardsProblem?: string | undefined;
  readonly benchmarks: Benchmarks;
}

/** Which part of a probe runs, and how much of that part is done, from 0 to 1. */
export interface ProbeProgress {
  readonly phase: "facts" | MeasuringPhase;
  readonly fraction: number;
}

/** How a machine is probed. */
export interface ProbeOptions {
  /** Where data is or would be kept: an absolute path, which need not exist yet. */
  readonly dataDirectory: string;
  /** Take the measurements too (some seconds to some ten). Without them what only they tell is unknown. */
  readonly measure: boolean;
  /** Which measurements; those of the processor, the memory and the disk where this is left out. */
  readonly groups?: readonly FigureGroup[] | undefined;
  /** What the owner allows at most. */
  readonly ownerMaxTier?: Tier | undefined;
  /** The tier that the measurements came to before, which is kept down to nine tenths of what it asks. */
  readonly standing?: Tier | undefined;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ProbeProgress) => void;
}

/** Everything known about a machine, as plain data that JSON carries; what is undefined is left out there. */
export interface MachineProbe {
  /** Version of this shape. */
  readonly schema: 1;
  readonly facts: MachineFacts;
  readonly measured: Measurements;
  readonly board: ProbeResult<BoardMatch>;
  readonly decision: TierDecision;
}

/** Reads, measures, matches and decides. Rejects only with the signal's reason; what could not be found out says so in its place. */
export async function probeMachine(needs: MachineNeeds, options: ProbeOptions): Promise<MachineProbe> {
  const { dataDirectory, ownerMaxTier, standing, signal, onProgress } = options;
  const watch = signal === undefined ? {} : { signal };
  onProgress?.({ phase: "facts", fraction: 0 });
  const facts = await readFacts(needs, { dataDirectory, ...watch });
  onProgress?.({ phase: "facts", fraction: 1 });
  const board = findBoard(facts, needs.boards, needs.boardsProblem);
  const decide = (measured: Measurements): TierDecision => decideTier({ facts, measured, board, ownerMaxTier, standing });
  let measured = options.measure ? await measureGroups(needs.benchmarks, { facts, board }, options) : NOTHING_MEASURED;
  // A minute of full load, so only where the answer depends on it.
  if (decide(assumeSustained(measured)).tier === "Super")
    measured = await measureSustained(needs.benchmarks, { facts, board }, measured, options);
  return { schema: 1, facts, measured, board, decision: decide(measured) };
}

/**
 * The profile for a machine, held at Lite where the owner's profiles have a problem. `failed` where profiles contradict each other, and
 * where the machine's names cannot be read, because another, more generous profile could match.
 */
export function findBoard(facts: MachineFacts, boards: readonly BoardProfile[], problem?: string): ProbeResult<BoardMatch> {
  if (facts.board.kind === "failed") return facts.board;
  const match = matchBoard(boardTraits(facts), boards);
  if (!match.ok) return failed("malformed", match.error.message);
  if (match.value === undefined)
    return problem === undefined ? absent("no board profile matches this machine") : failed("malformed", problem);
  return found(problem === undefined ? match.value : holdBack(match.value, problem));
}

/** What tells a machine apart, out of everything known about it. */
export function boardTraits(facts: MachineFacts): BoardTraits {
  const identity = known(facts.board);
  return {
    compatible: identity?.compatible ?? [],
    dmiVendor: identity?.dmiVendor,
    dmiProduct: identity?.dmiProduct,
    dmiBoard: identity?.dmiBoard,
    chassisType: identity?.chassisType,
    isContainer: known(facts.platform)?.isContainer === true,
    hypervisor: known(facts.platform)?.hypervisor,
    isVirtual: known(facts.platform)?.isVirtual === true,
    isOpenwrt: known(facts.platform)?.openwrt !== undefined,
    hasGpu: usableGpus(known(facts.gpus) ?? []).length > 0,
    arch: known(facts.cpu)?.arch,
  };
}
