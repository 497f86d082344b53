import { messageOf } from "../base/index.ts";

/** What TLS's error codes mean here, and what to do. Codes: Node's, from OpenSSL's verification results and TLS alerts (RFC 8446 section 6). */
const MEANINGS: Readonly<Record<string, string>> = {
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA:
    'the broker does not know who signed this certificate; the operator of the network makes one with "bonusnode certify node"',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    'the broker wants a certificate; the operator makes one with "bonusnode certify node", [broker] certificate_file names it',
  SELF_SIGNED_CERT_IN_CHAIN: "the broker's certificate is not signed by the authority in [broker] ca_file",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the broker's certificate is not signed by the authority in [broker] ca_file",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the broker's certificate is not signed by the authority in [broker] ca_file",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the broker's certificate is not signed by the authority in [broker] ca_file",
  ERR_TLS_CERT_ALTNAME_INVALID: "the broker's certificate is for another name than the one in [broker] url",
  CERT_NOT_YET_VALID: "the broker's certificate is not valid yet; is the clock of this device right?",
  CERT_HAS_EXPIRED: "the broker's certificate has expired; or is the clock of this device wrong?",
  ECONNREFUSED: "nothing listens there; is the broker running?",
  ENOTFOUND: "the broker's name is not known; is there a network?",
  EAI_AGAIN: "the broker's name cannot be looked up now; is there a network?",
};

/** Why a connection failed, in words that say what to do where that is known. */
export function describeLinkTrouble(thrown: unknown): string {
  const { code } = (thrown ?? {}) as { code?: unknown };
  const meaning = typeof code === "string" && Object.hasOwn(MEANINGS, code) ? MEANINGS[code] : undefined;
  return meaning === undefined ? messageOf(thrown) : `${meaning} (${String(code)})`;
}
