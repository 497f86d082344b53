import { bytesEqual, sha256 } from "../../base/index.ts";
import { ISOLATION_LEVELS, parseComputeEvidence, parseComputeSpec } from "../../protocol/index.ts";
import { CPU_SLACK, TIME_SLACK_MS } from "../limits.ts";
import { checkCeiling, MESSAGE_TRAFFIC_BYTES } from "./ceilings.ts";
import { fails, type KindVerifier } from "./verifier.ts";

/** What the runtime around a module may hold: its start, compiled code, and what compiling takes. Bytes. */
const RUNTIME_BYTES = 512 * 2 ** 20;

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
    const mostBytes = limits.memoryBytes + RUNTIME_BYTES;
    if (evidence.peakMemoryBytes > BigInt(mostBytes))
      return fails("implausible-memory", `it held ${evidence.peakMemoryBytes} bytes at most; its limit allows ${mostBytes}`);
    return checkCeiling(proof, {
      wallMs: limits.wallMs + 10 * TIME_SLACK_MS,
      cpuMicros: limits.cpuMs * 1000 + 10 * CPU_SLACK.micros,
      memoryBytes: Number(evidence.peakMemoryBytes),
      upBytes: MESSAGE_TRAFFIC_BYTES,
      downBytes: MESSAGE_TRAFFIC_BYTES,
    });
  },
};
