import { createPrivateKey, createPublicKey, type KeyObject, sign as nodeSign, verify as nodeVerify } from "node:crypto";
import { messageOf, toHex } from "../base/index.ts";

/**
 * Ed25519 (RFC 8032), pure mode. The two implementations write equal signatures and agree on every signature that anyone can make: both
 * refuse S of L or more, and keys and R of small order (OpenSSL before 3.5 took them, so that is checked here); both check the equation
 * without the cofactor, so that a key with a part of small order splits neither. They differ in one form only: sodium refuses a key whose
 * y is not reduced, OpenSSL reads it; a signature for one that is not of small order would need a discrete logarithm.
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
    if (hasSmallOrder(publicKey) || hasSmallOrder(signature.subarray(0, PUBLIC_KEY_BYTES))) return false;
    try {
      const der = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), publicKey]);
      return nodeVerify(null, message, createPublicKey({ key: der, format: "der", type: "spki" }), signature);
    } catch {
      return false;
    }
  },
};

/**
 * The y coordinates, as encoded, of the eight points whose order divides the cofactor, and the unreduced forms of 0 and 1. Whoever takes
 * one for a key takes any signature for valid.
 */
const SMALL_ORDER_Y: ReadonlySet<string> = new Set([
  `00${"00".repeat(30)}00`,
  `01${"00".repeat(30)}00`,
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  `ec${"ff".repeat(30)}7f`,
  `ed${"ff".repeat(30)}7f`,
  `ee${"ff".repeat(30)}7f`,
]);

function hasSmallOrder(point: Uint8Array): boolean {
  const y = new Uint8Array(point);
  y[31] = (y[31] ?? 0) & 0x7f;
  return SMALL_ORDER_Y.has(toHex(y));
}

/** The private key that a seed is, as node:crypto and TLS take it. Throws a TypeError for a seed of another length. */
export function privateKeyOf(seed: Uint8Array): KeyObject {
  if (seed.length !== SEED_BYTES) throw new TypeError(`a seed has ${SEED_BYTES} bytes, not ${seed.length}`);
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]);
  return createPrivateKey({ key: der, format: "der", type: "pkcs8" });
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
