import { bytesEqual, sha256 } from "../../base/index.ts";
import { ISOLATION_LEVELS, parseComputeEvidence, parseComputeSpec } from "../../protocol/index.ts";
import { CPU_SLACK, TIME_SLACK_MS } from "../limits.ts";
import { fails, HOLDS, type KindVerifier } from "./verifier.ts";

/** Proofs of kind `compute`. A share of them is repeated here later and compared; this checks what needs no repeating. */
export const computeVerifier: KindVerifier = {
  kind: "compute",
  verify: ({ proof, spec: rawSpec }) => {
    const spec = parseComputeSpec(rawSpec);
    const parsed = parseComputeEvidence(proof.evidence);
    if (!spec.ok) return fails("bad-evidence", spec.error.message);
    if (!parsed.ok) return fails("bad-evidence", parsed.error.message);
    const evidence = parsed.value;
    const { limits } = spec.value;
    if (ISOLATION_LEVELS.indexOf(evidence.isolation.level) < ISOLATION_LEVELS.indexOf(spec.value.isolation)) {
      return fails("isolation-too-weak", `it ran with ${evidence.isolation.level}; ${spec.value.isolation} was demanded`);
    }
    if (evidence.exitCode === undefined) return fails("bad-evidence", "it is done, but ended with no exit code");
    if (evidence.stdoutSize > BigInt(limits.outputBytes)) return fails("bad-evidence", "its output is larger than allowed");
    if (evidence.stdout !== undefined) {
      const isSame =
        BigInt(evidence.stdout.length) === evidence.stdoutSize && bytesEqual(sha256(evidence.stdout), evidence.stdoutHash);
      if (!isSame) return fails("bad-evidence", "its output has not the size and hash that it states");
    }
    if (Number(proof.usage.cpuMicros) > limits.cpuMs * 1000 + CPU_SLACK.micros * 10) {
      return fails("implausible-cpu", "it used more CPU than its limit allows");
    }
    if (proof.interval.toMs - proof.interval.fromMs > limits.wallMs + 10 * TIME_SLACK_MS) {
      return fails("implausible-time", "it ran longer than its limit allows");
    }
    return HOLDS;
  },
};
