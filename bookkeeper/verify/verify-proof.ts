import { bytesEqual, sha256 } from "../../base/index.ts";
import {
  assignmentMessage,
  type ChainHead,
  challengeMessage,
  encodeObject,
  type Proof,
  type WireObject,
} from "../../protocol/index.ts";
import type { AssignmentRow } from "../ledger/assignments-store.ts";
import { computeVerifier } from "./compute.ts";
import { measureVerifier } from "./measure.ts";
import { checkPlausible } from "./plausibility.ts";
import { storeVerifier } from "./store.ts";
import { type Claim, type Finding, fails, HOLDS, type KindVerifier } from "./verifier.ts";

/** A challenge says nothing of attempts: its node may answer it as often as crashes make it. */
const CHALLENGE_ATTEMPTS = 10;

const VERIFIERS: ReadonlyMap<string, KindVerifier> = new Map(
  [measureVerifier, storeVerifier, computeVerifier].map((verifier) => [verifier.kind, verifier]),
);

/** The verifier of a kind, undefined where there is none. */
export function verifierOf(kind: string): KindVerifier | undefined {
  return VERIFIERS.get(kind);
}

/** How a proof stands to the chain that the ledger holds. */
export type ChainPosition = "next" | "gap" | "held-before";

/** Where a proof belongs: it is the next one, it comes too early, or its place is behind the head already. */
export function positionInChain(proof: Proof, head: ChainHead | undefined): ChainPosition {
  if (head === undefined) return proof.prev.every((byte) => byte === 0) ? "next" : "gap";
  if (proof.bootCount < head.bootCount || (proof.bootCount === head.bootCount && proof.seq <= head.seq)) return "held-before";
  const isNextSeq = proof.bootCount === head.bootCount ? proof.seq === head.seq + 1 : proof.seq === 1;
  return isNextSeq && bytesEqual(proof.prev, head.hash) ? "next" : "gap";
}

/** When a beacon was published. */
export interface CitedBeacon {
  readonly height: number;
  readonly atMs: number;
}

/**
 * Whether a proof that stands in its place in the chain is true as far as this bookkeeper can tell: it is about an assignment of that
 * node, was not answered before, cites a beacon no older than the assignment, commits to its evidence, used what the machine can
 * give, and satisfies the verifier of its kind. Pure.
 */
export function verifyProof(claim: Claim, cited: CitedBeacon | undefined): Finding {
  const { proof, assignment } = claim;
  if (!bytesEqual(assignment.node, proof.issuer)) return fails("not-this-node", "the assignment was for another node");
  if (assignment.state === "proved" || assignment.state === "failed")
    return fails("already-proved", "the assignment was proved before");
  if (proof.kind !== assignment.kind) return fails("wrong-kind", `the assignment is of kind ${assignment.kind}`);
  if (proof.attempt > claim.maxAttempts) return fails("too-many-attempts", `attempt ${proof.attempt} of ${claim.maxAttempts}`);
  if (cited === undefined)
    return fails("unknown-beacon", "it cites no beacon of this bookkeeper, or one too old to be remembered");
  if (cited.height < assignment.beaconHeight)
    return fails("older-than-assignment", "it cites a beacon from before the assignment");
  if (!bytesEqual(sha256(encodeObject(proof.evidence)), proof.result))
    return fails("result-mismatch", "it commits to other evidence");
  const plausible = checkPlausible(claim);
  if (!plausible.ok) return plausible;
  // Failed work earns nothing, so there is nothing more to hold against it.
  if (proof.outcome === "failed") return checkFailure(claim);
  const verifier = verifierOf(proof.kind);
  return verifier === undefined ? fails("wrong-kind", `no verifier for kind ${proof.kind}`) : verifier.verify(claim);
}

function checkFailure({ proof, spec }: Claim): Finding {
  if (proof.reason === undefined) return fails("bad-evidence", "it failed for no reason given");
  const blob = spec["blob"] ?? spec["module"];
  const isLost = proof.reason === "blob-missing" || proof.reason === "blob-damaged";
  return isLost && blob instanceof Uint8Array ? { ok: true, effects: [{ kind: "removed", blob }] } : HOLDS;
}

/** The specification that an assignment or challenge of this bookkeeper carries. */
export function specOf(assignment: AssignmentRow): { readonly spec: WireObject; readonly maxAttempts: number } {
  if (assignment.role === "challenge") {
    const challenge = challengeMessage.decode(assignment.payload);
    if (!challenge.ok) throw challenge.error;
    const { blob, offset, length, salt } = challenge.value;
    return { spec: { op: "prove", blob, offset, length, salt }, maxAttempts: CHALLENGE_ATTEMPTS };
  }
  const decoded = assignmentMessage.decode(assignment.payload);
  if (!decoded.ok) throw decoded.error;
  return { spec: decoded.value.spec, maxAttempts: decoded.value.maxAttempts };
}
