import * as v from "valibot";
import type { Result } from "../../base/index.ts";
import type { ProtocolError } from "../errors.ts";
import { MAX_INLINE_BYTES } from "../limits.ts";
import { readObject, type WireObject } from "./codec.ts";
import { amount, anyText, count, fixedBytes, hash, ISOLATION_LEVELS, isolation, listOf, someBytes, text } from "./fields.ts";

/**
 * Assignments of kind `compute`: run a WASI preview 1 command module that the node holds as a blob. The module sees its arguments,
 * its standard input, a clock that stands still at `epochSeconds` and random bytes drawn from `seed`: the same assignment gives
 * the same output on every node, which is what spot checks compare.
 */
export const computeSpecSchema = v.strictObject({
  module: hash,
  args: listOf(anyText(1024), 32),
  stdin: v.optional(someBytes(MAX_INLINE_BYTES)),
  seed: fixedBytes(32),
  epochSeconds: count(2 ** 32 - 1),
  limits: v.strictObject({
    wallMs: count(3_600_000, 10),
    cpuMs: count(3_600_000, 10),
    /** Linear memory, in bytes; a multiple of the 64 KiB page counts. */
    memoryBytes: count(2 ** 32, 65_536),
    /** Standard output, in bytes. */
    outputBytes: count(16 * 2 ** 20),
  }),
  /** The weakest isolation that its owner accepts. */
  isolation: v.picklist(ISOLATION_LEVELS),
});
export type ComputeSpec = v.InferOutput<typeof computeSpecSchema>;

export const computeEvidenceSchema = v.strictObject({
  isolation,
  /** The engine and its version. */
  engine: text(64),
  /** What the module ended with; absent when it did not end by itself. */
  exitCode: v.optional(count(2 ** 32 - 1)),
  /** SHA-256 and size of the whole standard output; the output itself where it fits, else it is a blob of the node. */
  stdoutHash: hash,
  stdoutSize: amount,
  stdout: v.optional(someBytes(MAX_INLINE_BYTES)),
  /** The last bytes of standard error. */
  stderr: v.optional(someBytes(1024)),
  /** Most memory that the process held, in bytes. */
  peakMemoryBytes: amount,
});
export type ComputeEvidence = v.InferOutput<typeof computeEvidenceSchema>;

/** The specification of a `compute` assignment, or what is wrong with it. */
export function parseComputeSpec(spec: WireObject): Result<ComputeSpec, ProtocolError> {
  return readObject(spec, computeSpecSchema, "spec");
}

/** The evidence in a `compute` proof, or what is wrong with it. */
export function parseComputeEvidence(evidence: WireObject): Result<ComputeEvidence, ProtocolError> {
  return readObject(evidence, computeEvidenceSchema, "evidence");
}
