import { bytesEqual, concatBytes, sha256 } from "../../base/index.ts";
import { parseStoreEvidence, parseStoreSpec, type StoreEvidence, type StoreSpec } from "../../protocol/index.ts";
import { KEEPING_SLACK_MS } from "../limits.ts";
import { type Ceiling, checkCeiling, MESSAGE_TRAFFIC_BYTES } from "./ceilings.ts";
import { type Claim, type Effect, type Finding, fails, HOLDS, type KindVerifier } from "./verifier.ts";

/** How long an operation takes at most: on a slow flash, and with a download. Milliseconds. */
const MAX_WALL_MS = { local: 120_000, download: 660_000 };

/** CPU of any operation, and of each byte of a download on the slowest machine: a megabyte a second. Microseconds. */
const CPU_MICROS = { operation: 10_000_000, byte: 1 };

/** Resident bytes of an agent that keeps blobs. */
const MEMORY_BYTES = 256 * 2 ** 20;

/** What a download moves beside the blob itself: headers, a handshake, and a tenth of it for TLS and chunks. */
const DOWNLOAD_SLACK = { bytes: 2 ** 20, divisor: 10 };

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
    const { op, blob } = spec.value;
    if (evidence.value.op !== op || !bytesEqual(evidence.value.blob, blob))
      return fails("bad-evidence", "it is about another operation or blob");
    for (const check of [checkCeiling(claim.proof, ceilingOf(spec.value)), checkByteSeconds(claim, blob)])
      if (!check.ok) return check;
    const operation = checkOperation(claim, spec.value, evidence.value);
    const byteSeconds = claim.proof.usage.diskByteSeconds;
    if (!operation.ok || byteSeconds === 0n) return operation;
    return { ...operation, effects: [{ kind: "kept", blob, byteSeconds }, ...operation.effects] };
  },
};

function ceilingOf(spec: StoreSpec): Ceiling {
  const local = { wallMs: MAX_WALL_MS.local, cpuMicros: CPU_MICROS.operation, memoryBytes: MEMORY_BYTES };
  if (spec.op !== "put" || spec.url === undefined)
    return { ...local, upBytes: MESSAGE_TRAFFIC_BYTES, downBytes: MESSAGE_TRAFFIC_BYTES };
  const size = Number(spec.size);
  const aroundIt = Math.ceil(size / DOWNLOAD_SLACK.divisor) + DOWNLOAD_SLACK.bytes;
  const cpuMicros = local.cpuMicros + size * CPU_MICROS.byte;
  return { ...local, wallMs: MAX_WALL_MS.download, cpuMicros, upBytes: aroundIt, downBytes: size + aroundIt };
}

/** Claims may arrive long after they were made and out of step with each other, so it is their sum that has to fit the time. */
function checkByteSeconds({ proof, placement, receivedAtMs }: Claim, blob: Uint8Array): Finding {
  const claimed = proof.usage.diskByteSeconds;
  if (claimed === 0n) return HOLDS;
  const placed = placement(blob);
  if (placed === undefined) return fails("implausible-disk", "it claims to have kept a blob that was never placed on it");
  const keptMs = Math.max(0, receivedAtMs - placed.placedMs) + KEEPING_SLACK_MS;
  const ceiling = (BigInt(placed.size) * BigInt(keptMs)) / 1000n;
  const sum = placed.claimed + claimed;
  return sum <= ceiling
    ? HOLDS
    : fails("implausible-disk", `${sum} byte-seconds claimed in all, where only ${ceiling} can have passed`);
}

function checkOperation(claim: Claim, spec: StoreSpec, evidence: StoreEvidence): Finding {
  const { blob } = spec;
  if (spec.op === "put" && evidence.op === "put") {
    if (evidence.size !== spec.size) return fails("bad-evidence", "the size is not the blob's");
    return withEffects([{ kind: "placed", blob, size: Number(spec.size) }]);
  }
  if (spec.op === "delete") return withEffects([{ kind: "removed", blob }]);
  if (spec.op === "get" && evidence.op === "get") {
    if (evidence.data.length !== spec.length || evidence.offset !== spec.offset)
      return fails("bad-evidence", "it is another range");
    const expected = claim.readContent(blob, Number(spec.offset), spec.length);
    return checkAnswer(expected, (range) => bytesEqual(range, evidence.data));
  }
  if (spec.op === "prove" && evidence.op === "prove") {
    const range = claim.readContent(blob, Number(spec.offset), spec.length);
    return checkAnswer(range, (bytes) => bytesEqual(sha256(concatBytes(spec.salt, bytes)), evidence.answer));
  }
  return fails("bad-evidence", "it is about another operation");
}

/** Where the content is not at hand nothing is held against the node, but nothing speaks for it either. */
function checkAnswer(range: Uint8Array | undefined, isRight: (range: Uint8Array) => boolean): Finding {
  if (range === undefined) return { ...HOLDS, unchecked: "the content to check the answer with is not here" };
  return isRight(range) ? HOLDS : fails("wrong-answer", "the answer is not the blob's");
}

function withEffects(effects: readonly Effect[]): Finding {
  return { ok: true, effects };
}
