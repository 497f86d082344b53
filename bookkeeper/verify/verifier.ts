import type { Descriptor, Proof, ReceiptReason, WireObject } from "../../protocol/index.ts";
import type { JudgedAssignment } from "../ledger/assignments-store.ts";
import type { Placement } from "../ledger/placements-store.ts";

/** What a verifier looks at. All of it is authentic: the proof is the node's, the assignment this bookkeeper's. */
export interface Claim {
  readonly proof: Proof;
  readonly assignment: Omit<JudgedAssignment, "issued">;
  /** The specification that was issued; of a challenge, the question as a `prove` operation. */
  readonly spec: WireObject;
  /** How often the node may have begun it. */
  readonly maxAttempts: number;
  readonly descriptor: Descriptor;
  /** Milliseconds since 1970 at which the proof arrived. */
  readonly receivedAtMs: number;
  /** What the ledger says of a blob on this node. */
  readonly placement: (blob: Uint8Array) => Omit<Placement, "item"> | undefined;
  /** Bytes of a content that this bookkeeper placed; undefined where it no longer has them. */
  readonly readContent: (blob: Uint8Array, offset: number, length: number) => Uint8Array | undefined;
}

/** What follows from a proof that held, besides its credit. */
export type Effect =
  | { readonly kind: "placed"; readonly blob: Uint8Array; readonly size: number }
  | { readonly kind: "kept"; readonly blob: Uint8Array; readonly byteSeconds: bigint }
  | { readonly kind: "removed"; readonly blob: Uint8Array };

/** A proof that holds. `unchecked`: nothing is wrong with it, but this could not be looked at. */
export interface Holding {
  readonly ok: true;
  readonly effects: readonly Effect[];
  readonly unchecked?: string;
}

/** Why a proof does not hold. */
export interface Failing {
  readonly ok: false;
  readonly reason: ReceiptReason;
  readonly detail: string;
}

/** Whether a proof holds, and why not. */
export type Finding = Holding | Failing;

/** The finding that nothing is wrong. */
export const HOLDS: Holding = { ok: true, effects: [] };

/** The finding that something is. */
export function fails(reason: ReceiptReason, detail: string): Failing {
  return { ok: false, reason, detail: detail.slice(0, 200) };
}

/** Checks the proofs of one kind; the twin of the agent's service of that kind. Pure. */
export interface KindVerifier {
  readonly kind: string;
  verify(claim: Claim): Finding;
}
