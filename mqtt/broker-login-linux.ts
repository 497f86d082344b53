import { BaseError, messageOf, readFileBounded, writeFileDurably } from "../base/index.ts";
import type { SigningKey } from "../protocol/index.ts";
import { isCertificateFor, issueCertificate, parseCertificates, privateKeyPem } from "./certificate.ts";
import { MqttError } from "./errors.ts";
import { MAX_LOGIN_FILE_BYTES } from "./limits.ts";
import type { LinkOptions } from "./link.ts";
import { parseBrokerUrl } from "./transports/mqtt-link.ts";

/** How a configuration says to reach the broker; paths are absolute or from the working directory. */
export interface BrokerSettings {
  readonly url: string;
  readonly ca_file?: string | undefined;
  readonly certificate_file?: string | undefined;
  readonly username?: string | undefined;
  readonly password_file?: string | undefined;
}

/** Who logs in. */
export interface BrokerIdentity {
  readonly key: SigningKey;
  readonly seed: Uint8Array;
  /** Where the own certificate is kept once it is made. */
  readonly certificateCache: string;
  /** A bookkeeper signs its own certificate as the authority of its network; everybody else's is self-signed. */
  readonly isAuthority: boolean;
  /** 16 random bytes. */
  readonly serialNumber: Uint8Array;
  /** In place of `password_file`. */
  readonly password?: string | undefined;
}

/**
 * Reads what a link needs to log in: the password, and for `mqtts` whom to trust and a certificate over the own key (the configured one, else
 * one of its own making). Throws MqttError `bad-url` and `bad-login`.
 */
export async function readBrokerLogin(
  settings: BrokerSettings,
  identity: BrokerIdentity,
): Promise<Pick<LinkOptions, "url" | "username" | "password" | "tls">> {
  const { url, username } = settings;
  const { secure } = parseBrokerUrl(url);
  const password =
    settings.password_file === undefined ? identity.password : (await readSetting(settings.password_file)).trimEnd();
  const login = { url, ...(username === undefined ? {} : { username }), ...(password === undefined ? {} : { password }) };
  if (!secure) return login;
  const ca = settings.ca_file === undefined ? {} : { ca: await readCertificates(settings.ca_file) };
  const certificate =
    settings.certificate_file === undefined
      ? await ownCertificate(identity)
      : await readOwnCertificate(settings.certificate_file, identity);
  return { ...login, tls: { ...ca, certificate, key: privateKeyPem(identity.seed) } };
}

async function readSetting(path: string): Promise<string> {
  try {
    return Buffer.from(await readFileBounded(path, MAX_LOGIN_FILE_BYTES)).toString();
  } catch (cause) {
    throw new MqttError("bad-login", `[broker] names ${path}, which cannot be read: ${messageOf(cause)}`, { cause });
  }
}

/** TLS would take a damaged authority for none, and break off at a damaged certificate. */
async function readCertificates(path: string): Promise<string> {
  const pem = await readSetting(path);
  let count: number;
  try {
    count = parseCertificates(pem).length;
  } catch (cause) {
    throw new MqttError("bad-login", `[broker] names ${path}, which is damaged: ${messageOf(cause)}`, { cause });
  }
  if (count === 0) throw new MqttError("bad-login", `[broker] names ${path}, which holds no certificate (PEM)`);
  return pem;
}

async function readOwnCertificate(path: string, { key, seed }: BrokerIdentity): Promise<string> {
  const pem = await readCertificates(path);
  if (isCertificateFor(seed, pem)) return pem;
  throw new MqttError(
    "bad-login",
    `[broker] names ${path}, which is not for the key of ${key.id}; the operator makes one for it`,
  );
}

/** The own certificate, made once: the library that makes it is heavier than the rest of the program. */
async function ownCertificate({ key, seed, certificateCache, serialNumber, isAuthority }: BrokerIdentity): Promise<string> {
  try {
    const cached = Buffer.from(await readFileBounded(certificateCache, MAX_LOGIN_FILE_BYTES)).toString();
    if (isUsable(seed, cached)) return cached;
  } catch (thrown) {
    if (!(thrown instanceof BaseError) || thrown.code !== "file-missing") throw thrown;
  }
  const request = { commonName: key.id, publicKey: key.publicKey, use: "node" as const, serialNumber };
  const certificate = await issueCertificate(request, { commonName: key.id, seed, as: isAuthority ? "authority" : "self" });
  await writeFileDurably(certificateCache, Buffer.from(certificate), { mode: 0o644 });
  return certificate;
}

/** A copy that is damaged, or of a key that this was before, is made anew. */
function isUsable(seed: Uint8Array, cached: string): boolean {
  try {
    return isCertificateFor(seed, cached);
  } catch {
    return false;
  }
}
