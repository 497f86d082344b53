import { issueCertificate } from "../../../mqtt/index.ts";
import { type Ed25519, loadEd25519, makeSigningKey, type SigningKey } from "../../../protocol/index.ts";

const { ed25519 }: { ed25519: Ed25519 } = await loadEd25519();

/** A key whose seed is one byte, repeated. */
export interface Keyed {
  readonly seed: Uint8Array;
  readonly key: SigningKey;
}

/** The key of that byte. */
export function keyed(byte: number): Keyed {
  const seed = new Uint8Array(32).fill(byte);
  return { seed, key: makeSigningKey(seed, ed25519) };
}

/** What a certificate of `certify` may differ in. */
export interface Certified {
  readonly use?: "node" | "broker" | "authority";
  readonly hosts?: readonly string[];
  readonly commonName?: string;
  readonly serialNumber?: Uint8Array;
}

/** A certificate for a key by an authority, or by itself. */
export function certify(subject: Keyed, authority: Keyed | undefined, more: Certified = {}): Promise<string> {
  const { id: commonName, publicKey } = subject.key;
  const signer = authority ?? subject;
  return issueCertificate(
    { commonName, publicKey, use: "node", serialNumber: new Uint8Array(16).fill(9), ...more },
    { commonName: signer.key.id, seed: signer.seed, as: authority === undefined ? "self" : "authority" },
  );
}
