import { createPrivateKey, createPublicKey, type KeyObject, sign as nodeSign, verify as nodeVerify } from "node:crypto";
import { messageOf } from "../base/index.ts";

/**
 * Ed25519 (RFC 8032), pure mode. Two implementations give equal signatures; they are told apart only where a signature is
 * crafted to split verifiers, which is why bookkeepers insist on sodium.
 */
export interface Ed25519 {
  readonly name: "sodium-native" | "node:crypto";
  /** The 32-byte public key of a 32-byte seed. */
  publicKey(seed: Uint8Array): Uint8Array;
  /** A function that signs with the seed's key; signatures have 64 bytes. */
  signer(seed: Uint8Array): (message: Uint8Array) => Uint8Array;
  /** Whether the signature is the key's over the message. Never throws: a malformed key or signature is simply not valid. */
  verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean;
}

export const PUBLIC_KEY_BYTES = 32;
export const SEED_BYTES = 32;
export const SIGNATURE_BYTES = 64;

/** What sodium-native gives of what is used here (https://sodium-friends.github.io/docs). */
interface Sodium {
  crypto_sign_seed_keypair(publicKey: Buffer, secretKey: Buffer, seed: Buffer): void;
  crypto_sign_detached(signature: Buffer, message: Buffer, secretKey: Buffer): void;
  crypto_sign_verify_detached(signature: Buffer, message: Buffer, publicKey: Buffer): boolean;
}

/**
 * The fastest implementation this machine has: sodium-native where it has a build (glibc on x64 and arm64), else node:crypto,
 * with why sodium is missing.
 */
export async function loadEd25519(): Promise<{ readonly ed25519: Ed25519; readonly sodiumMissing?: string }> {
  try {
    const { default: sodium } = (await import("sodium-native" as string)) as { default: Sodium };
    return { ed25519: makeSodiumEd25519(sodium) };
  } catch (thrown) {
    const why = messageOf(thrown).split("\n")[0] ?? "";
    return { ed25519: nodeEd25519, sodiumMissing: `sodium-native does not load here: ${why}` };
  }
}

function makeSodiumEd25519(sodium: Sodium): Ed25519 {
  const keyPair = (seed: Uint8Array): { publicKey: Buffer; secretKey: Buffer } => {
    const publicKey = Buffer.alloc(PUBLIC_KEY_BYTES);
    const secretKey = Buffer.alloc(64);
    sodium.crypto_sign_seed_keypair(publicKey, secretKey, asBuffer(seed));
    return { publicKey, secretKey };
  };
  return {
    name: "sodium-native",
    publicKey: (seed) => new Uint8Array(keyPair(seed).publicKey),
    signer: (seed) => {
      const { secretKey } = keyPair(seed);
      return (message) => {
        const signature = Buffer.alloc(SIGNATURE_BYTES);
        sodium.crypto_sign_detached(signature, asBuffer(message), secretKey);
        return signature;
      };
    },
    verify: (signature, message, publicKey) =>
      signature.length === SIGNATURE_BYTES &&
      publicKey.length === PUBLIC_KEY_BYTES &&
      sodium.crypto_sign_verify_detached(asBuffer(signature), asBuffer(message), asBuffer(publicKey)),
  };
}

/** The fall-back that every Node carries. DER prefixes: RFC 8410 section 7 (PKCS #8) and section 4 (SPKI). */
export const nodeEd25519: Ed25519 = {
  name: "node:crypto",
  publicKey: (seed) => {
    const der = createPublicKey(privateKeyOf(seed)).export({ format: "der", type: "spki" });
    return new Uint8Array(der.subarray(der.length - PUBLIC_KEY_BYTES));
  },
  signer: (seed) => {
    const key = privateKeyOf(seed);
    return (message) => nodeSign(null, message, key);
  },
  verify: (signature, message, publicKey) => {
    if (signature.length !== SIGNATURE_BYTES || publicKey.length !== PUBLIC_KEY_BYTES) return false;
    try {
      const der = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), publicKey]);
      return nodeVerify(null, message, createPublicKey({ key: der, format: "der", type: "spki" }), signature);
    } catch {
      return false;
    }
  },
};

/** The private key that a seed is, as node:crypto and TLS take it. */
export function privateKeyOf(seed: Uint8Array): KeyObject {
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]);
  return createPrivateKey({ key: der, format: "der", type: "pkcs8" });
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
