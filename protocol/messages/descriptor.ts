import * as v from "valibot";
import { defineMessage } from "./codec.ts";
import { amount, count, hash, isolation, listOf, nodeClaims, openObject, text, tier } from "./fields.ts";

/** How a figure was taken. What is absent is unknown, or means nothing for this figure. */
const conditions = v.pipe(
  // Every claim in it is optional, so that an empty list or byte string would pass for it.
  openObject,
  v.strictObject({
    threads: v.optional(count(65_536)),
    /** CPU time that arrived for the measurement, and what other programs took meanwhile, in thousandths of a core. */
    gotMilliCpus: v.optional(count(65_536_000)),
    othersMilliCpus: v.optional(count(65_536_000)),
    /** Time that the hypervisor took, in thousandths of all time. */
    stealPermille: v.optional(count(1000)),
    /** The one-minute load average in thousandths, when it began. */
    loadMilli: v.optional(count(2 ** 32 - 1)),
    /** The hottest sensor, where above zero. */
    milliCelsius: v.optional(count(1_000_000)),
    /** Of the CPU's frequency. */
    governor: v.optional(text(32)),
    /** Why the figure may be too low: what else went on. */
    doubtful: v.optional(text(32)),
  }),
);

/** A figure measured on the device. */
const figure = v.strictObject({
  name: text(64),
  /** Of the way of measuring; figures of different versions are not comparable. */
  version: count(65_536, 1),
  value: amount,
  unit: text(32),
  /** How much lower the worst slice was than the best, in percent. */
  spreadPercent: count(100),
  durationMs: count(2 ** 32 - 1),
  conditions,
});
export type SignedFigure = v.InferOutput<typeof figure>;

/**
 * What a node is, what it can do and what its owner allows. Retained on the broker; signed anew at every start and change.
 */
export const descriptorSchema = v.strictObject({
  ...nodeClaims,
  /** Id of the board profile that matched. */
  board: text(64),
  tier,
  /** Why this tier and not the next, for people. */
  reasons: listOf(text()),
  facts: v.strictObject({
    arch: text(32),
    cpuModel: v.optional(text(128)),
    logicalCpus: count(65_536, 1),
    /** CPU time that the agent can really get, in thousandths of a core: affinity and cgroup quota counted. */
    effectiveMilliCpus: count(65_536_000),
    /** Bytes of memory that the agent may use: installed, or the cgroup's limit. */
    memoryBytes: amount,
    /** Bytes free where blobs would be kept. */
    diskFreeBytes: amount,
    diskKind: v.optional(text(16)),
    gpus: count(256),
    /** Speed of the fastest link that is up, in bits per second. */
    linkBitsPerSecond: v.optional(amount),
  }),
  /** Version of the rules by which the tier was decided. */
  policy: count(65_536, 1),
  /** What the node can do in one number, by the same rules: 1000 is a device that just reaches Normal. */
  power: count(2 ** 32 - 1),
  measured: listOf(figure),
  /** Hash of the latest beacon before the measurements began: they were taken after it. Absent where none was known yet. */
  measuredAfter: v.optional(hash),
  /** Kinds of assignments that the node takes. */
  kinds: listOf(text(32)),
  /** Helpers that work depends on, and why one is missing. */
  capabilities: listOf(v.strictObject({ name: text(32), available: v.boolean(), why: v.optional(text()) })),
  /** The strongest isolation it can give to strangers' code; absent where it runs none. */
  isolation: v.optional(isolation),
  /** What the owner lends. Absent: no limit but the machine's. */
  limits: v.pipe(
    // Every claim in it is optional, so that an empty list or byte string would pass for it.
    openObject,
    v.strictObject({
      cpuMilli: v.optional(count(65_536_000)),
      memoryBytes: v.optional(amount),
      diskBytes: v.optional(amount),
      upBitsPerSecond: v.optional(amount),
      downBitsPerSecond: v.optional(amount),
      bytesPerDay: v.optional(amount),
      quietHours: v.optional(text(32)),
    }),
  ),
});
export type Descriptor = v.InferOutput<typeof descriptorSchema>;
export const descriptorMessage = defineMessage("descriptor", descriptorSchema);

/** A node's sign of life: each minute, and `online: false` as its last will. */
export const stateSchema = v.strictObject({
  ...nodeClaims,
  online: v.boolean(),
  /** Proofs that wait for a receipt. */
  outbox: count(),
});
export type State = v.InferOutput<typeof stateSchema>;
export const stateMessage = defineMessage("state", stateSchema);
