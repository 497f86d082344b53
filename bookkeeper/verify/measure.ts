import { type MeasureSpec, parseMeasureEvidence, parseMeasureSpec } from "../../protocol/index.ts";
import { type Ceiling, checkCeiling } from "./ceilings.ts";
import { fails, type KindVerifier } from "./verifier.ts";

/** A measurement ends after two minutes; starting its child on a slow router takes some seconds more. Milliseconds. */
const MAX_WALL_MS = 150_000;

/** CPU of starting the child, and of one probe, on the slowest machine. Microseconds. */
const CPU_MICROS = { start: 20_000_000, probe: 500_000 };

/** The child, and what it starts, in bytes. */
const MEMORY_BYTES = 512 * 2 ** 20;

/** What one probe moves in either direction, bodies not counted, in bytes: look-ups, handshakes, headers, retries. */
const PROBE_BYTES = { ping: 8 * 1024, dns: 64 * 1024, tcp: 64 * 1024, http: 256 * 1024 } as const;

/** Bodies of HTTP answers: of one, and of a whole assignment, in bytes. */
const BODY_BYTES = { probe: 10 * 2 ** 20, task: 64 * 2 ** 20 };

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
    let answeredMicros = 0;
    for (const result of results) {
      if (result.sent > count || result.rttMicros.length > result.sent) {
        return fails("bad-evidence", `${result.rttMicros.length} answers to ${result.sent} probes where ${count} were asked for`);
      }
      if (result.rttMicros.length < count && result.failure === undefined)
        return fails("bad-evidence", `${result.rttMicros.length} answers of ${count}, and no reason why`);
      const slowest = Math.max(0, ...result.rttMicros, result.phasesMicros?.total ?? 0);
      if (slowest > (timeoutMs + 1_000) * 1000)
        return fails("bad-evidence", "an answer that came after the wait for it had ended");
      // Only ping has several probes under way at once.
      answeredMicros += method === "ping" ? slowest : result.rttMicros.reduce((sum, micros) => sum + micros, 0);
      if (Math.max(slowest, answeredMicros) > ranMicros)
        return fails("implausible-time", "its answers took longer than the whole task");
    }
    return checkCeiling(proof, ceilingOf(spec.value));
  },
};

function ceilingOf({ method, targets, count }: MeasureSpec): Ceiling {
  // A name is looked up before it is asked.
  const probes = targets.length * (count + 1);
  const ways = probes * PROBE_BYTES[method];
  return {
    wallMs: MAX_WALL_MS,
    cpuMicros: CPU_MICROS.start + probes * CPU_MICROS.probe,
    memoryBytes: MEMORY_BYTES,
    upBytes: ways,
    downBytes: ways + (method === "http" ? Math.min(probes * BODY_BYTES.probe, BODY_BYTES.task) : 0),
  };
}
