import { CPU_SLACK, TIME_SLACK_MS, TRAFFIC_SLACK_BYTES, UNKNOWN_LINK_BITS_PER_SECOND } from "../limits.ts";
import { type Claim, type Finding, fails, HOLDS } from "./verifier.ts";

/**
 * Whether what a proof says it used can be true of the machine that its node described, in the time between the assignment and
 * the proof's arrival. The node's own clock plays no part but to say how long the work took, which those two bound.
 */
export function checkPlausible(claim: Claim): Finding {
  const { proof, descriptor, assignment, receivedAtMs } = claim;
  const { usage, interval } = proof;
  const ranMs = interval.toMs - interval.fromMs;
  const availableMs = receivedAtMs - assignment.issuedAtMs + TIME_SLACK_MS;
  if (ranMs < 0) return fails("implausible-time", "it ended before it began");
  if (interval.bootCount > proof.bootCount) return fails("implausible-time", "it ran in a start that had not been yet");
  if (ranMs > availableMs)
    return fails("implausible-time", `it ran ${ranMs} ms, but only ${availableMs} ms passed since the assignment`);
  const wallMs = ranMs + 1;

  const cpuMicros = Number(usage.cpuMicros);
  // A thousandth of a core for a millisecond is a microsecond.
  const cpuCeiling = wallMs * descriptor.facts.effectiveMilliCpus * CPU_SLACK.factor + CPU_SLACK.micros;
  if (cpuMicros > cpuCeiling) {
    return fails(
      "implausible-cpu",
      `${cpuMicros} µs of CPU in ${wallMs} ms on ${descriptor.facts.effectiveMilliCpus / 1000} cores`,
    );
  }
  const memoryCeiling = (descriptor.facts.memoryBytes * BigInt(wallMs + TIME_SLACK_MS)) / 1000n;
  if (usage.memoryByteSeconds > memoryCeiling) {
    return fails(
      "implausible-memory",
      `${usage.memoryByteSeconds} byte-seconds in ${wallMs} ms with ${descriptor.facts.memoryBytes} bytes`,
    );
  }
  const bitsPerSecond = Number(descriptor.facts.linkBitsPerSecond ?? BigInt(UNKNOWN_LINK_BITS_PER_SECOND));
  const trafficCeiling = (bitsPerSecond / 8000) * wallMs + TRAFFIC_SLACK_BYTES;
  for (const bytes of [usage.upBytes, usage.downBytes]) {
    if (Number(bytes) > trafficCeiling)
      return fails("implausible-bytes", `${bytes} bytes in ${wallMs} ms at ${bitsPerSecond} bit/s`);
  }
  // What is kept on disk is what the blobs of `store` are; that kind's verifier knows their sizes and times.
  if (usage.diskByteSeconds > 0n && proof.kind !== "store")
    return fails("implausible-disk", `${usage.diskByteSeconds} byte-seconds of disk for a task that keeps nothing`);
  return HOLDS;
}
