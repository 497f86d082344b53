import { webcrypto, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import type { JsonName, X509CertificateCreateParams } from "@peculiar/x509";
import { toHex } from "../base/index.ts";
import { privateKeyOf } from "../protocol/index.ts";
import { MqttError } from "./errors.ts";

/**
 * X.509 certificates over Ed25519 keys that exist already. The node's key is its identity, so a certificate is only that identity in
 * the form TLS wants. They are valid from 1970 to the year 9999 (RFC 5280 section 4.1.2.5, as for IEEE 802.1AR device identities):
 * boxes without a clock must connect, and a key is withdrawn by the broker's access list, not by a date.
 */

const FROM = new Date(0);
const UNTIL = new Date("9999-12-31T23:59:59Z");

/** What a certificate is for. */
export interface CertificateRequest {
  /** Common name: the id of a node or bookkeeper, or a broker's host name. */
  readonly commonName: string;
  /** The 32-byte Ed25519 public key it is about. */
  readonly publicKey: Uint8Array;
  /** `node`: TLS client. `broker`: TLS server under `hosts`. `authority`: signs the others. */
  readonly use: "node" | "broker" | "authority";
  /** DNS names and IP addresses of a broker. */
  readonly hosts?: readonly string[];
  /** At most 19 bytes, new for every certificate. */
  readonly serialNumber: Uint8Array;
}

/** Who signs a certificate: a bookkeeper, as the authority of its network, or the subject itself. */
export interface CertificateSigner {
  /** The bookkeeper's id; for `self` the subject's common name. */
  readonly commonName: string;
  /** The 32-byte seed of its key. */
  readonly seed: Uint8Array;
  readonly as: "authority" | "self";
}

/** The certificate as PEM. Throws MqttError `bad-host`. */
export async function issueCertificate(request: CertificateRequest, signer: CertificateSigner): Promise<string> {
  // The library is loaded only here: a program that has its certificate already never pays for it.
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  const algorithm = { name: "Ed25519" };
  const signingKey = await webcrypto.subtle.importKey(
    "pkcs8",
    privateKeyOf(signer.seed).export({ format: "der", type: "pkcs8" }),
    algorithm,
    false,
    ["sign"],
  );
  const publicKey = await webcrypto.subtle.importKey("raw", new Uint8Array(request.publicKey), algorithm, true, ["verify"]);
  const { KeyUsageFlags, KeyUsagesExtension, ExtendedKeyUsageExtension, BasicConstraintsExtension } = x509;
  const isAuthority = request.use === "authority";
  const extensions = [
    new BasicConstraintsExtension(isAuthority, undefined, true),
    new KeyUsagesExtension(isAuthority ? KeyUsageFlags.keyCertSign : KeyUsageFlags.digitalSignature, true),
    await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ...(isAuthority ? [] : [new ExtendedKeyUsageExtension([request.use === "node" ? CLIENT_AUTH : SERVER_AUTH])]),
    ...(request.hosts === undefined ? [] : [new x509.SubjectAlternativeNameExtension(request.hosts.map(asGeneralName))]),
  ];
  const certificate = await x509.X509CertificateGenerator.create({
    // A serial number is positive: a first byte of 1 keeps the rest from looking like a sign or a padding.
    serialNumber: `01${toHex(request.serialNumber)}`,
    subject: distinguishedName(request.commonName, isAuthority),
    issuer: distinguishedName(signer.commonName, signer.as === "authority"),
    notBefore: FROM,
    notAfter: UNTIL,
    signingAlgorithm: algorithm,
    signingKey,
    publicKey,
    extensions,
  } as X509CertificateCreateParams);
  return `${certificate.toString("pem")}\n`;
}

/**
 * A bookkeeper signs as the authority under another name than it logs in with: a certificate whose issuer bears its own subject's name
 * would pass for self-signed. In parts, because in one text a comma in a name would begin another part.
 */
function distinguishedName(commonName: string, isAuthority: boolean): JsonName {
  return [...(isAuthority ? [{ O: ["authority"] }] : []), { CN: [commonName] }];
}

/** The private key of a seed as PEM (PKCS #8), for a TLS library. Keep it where the seed is kept. */
export function privateKeyPem(seed: Uint8Array): string {
  return privateKeyOf(seed).export({ format: "pem", type: "pkcs8" }).toString();
}

/** The certificates of a PEM text, in its order. Throws what OpenSSL says of one that is damaged. */
export function parseCertificates(pem: string): readonly X509Certificate[] {
  const texts = pem.split(/(?=-----BEGIN CERTIFICATE-----)/).filter((text) => text.startsWith("-----BEGIN CERTIFICATE-----"));
  return texts.map((text) => new X509Certificate(text));
}

/** Whether the first certificate of a PEM text is for the key of this seed. Throws what `parseCertificates` throws. */
export function isCertificateFor(seed: Uint8Array, pem: string): boolean {
  return parseCertificates(pem)[0]?.checkPrivateKey(privateKeyOf(seed)) === true;
}

/** Extended key usages (RFC 5280 section 4.2.1.12). */
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";

/** A DNS name (RFC 1123 section 2.1), the first part of which may be any; its last part is no number, or it were a broken address. */
const DNS_NAME = /^(?=.{1,253}$)(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*(?!\d+$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i;

function asGeneralName(host: string): { type: "ip" | "dns"; value: string } {
  if (isIP(host) !== 0 && !host.includes("%")) return { type: "ip", value: host };
  if (DNS_NAME.test(host)) return { type: "dns", value: host };
  throw new MqttError(
    "bad-host",
    `${JSON.stringify(host)} is no host name and no address; write it as in broker.example.org or 192.0.2.1`,
  );
}
