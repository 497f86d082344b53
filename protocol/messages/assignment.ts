import * as v from "valibot";
import { MAX_INLINE_BYTES } from "../limits.ts";
import { defineMessage } from "./codec.ts";
import { amount, bookkeeperClaims, count, fixedBytes, hash, openObject, publicKey, taskId, text, tier } from "./fields.ts";

const commandClaims = {
  ...bookkeeperClaims,
  /** Seconds since 1970 after which the node must not take it; what it took before, it may finish later. */
  expiresAt: count(),
  /** Hash of the beacon current when it was issued; its proof must cite this one or a later one. */
  nonce: hash,
  id: taskId,
  /** The node it is for. */
  node: publicKey,
};

/** Work for one node. */
export const assignmentSchema = v.strictObject({
  ...commandClaims,
  kind: text(32),
  /** What to do, in the words of its kind. */
  spec: openObject,
  minTier: tier,
  /** How often the node may begin it, crashes counted. 1: never again once begun. */
  maxAttempts: count(10, 1),
});
export type Assignment = v.InferOutput<typeof assignmentSchema>;
export const assignmentMessage = defineMessage("assignment", assignmentSchema);

/** A question about a stored blob, at a time the node cannot foresee. It is answered by a proof of kind `store`. */
export const challengeSchema = v.strictObject({
  ...commandClaims,
  blob: hash,
  /** The range asked for, in bytes. */
  offset: amount,
  length: count(MAX_INLINE_BYTES, 1),
  /** Goes before the range into the hash that answers, so that no old answer serves. */
  salt: fixedBytes(16),
});
export type Challenge = v.InferOutput<typeof challengeSchema>;
export const challengeMessage = defineMessage("challenge", challengeSchema);
