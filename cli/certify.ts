import { join } from "node:path";
import { loadOrCreateSecret, makeSystemRandom, messageOf, writeFileDurably } from "../base/index.ts";
import { issueCertificate, privateKeyPem } from "../mqtt/index.ts";
import { loadEd25519, makeSigningKey, parseId, SEED_BYTES } from "../protocol/index.ts";
import { DEFAULT_BOOKKEEPER_DIRECTORY } from "./bookkeeper.ts";
import { EXIT } from "./exit-codes.ts";
import { chooseStateDirectory } from "./files-linux.ts";
import type { Verb } from "./world.ts";

/** What the certify verbs were asked for. */
export interface CertifyOptions {
  readonly stateDir?: string;
}

/** The bookkeeper's own certificate, by which everybody in its network knows the others. */
export function runCertifyAuthority(options: CertifyOptions, verb: Verb): Promise<number> {
  return certify(options, verb, ({ key, serialNumber }) => ({
    commonName: key.id,
    publicKey: key.publicKey,
    use: "authority",
    serialNumber,
  }));
}

/** A node's client certificate. Its id is its public key, so nothing has to come from the node but that. */
export function runCertifyNode(id: string, options: CertifyOptions, verb: Verb): Promise<number> {
  const publicKey = parseId(id);
  if (!publicKey.ok) {
    verb.terminal.error(publicKey.error.message);
    return Promise.resolve(EXIT.usage);
  }
  return certify(options, verb, ({ serialNumber }) => ({
    commonName: id,
    publicKey: publicKey.value,
    use: "node",
    serialNumber,
  }));
}

/** A new key for the broker, into a file, and its certificate on standard output. */
export async function runCertifyBroker(
  hosts: readonly string[],
  options: CertifyOptions & { readonly key: string },
  verb: Verb,
): Promise<number> {
  const seed = makeSystemRandom().bytes(SEED_BYTES);
  const { ed25519 } = await loadEd25519();
  const [commonName = "broker"] = hosts;
  try {
    await writeFileDurably(options.key, Buffer.from(privateKeyPem(seed)), { mode: 0o600, exclusive: true });
  } catch (thrown) {
    verb.terminal.error(`${options.key}: cannot be written: ${messageOf(thrown)}; a key that is there is not replaced`);
    return EXIT.failure;
  }
  return certify(options, verb, ({ serialNumber }) => ({
    commonName,
    publicKey: ed25519.publicKey(seed),
    use: "broker",
    hosts,
    serialNumber,
  }));
}

type Request = Parameters<typeof issueCertificate>[0];

async function certify(
  options: CertifyOptions,
  verb: Verb,
  request: (given: { key: ReturnType<typeof makeSigningKey>; serialNumber: Uint8Array }) => Request,
): Promise<number> {
  const directory = chooseStateDirectory(options.stateDir, verb.env, DEFAULT_BOOKKEEPER_DIRECTORY);
  try {
    const random = makeSystemRandom();
    const seed = await loadOrCreateSecret(join(directory, "identity.seed"), SEED_BYTES, random);
    const { ed25519 } = await loadEd25519();
    const key = makeSigningKey(seed, ed25519);
    const serialNumber = random.bytes(16);
    verb.terminal.print(
      (await issueCertificate(request({ key, serialNumber }), { commonName: key.id, seed, as: "authority" })).trimEnd(),
    );
    return EXIT.ok;
  } catch (thrown) {
    verb.terminal.error(messageOf(thrown));
    return EXIT.failure;
  }
}
