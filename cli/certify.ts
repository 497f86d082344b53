import { join } from "node:path";
import { loadOrCreateSecret, makeSystemRandom, messageOf, writeFileDurably } from "../base/index.ts";
import { issueCertificate, privateKeyPem } from "../mqtt/index.ts";
import { type Ed25519, loadEd25519, makeSigningKey, parseId, SEED_BYTES } from "../protocol/index.ts";
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
export function runCertifyBroker(
  hosts: readonly string[],
  options: CertifyOptions & { readonly key: string },
  verb: Verb,
): Promise<number> {
  const seed = makeSystemRandom().bytes(SEED_BYTES);
  const [commonName = "broker"] = hosts;
  const keepKey = async (): Promise<void> => {
    try {
      await writeFileDurably(options.key, Buffer.from(privateKeyPem(seed)), { mode: 0o600, exclusive: true });
    } catch (thrown) {
      throw new Error(`${options.key}: cannot be written: ${messageOf(thrown)}; a key that is there is not replaced`);
    }
  };
  return certify(
    options,
    verb,
    ({ ed25519, serialNumber }) => ({ commonName, publicKey: ed25519.publicKey(seed), use: "broker", hosts, serialNumber }),
    keepKey,
  );
}

type Request = Parameters<typeof issueCertificate>[0];

/** Issues a certificate and prints it. `before`: done once it is known that the certificate can be made. */
async function certify(
  options: CertifyOptions,
  verb: Verb,
  request: (given: {
    readonly key: ReturnType<typeof makeSigningKey>;
    readonly ed25519: Ed25519;
    readonly serialNumber: Uint8Array;
  }) => Request,
  before: () => Promise<void> = async () => undefined,
): Promise<number> {
  const directory = chooseStateDirectory(options.stateDir, verb.env, DEFAULT_BOOKKEEPER_DIRECTORY);
  try {
    const random = makeSystemRandom();
    const seed = await loadOrCreateSecret(join(directory, "identity.seed"), SEED_BYTES, random);
    const { ed25519 } = await loadEd25519();
    const key = makeSigningKey(seed, ed25519);
    const signer = { commonName: key.id, seed, as: "authority" } as const;
    const certificate = await issueCertificate(request({ key, ed25519, serialNumber: random.bytes(16) }), signer);
    await before();
    verb.terminal.print(certificate.trimEnd());
    return EXIT.ok;
  } catch (thrown) {
    verb.terminal.error(messageOf(thrown));
    return EXIT.failure;
  }
}
