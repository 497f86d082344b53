import * as v from "valibot";
import type { Result } from "../../base/index.ts";
import type { ProtocolError } from "../errors.ts";
import { MAX_TARGET } from "../limits.ts";
import { readObject, type WireObject } from "./codec.ts";
import { count, listOf, text } from "./fields.ts";

export const MEASURE_METHODS = ["ping", "dns", "tcp", "http"] as const;

/**
 * Assignments of kind `measure`: how the network looks from this node. A target is a host name or address (`ping`), a domain name
 * (`dns`), `host:port` (`tcp`) or a URL (`http`).
 */
export const measureSpecSchema = v.strictObject({
  method: v.picklist(MEASURE_METHODS),
  targets: listOf(text(MAX_TARGET), 8, 1),
  /** Probes per target. */
  count: count(10, 1),
  /** Longest wait for one answer, in milliseconds. */
  timeoutMs: count(30_000, 100),
  /** `dns` only: the record type (default A) and the server's address (default: the system's servers). */
  recordType: v.optional(v.picklist(["A", "AAAA", "CNAME", "MX", "NS", "TXT"])),
  resolver: v.optional(text(64)),
});
export type MeasureSpec = v.InferOutput<typeof measureSpecSchema>;

/** One target's results. Times in microseconds, from the agent's own monotonic clock. */
export const measureResultSchema = v.strictObject({
  target: text(MAX_TARGET),
  /** The address that was really asked. */
  address: v.optional(text(64)),
  /** Probes sent. */
  sent: count(10),
  /** Time to each answer, in the order of arrival. */
  rttMicros: listOf(count(), 10),
  /** Why answers are missing, and whose doing it is. */
  failure: v.optional(v.strictObject({ source: v.picklist(["target", "resolver", "policy", "internal"]), what: text() })),
  /** `dns`: the records, as text. */
  answers: v.optional(listOf(text(512), 16)),
  /** `http`: status code, body bytes, and where the time of the last request went. */
  status: v.optional(count(999)),
  bodyBytes: v.optional(count()),
  phasesMicros: v.optional(
    v.strictObject({ dns: count(), connect: count(), tls: v.optional(count()), firstByte: count(), total: count() }),
  ),
});
export type MeasureResult = v.InferOutput<typeof measureResultSchema>;

export const measureEvidenceSchema = v.strictObject({
  method: v.picklist(MEASURE_METHODS),
  /** What took the times: the program ping(8), or the agent itself. */
  instrument: text(64),
  results: listOf(measureResultSchema, 8),
});
export type MeasureEvidence = v.InferOutput<typeof measureEvidenceSchema>;

/** The specification of a `measure` assignment, or what is wrong with it. */
export function parseMeasureSpec(spec: WireObject): Result<MeasureSpec, ProtocolError> {
  return readObject(spec, measureSpecSchema, "spec");
}

/** The evidence in a `measure` proof, or what is wrong with it. */
export function parseMeasureEvidence(evidence: WireObject): Result<MeasureEvidence, ProtocolError> {
  return readObject(evidence, measureEvidenceSchema, "evidence");
}
