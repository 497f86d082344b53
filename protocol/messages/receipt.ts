import * as v from "valibot";
import { defineMessage } from "./codec.ts";
import { amount, bookkeeperClaims, count, fixedBytes, hash, publicKey, text, tier } from "./fields.ts";
import { RECEIPT_REASONS } from "./reasons.ts";

/** The last proof of a node that a bookkeeper holds; the next one must name its hash. */
const chainHead = v.strictObject({ bootCount: count(2 ** 32 - 1, 1), seq: count(2 ** 32 - 1, 1), hash });
export type ChainHead = v.InferOutput<typeof chainHead>;

/**
 * A bookkeeper's signed word. To a descriptor: the node is registered, and this is where its chain stands. To proofs
 * `fromSeq`..`toSeq` of one bootCount: accepted, or refused for good with a reason; both release the outbox. `gap` releases
 * nothing: it names the head after which the bookkeeper waits for the next proof.
 */
export const receiptSchema = v.strictObject({
  ...bookkeeperClaims,
  node: publicKey,
  subject: v.picklist(["descriptor", "proof"]),
  status: v.picklist(["accepted", "refused", "gap"]),
  /** Milliseconds since 1970 at which the bookkeeper received it. */
  receivedAtMs: count(),
  bootCount: v.optional(count(2 ** 32 - 1, 1)),
  fromSeq: v.optional(count(2 ** 32 - 1, 1)),
  toSeq: v.optional(count(2 ** 32 - 1, 1)),
  /** Hash of the proof `toSeq`, or of the descriptor. */
  hash: v.optional(fixedBytes(32)),
  reason: v.optional(v.picklist(RECEIPT_REASONS)),
  detail: v.optional(text()),
  head: v.optional(chainHead),
  /** On a descriptor: the tier that this bookkeeper takes the node for. Where it is below the claimed one, `detail` says why. */
  tier: v.optional(tier),
  /** Contribution credited for these proofs, in micro-points. */
  credited: v.optional(amount),
  /** The node's whole contribution after them, in micro-points. */
  total: v.optional(amount),
});
export type Receipt = v.InferOutput<typeof receiptSchema>;
export const receiptMessage = defineMessage("receipt", receiptSchema);

/**
 * A bookkeeper's pulse, each a few seconds after the last. Its hash (of the payload) cannot be known before it is published, so
 * whoever cites it signed later than that.
 */
export const beaconSchema = v.strictObject({
  ...bookkeeperClaims,
  height: count(),
  /** Hash of the beacon before; 32 zero bytes for height 0. */
  prev: fixedBytes(32),
  /** Random. */
  salt: fixedBytes(16),
});
export type Beacon = v.InferOutput<typeof beaconSchema>;
export const beaconMessage = defineMessage("beacon", beaconSchema);
