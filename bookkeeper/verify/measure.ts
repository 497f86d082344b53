import { parseMeasureEvidence, parseMeasureSpec } from "../../protocol/index.ts";
import { fails, HOLDS, type KindVerifier } from "./verifier.ts";

/**
 * Proofs of kind `measure`. What a node saw of the network cannot be repeated elsewhere; what can be checked is that every target was
 * asked as often as told, that no answer outlasts the wait allowed for it, and that the times fit into the time the task took.
 */
export const measureVerifier: KindVerifier = {
  kind: "measure",
  verify: ({ proof, spec: rawSpec }) => {
    const spec = parseMeasureSpec(rawSpec);
    const evidence = parseMeasureEvidence(proof.evidence);
    if (!spec.ok) return fails("bad-evidence", spec.error.message);
    if (!evidence.ok) return fails("bad-evidence", evidence.error.message);
    const { method, targets, count, timeoutMs } = spec.value;
    const { results } = evidence.value;
    if (evidence.value.method !== method)
      return fails("bad-evidence", `it measured with ${evidence.value.method}, not ${method}`);
    if (results.length !== targets.length || results.some((result, index) => result.target !== targets[index])) {
      return fails("bad-evidence", "its results are not those of the targets, one each, in order");
    }
    const ranMicros = (proof.interval.toMs - proof.interval.fromMs + 1) * 1000;
    for (const result of results) {
      if (result.sent > count || result.rttMicros.length > result.sent) {
        return fails("bad-evidence", `${result.rttMicros.length} answers to ${result.sent} probes where ${count} were asked for`);
      }
      if (result.rttMicros.length === 0 && result.failure === undefined)
        return fails("bad-evidence", "no answers and no reason why");
      const slowest = Math.max(0, ...result.rttMicros, result.phasesMicros?.total ?? 0);
      if (slowest > (timeoutMs + 1_000) * 1000)
        return fails("bad-evidence", "an answer that came after the wait for it had ended");
      if (slowest > ranMicros) return fails("implausible-time", "an answer took longer than the whole task");
    }
    return HOLDS;
  },
};
