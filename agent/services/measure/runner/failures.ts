import type { Failure } from "./job.ts";

/** The failures that methods share: whose doing, and a short constant phrase. */

export const TIMED_OUT: Failure = { source: "target", what: "timed out" };
export const NO_SUCH_NAME: Failure = { source: "target", what: "no such name" };
export const NO_ADDRESS: Failure = { source: "resolver", what: "no address for this name" };
export const RESOLVER_TIMED_OUT: Failure = { source: "resolver", what: "timed out" };
export const NO_TIME_LEFT: Failure = { source: "internal", what: "no time left in this assignment" };
export const NO_RESOLVER: Failure = { source: "internal", what: "no name server is configured here" };

/** System errors (errno(3)) that say something about the other side or the path to it. */
const TARGET_ERRORS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  EPIPE: "connection reset",
  ETIMEDOUT: "timed out",
  EHOSTUNREACH: "host unreachable",
  EHOSTDOWN: "host unreachable",
};

/** System errors that say something about this node. */
const INTERNAL_ERRORS: Readonly<Record<string, string>> = {
  ENETUNREACH: "network unreachable",
  ENETDOWN: "network unreachable",
  EADDRNOTAVAIL: "no address of this family here",
  EAFNOSUPPORT: "no address of this family here",
  EACCES: "not permitted here",
  EPERM: "not permitted here",
  EMFILE: "too many open files here",
  ENFILE: "too many open files here",
};

/** What Node's HTTP parser and TLS answer (https://nodejs.org/api/errors.html, and X509_verify_cert_error_string(3)). */
const PROTOCOL_ERRORS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: "headers too large",
  CERT_HAS_EXPIRED: "certificate expired",
  CERT_NOT_YET_VALID: "certificate not yet valid",
  CERT_REVOKED: "certificate revoked",
  DEPTH_ZERO_SELF_SIGNED_CERT: "certificate not trusted",
  SELF_SIGNED_CERT_IN_CHAIN: "certificate not trusted",
  UNABLE_TO_GET_ISSUER_CERT: "certificate not trusted",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "certificate not trusted",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "certificate not trusted",
  CERT_UNTRUSTED: "certificate not trusted",
  INVALID_CA: "certificate not trusted",
  INVALID_PURPOSE: "certificate not for servers",
  ERR_TLS_CERT_ALTNAME_INVALID: "certificate for another name",
};

/** The failure behind an error that a socket, TLS or the HTTP parser gave. */
export function failureOf(error: unknown): Failure {
  const code = String((error as { code?: unknown } | undefined)?.code ?? "");
  const byTarget = lookUp(TARGET_ERRORS, code) ?? lookUp(PROTOCOL_ERRORS, code);
  if (byTarget !== undefined) return { source: "target", what: byTarget };
  const here = lookUp(INTERNAL_ERRORS, code);
  if (here !== undefined) return { source: "internal", what: here };
  if (code.startsWith("HPE_")) return { source: "target", what: "answer is not HTTP" };
  if (code === "EPROTO" || code.startsWith("ERR_SSL_") || code.startsWith("ERR_TLS_")) {
    return { source: "target", what: "TLS handshake failed" };
  }
  return { source: "internal", what: "unexpected error" };
}

/**
 * The failure of a DNS answer that carries no records (response codes: IANA DNS parameters); undefined for one without error.
 */
export function failureOfResponseCode(code: number): Failure | undefined {
  if (code === 0) return undefined;
  if (code === 3) return NO_SUCH_NAME;
  return { source: "resolver", what: RESPONSE_CODES[code] ?? "error answer" };
}

const RESPONSE_CODES: readonly (string | undefined)[] = [
  undefined,
  "query not understood",
  "server failure",
  undefined,
  "not implemented",
  "query refused",
];

function lookUp(table: Readonly<Record<string, string>>, code: string): string | undefined {
  return Object.hasOwn(table, code) ? table[code] : undefined;
}
