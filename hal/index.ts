/**
 * hal: what this machine is, and which tier that makes it. Probes (`probes/`) read facts from /proc and /sys, measurements
 * (`benchmarks/`, `bandwidth/`) say how fast it is, the board's profile (`profiles/`, the data in `boards/`) and the owner may lower what
 * follows, and the decision (`tiers/`) says why it is this tier and not the next. `captures/` reads and writes other machines as one file,
 * `enrichment/` asks another library on PCs, for people. Everything is answered as found, absent or failed; nothing is guessed, no helper
 * program runs while facts are read, no serial number or hardware address is read, and network addresses are for people at this machine
 * alone.
 */
export { formatMilliCpus } from "./amounts.ts";
export { type BandwidthBenchmarkTask, makeBandwidthBenchmark } from "./bandwidth/benchmark.ts";
export { type Count as BandwidthCount, parseBandwidthToken } from "./bandwidth/protocol.ts";
export { kilobitsPerSecond } from "./bandwidth/tally.ts";
export { BANDWIDTH_DEFAULTS, parseEndpoint } from "./bandwidth/transfer.ts";
export { makeBandwidthTransfer } from "./bandwidth/transports/client.ts";
export { type EndpointEvent, startBandwidthEndpoint } from "./bandwidth/transports/server.ts";
export type { Benchmark, BenchmarkRun, Benchmarks } from "./benchmarks/benchmark.ts";
export {
  FIGURE_GROUPS,
  type Figure,
  type FigureGroup,
  figureOf,
  type Measurements,
  NOTHING_MEASURED,
  numberIn,
} from "./benchmarks/figure.ts";
export { type Capture, readCapture } from "./captures/capture-format.ts";
export { captureThisMachine, loadCapture } from "./captures/capture-linux.ts";
export type { Enrichment } from "./enrichment/enrichment.ts";
export { readEnrichment } from "./enrichment/enrichment-linux.ts";
export { HalError, type HalErrorCode } from "./errors.ts";
export { FACT_SOURCES } from "./fact-sources.ts";
export { type FactsOptions, type MachineFacts, readFacts } from "./facts.ts";
export type { Host, VolumeSize } from "./host.ts";
export { type LinuxHostOptions, makeLinuxHost } from "./host-linux.ts";
export { type MachineNeeds, type MachineProbe, type ProbeOptions, type ProbeProgress, probeMachine } from "./machine.ts";
export { makeMachineNeeds } from "./machine-linux.ts";
export { absent, failed, found, known, type ProbeFailure, type ProbeResult, whyMissing } from "./probe-result.ts";
export type { BoardIdentity } from "./probes/board-identity.ts";
export type { CpuFacts } from "./probes/cpu.ts";
export type { DiskFacts, DiskKind } from "./probes/disks.ts";
export type { GpuFacts } from "./probes/gpus.ts";
export { type MemoryFacts, readMemoryNow } from "./probes/memory.ts";
export type { InterfaceFacts } from "./probes/network.ts";
export type { PlatformFacts } from "./probes/platform.ts";
export type { Virtualization } from "./probes/virtualization.ts";
export type { VolumeFacts } from "./probes/volume.ts";
export { type DecodedBoard, decodeBoard } from "./profiles/board.ts";
export type { BoardMatch } from "./profiles/board-match.ts";
export { BOARD_CLASSES, type BoardProfile } from "./profiles/board-schema.ts";
export {
  checkBoards,
  defaultBoardsDirectory,
  loadAllBoards,
  loadBoards,
  OWNERS_BOARDS_DIRECTORY,
} from "./profiles/boards-linux.ts";
export { fastestLink, type MachineSummary, type MeasuredFigure, summariseMachine, usableGpus } from "./summary.ts";
export { formatMetric, type MetricName, type MetricUnit, POLICY_VERSION, TIER_POLICY } from "./tiers/policy.ts";
export { judgePublished, type PublishedMachine, type PublishedVerdict } from "./tiers/published.ts";
export { settleTier, type TierStanding } from "./tiers/standing.ts";
export { decideTier, type MetricVerdict, type TierDecision, type TierInput } from "./tiers/tier.ts";
export { TIERS, type Tier } from "./tiers/tiers.ts";
