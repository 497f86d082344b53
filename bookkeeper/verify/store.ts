import { bytesEqual, concatBytes, sha256 } from "../../base/index.ts";
import { parseStoreEvidence, parseStoreSpec, type StoreEvidence, type StoreSpec } from "../../protocol/index.ts";
import { TIME_SLACK_MS } from "../limits.ts";
import { type Claim, type Finding, fails, HOLDS, type KindVerifier } from "./verifier.ts";

/**
 * Proofs of kind `store`. A challenge's answer is computed again from this bookkeeper's own copy, and the byte-seconds of disk claimed for
 * a blob are, in all, no more than its size times the time since it was placed.
 */
export const storeVerifier: KindVerifier = {
  kind: "store",
  verify: (claim) => {
    const spec = parseStoreSpec(claim.spec);
    const evidence = parseStoreEvidence(claim.proof.evidence);
    if (!spec.ok) return fails("bad-evidence", spec.error.message);
    if (!evidence.ok) return fails("bad-evidence", evidence.error.message);
    if (evidence.value.op !== spec.value.op || !bytesEqual(evidence.value.blob, spec.value.blob)) {
      return fails("bad-evidence", "it is about another operation or blob");
    }
    const kept = checkByteSeconds(claim, spec.value.blob);
    return kept.ok ? checkOperation(claim, spec.value, evidence.value) : kept;
  },
};

/** Claims may arrive long after they were made and out of step with each other, so it is their sum that has to fit the time. */
function checkByteSeconds({ proof, placement, receivedAtMs }: Claim, blob: Uint8Array): Finding {
  const claimed = proof.usage.diskByteSeconds;
  if (claimed === 0n) return HOLDS;
  const placed = placement(blob);
  if (placed === undefined) return fails("implausible-disk", "it claims to have kept a blob that was never placed on it");
  const ceiling = (BigInt(placed.size) * BigInt(Math.max(0, receivedAtMs - placed.placedMs) + TIME_SLACK_MS)) / 1000n;
  const sum = placed.claimed + claimed;
  return sum <= ceiling
    ? HOLDS
    : fails("implausible-disk", `${sum} byte-seconds claimed in all, where only ${ceiling} can have passed`);
}

function checkOperation(claim: Claim, spec: StoreSpec, evidence: StoreEvidence): Finding {
  const { blob } = spec;
  if (spec.op === "put" && evidence.op === "put") {
    if (evidence.size !== spec.size) return fails("bad-evidence", "the size is not the blob's");
    return { ok: true, effects: [{ kind: "placed", blob, size: Number(spec.size) }] };
  }
  if (spec.op === "delete") return { ok: true, effects: [{ kind: "removed", blob }] };
  if (spec.op === "get" && evidence.op === "get") {
    const expected = claim.readContent(blob, Number(spec.offset), spec.length);
    if (evidence.data.length !== spec.length || evidence.offset !== spec.offset)
      return fails("bad-evidence", "it is another range");
    if (expected !== undefined && !bytesEqual(expected, evidence.data))
      return fails("wrong-answer", "the bytes are not the blob's");
    return HOLDS;
  }
  if (spec.op === "prove" && evidence.op === "prove") {
    const range = claim.readContent(blob, Number(spec.offset), spec.length);
    if (range !== undefined && !bytesEqual(sha256(concatBytes(spec.salt, range)), evidence.answer)) {
      return fails("wrong-answer", "the challenge's answer is wrong");
    }
    return { ok: true, effects: [{ kind: "kept", blob, byteSeconds: claim.proof.usage.diskByteSeconds }] };
  }
  return fails("bad-evidence", "it is about another operation");
}
