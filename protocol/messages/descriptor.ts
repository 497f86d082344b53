import * as v from "valibot";
import { defineMessage } from "./codec.ts";
import { amount, count, isolation, listOf, nodeClaims, openObject, text, tier } from "./fields.ts";

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
  /** Figures measured on the device: name, integer value, unit. */
  measured: listOf(v.strictObject({ name: text(64), value: amount, unit: text(32) })),
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
