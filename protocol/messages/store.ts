import * as v from "valibot";
import type { Result } from "../../base/index.ts";
import type { ProtocolError } from "../errors.ts";
import { MAX_INLINE_BYTES, MAX_TARGET } from "../limits.ts";
import { readObject, type WireObject } from "./codec.ts";
import { amount, count, fixedBytes, hash, someBytes, text } from "./fields.ts";

/**
 * Assignments of kind `store`: keep an immutable blob under its SHA-256, give back a range of it, or forget it. `prove` answers a
 * challenge and is never assigned as such: it is what a challenge becomes inside the node.
 */
export const storeSpecSchema = v.variant("op", [
  v.strictObject({
    op: v.literal("put"),
    blob: hash,
    size: amount,
    /** The bytes themselves, or where to fetch them; exactly one. */
    inline: v.optional(someBytes(MAX_INLINE_BYTES)),
    url: v.optional(text(MAX_TARGET)),
  }),
  v.strictObject({ op: v.literal("get"), blob: hash, offset: amount, length: count(MAX_INLINE_BYTES, 1) }),
  v.strictObject({ op: v.literal("delete"), blob: hash }),
  v.strictObject({
    op: v.literal("prove"),
    blob: hash,
    offset: amount,
    length: count(MAX_INLINE_BYTES, 1),
    salt: fixedBytes(16),
  }),
]);
export type StoreSpec = v.InferOutput<typeof storeSpecSchema>;

export const storeEvidenceSchema = v.variant("op", [
  v.strictObject({ op: v.literal("put"), blob: hash, size: amount }),
  v.strictObject({ op: v.literal("get"), blob: hash, offset: amount, data: someBytes(MAX_INLINE_BYTES) }),
  v.strictObject({ op: v.literal("delete"), blob: hash, existed: v.boolean() }),
  /** `answer`: SHA-256 of the salt followed by the range. */
  v.strictObject({ op: v.literal("prove"), blob: hash, answer: hash }),
]);
export type StoreEvidence = v.InferOutput<typeof storeEvidenceSchema>;

/** The specification of a `store` assignment, or what is wrong with it. */
export function parseStoreSpec(spec: WireObject): Result<StoreSpec, ProtocolError> {
  return readObject(spec, storeSpecSchema, "spec");
}

/** The evidence in a `store` proof, or what is wrong with it. */
export function parseStoreEvidence(evidence: WireObject): Result<StoreEvidence, ProtocolError> {
  return readObject(evidence, storeEvidenceSchema, "evidence");
}
