import { blake2b } from "@noble/hashes/blake2.js";
import { bech32m } from "@scure/base";
import { type Result, success } from "../base/index.ts";
import type { Ed25519 } from "./ed25519.ts";
import { PUBLIC_KEY_BYTES } from "./ed25519.ts";
import { type ProtocolError, rejected } from "./errors.ts";

/** The human-readable part of every id on this network. */
const PREFIX = "bxn";

/** A key that signs for a node or a bookkeeper. The seed itself stays where it was loaded. */
export interface SigningKey {
  /** 32 bytes; this is the identity. */
  readonly publicKey: Uint8Array;
  /** 16 bytes that name the key in envelopes. */
  readonly keyId: Uint8Array;
  /** The identity as people and topics write it. */
  readonly id: string;
  /** A 64-byte signature. */
  sign(message: Uint8Array): Uint8Array;
}

/** The signing key of a 32-byte seed. */
export function makeSigningKey(seed: Uint8Array, ed25519: Ed25519): SigningKey {
  const publicKey = ed25519.publicKey(seed);
  return { publicKey, keyId: keyIdOf(publicKey), id: formatId(publicKey), sign: ed25519.signer(seed) };
}

/** The first 16 bytes of BLAKE2b-256 (RFC 7693) of a public key: how envelopes name their signer. */
export function keyIdOf(publicKey: Uint8Array): Uint8Array {
  return blake2b(publicKey, { dkLen: 32 }).subarray(0, 16);
}

/** A public key as people write it: bech32m (BIP 350) with the prefix `bxn`, 62 characters. */
export function formatId(publicKey: Uint8Array): string {
  return bech32m.encode(PREFIX, bech32m.toWords(publicKey));
}

/** The public key that an id names. `bad-identity`: mistyped (bech32m finds up to four wrong characters), or another kind of id. */
export function parseId(text: string): Result<Uint8Array, ProtocolError> {
  const decoded = bech32m.decodeUnsafe(text, 90);
  if (decoded === undefined) return rejected("bad-identity", `${text.slice(0, 90)} is no id, or a character of it is wrong`);
  if (decoded.prefix !== PREFIX)
    return rejected("bad-identity", `${text} is an id of another kind; ids here start with ${PREFIX}1`);
  const bytes = bech32m.fromWordsUnsafe(decoded.words);
  if (bytes?.length !== PUBLIC_KEY_BYTES) return rejected("bad-identity", `${text} does not hold an Ed25519 key`);
  return success(bytes);
}
