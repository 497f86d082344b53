import * as v from "valibot";
import { defineMessage } from "./codec.ts";
import { count, fixedBytes, hash, nodeClaims, openObject, publicKey, taskId, text, usage } from "./fields.ts";
import { FAILURE_REASONS, REFUSAL_REASONS } from "./reasons.ts";

/** What a node claims about one assignment: that it ran, what came out, what it used. One chain per node. */
export const proofSchema = v.strictObject({
  ...nodeClaims,
  /** The bookkeeper that issued the assignment. */
  bookkeeper: publicKey,
  assignment: taskId,
  kind: text(32),
  attempt: count(10, 1),
  /** Counts the proofs of one bootCount from 1. */
  seq: count(2 ** 32 - 1, 1),
  /** Hash of the previous proof of this node; 32 zero bytes before the first. */
  prev: fixedBytes(32),
  /** When it ran, in milliseconds since the start numbered `bootCount` here (which may be an earlier one than the proof's). */
  interval: v.strictObject({ bootCount: count(2 ** 32 - 1, 1), fromMs: count(), toMs: count() }),
  usage,
  outcome: v.picklist(["done", "failed"]),
  /** Why it failed; absent when it is done. */
  reason: v.optional(v.picklist(FAILURE_REASONS)),
  detail: v.optional(text()),
  /** SHA-256 of the canonical encoding of `evidence`. */
  result: hash,
  /** What the verifier of its kind needs. */
  evidence: openObject,
});
export type Proof = v.InferOutput<typeof proofSchema>;
export const proofMessage = defineMessage("proof", proofSchema);

/** Why a node does not take an assignment. Nothing was run. */
export const refusalSchema = v.strictObject({
  ...nodeClaims,
  /** SHA-256 of the bytes that were refused, as they came. */
  refused: hash,
  /** Its id, where it could be read and believed. */
  assignment: v.optional(taskId),
  reason: v.picklist(REFUSAL_REASONS),
  detail: v.optional(text()),
});
export type Refusal = v.InferOutput<typeof refusalSchema>;
export const refusalMessage = defineMessage("refusal", refusalSchema);
