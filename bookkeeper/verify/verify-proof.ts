import { bytesEqual, sha256 } from "../../base/index.ts";
import { type ChainHead, encodeObject, type Proof } from "../../protocol/index.ts";
import type { AssignmentState, AssignmentTerms } from "../ledger/assignments-store.ts";
import { computeVerifier } from "./compute.ts";
import { measureVerifier } from "./measure.ts";
import { checkPlausible } from "./plausibility.ts";
import { storeVerifier } from "./store.ts";
import { type Claim, type Finding, fails, HOLDS, type KindVerifier } from "./verifier.ts";

const VERIFIERS: ReadonlyMap<string, KindVerifier> = new Map(
  [measureVerifier, storeVerifier, computeVerifier].map((verifier) => [verifier.kind, verifier]),
);

/** The verifier of a kind, undefined where there is none. */
export function verifierOf(kind: string): KindVerifier | undefined {
  return VERIFIERS.get(kind);
}

const ANSWERED: ReadonlySet<AssignmentState> = new Set(["proved", "failed", "rejected"]);

/** Whether a proof of the assignment was judged already. A refused one counts: who lied has no second try. */
export function isAnswered({ state }: Pick<AssignmentTerms, "state">): boolean {
  return ANSWERED.has(state);
}

/** How a proof stands to the chain that the ledger holds. */
export type ChainPosition = "next" | "gap" | "held-before";

/** Where a proof belongs: it is the next one, it comes too early, or its place is behind the head already. */
export function positionInChain(proof: Proof, head: ChainHead | undefined): ChainPosition {
  if (head === undefined) return proof.seq === 1 && proof.prev.every((byte) => byte === 0) ? "next" : "gap";
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
  if (isAnswered(assignment)) return fails("already-proved", `the assignment was answered before: ${assignment.state}`);
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
  if (verifier === undefined) return fails("wrong-kind", `no verifier for kind ${proof.kind}`);
  const finding = verifier.verify(claim);
  // Nothing is credited that was not looked at.
  return finding.ok && finding.unchecked !== undefined ? fails("wrong-answer", finding.unchecked) : finding;
}

function checkFailure({ proof, spec }: Claim): Finding {
  if (proof.reason === undefined) return fails("bad-evidence", "it failed for no reason given");
  const blob = spec["blob"] ?? spec["module"];
  const isLost = proof.reason === "blob-missing" || proof.reason === "blob-damaged";
  return isLost && blob instanceof Uint8Array ? { ok: true, effects: [{ kind: "removed", blob }] } : HOLDS;
}
