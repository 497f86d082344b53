import { readFile } from "node:fs/promises";
import { BaseError, messageOf, readFileBounded, writeFileDurably } from "../base/index.ts";
import type { SigningKey } from "../protocol/index.ts";
import { issueCertificate, privateKeyPem } from "./certificate.ts";
import { MqttError } from "./errors.ts";
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

/** A certificate file larger than this is not one, in bytes. */
const MAX_PEM_BYTES = 64 * 1024;

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
  const ca = settings.ca_file === undefined ? {} : { ca: await readSetting(settings.ca_file) };
  const certificate =
    settings.certificate_file === undefined ? await ownCertificate(identity) : await readSetting(settings.certificate_file);
  return { ...login, tls: { ...ca, certificate, key: privateKeyPem(identity.seed) } };
}

async function readSetting(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new MqttError("bad-login", `[broker] names ${path}, which cannot be read: ${messageOf(cause)}`, { cause });
  }
}

/** The own certificate, made once: the library that makes it is heavier than the rest of the program. */
async function ownCertificate({ key, seed, certificateCache, serialNumber, isAuthority }: BrokerIdentity): Promise<string> {
  try {
    return Buffer.from(await readFileBounded(certificateCache, MAX_PEM_BYTES)).toString();
  } catch (thrown) {
    if (!(thrown instanceof BaseError) || thrown.code !== "file-missing") throw thrown;
  }
  const request = { commonName: key.id, publicKey: key.publicKey, use: "node" as const, serialNumber };
  const certificate = await issueCertificate(request, { commonName: key.id, seed, as: isAuthority ? "authority" : "self" });
  await writeFileDurably(certificateCache, Buffer.from(certificate), { mode: 0o644 });
  return certificate;
}
