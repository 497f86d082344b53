/**
 * hal: what this machine is, and which tier that makes it. Probes read facts from /proc and /sys, two measurements say how fast it
 * is, the board's profile (data, in `boards/`) and the owner may lower what follows, and the decision says why it is this tier and
 * not the next. Everything is answered as found, absent or failed; nothing is guessed, no helper program runs, and no serial number
 * or address leaves this room.
 */
export { formatMilliCpus } from "./amounts.ts";
export type { Benchmark, BenchmarkRun, CpuBenchmark, DiskBenchmark } from "./benchmarks/benchmark.ts";
export type { CpuFigure, DiskFigure, Figure } from "./benchmarks/figure.ts";
export { BOARD_CLASSES, type BoardMatch, type BoardProfile, decodeBoard } from "./board.ts";
export { defaultBoardsDirectory, loadBoards } from "./boards-linux.ts";
export { HalError, type HalErrorCode } from "./errors.ts";
export { type FactsOptions, type MachineFacts, readFacts } from "./facts.ts";
export type { Host, VolumeSize } from "./host.ts";
export { type LinuxHostOptions, makeLinuxHost } from "./host-linux.ts";
export { type MachineNeeds, type MachineProbe, type ProbeOptions, type ProbeProgress, probeMachine } from "./machine.ts";
export { makeMachineNeeds } from "./machine-linux.ts";
export type { Measurements } from "./metrics.ts";
export { formatMetric, type MetricName, type MetricUnit, POLICY_VERSION, TIER_POLICY } from "./policy.ts";
export { absent, failed, found, known, type ProbeFailure, type ProbeResult, whyMissing } from "./probe-result.ts";
export type { BoardIdentity } from "./probes/board-identity.ts";
export type { CpuFacts } from "./probes/cpu.ts";
export type { DiskFacts, DiskKind } from "./probes/disks.ts";
export type { GpuFacts } from "./probes/gpus.ts";
export type { MemoryFacts } from "./probes/memory.ts";
export type { InterfaceFacts } from "./probes/network.ts";
export type { OpenwrtRelease, PlatformFacts } from "./probes/platform.ts";
export type { Virtualization } from "./probes/virtualization.ts";
export type { VolumeFacts } from "./probes/volume.ts";
export { fastestLink, type MachineSummary, type MeasuredFigure, summariseMachine, usableGpus } from "./summary.ts";
export { decideTier, type MetricVerdict, type TierDecision, type TierInput } from "./tier.ts";
export { TIERS, type Tier } from "./tiers.ts";
