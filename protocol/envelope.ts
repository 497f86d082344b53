import { concatBytes, type Result, success } from "../base/index.ts";
import { type CborValue, decodeCanonical, encodeCanonical } from "./cbor.ts";
import type { Ed25519 } from "./ed25519.ts";
import { SIGNATURE_BYTES } from "./ed25519.ts";
import { type ProtocolError, rejected } from "./errors.ts";
import type { SigningKey } from "./identity.ts";
import { MAX_MESSAGE_BYTES } from "./limits.ts";

/**
 * The COSE_Sign1 envelope (RFC 9052 section 4.2) around every message. The signature covers the network and the purpose as
 * external data, so nothing signed for one verifies for another.
 */

/** What a message is for. */
export const ROLES = ["descriptor", "state", "assignment", "challenge", "proof", "refusal", "receipt", "beacon"] as const;
export type Role = (typeof ROLES)[number];

/** COSE header labels (RFC 9052 table 2) and algorithms: EdDSA, and Ed25519 of RFC 9864. */
const HEADER = { algorithm: 1, contentType: 3, keyId: 4 } as const;
const EDDSA = -8;
const ED25519 = -19;
const TAG_AND_LIST_OF_FOUR = 0xd284;
const EMPTY_MAP = 0xa0;

/** An envelope taken apart, its signature not yet looked at: nothing in it may be believed. */
export interface Envelope {
  readonly role: Role;
  readonly keyId: Uint8Array;
  readonly protectedBytes: Uint8Array;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
}

/** Signs a payload for one network and purpose. The same input always gives the same bytes. */
export function seal(payload: Uint8Array, network: string, role: Role, key: SigningKey): Uint8Array {
  const header = new Map<number, CborValue>([
    [HEADER.algorithm, EDDSA],
    [HEADER.contentType, contentTypeOf(role)],
    [HEADER.keyId, key.keyId],
  ]);
  const protectedBytes = encodeCanonical(header);
  const signature = key.sign(signedBytes(protectedBytes, network, role, payload));
  return concatBytes(
    Uint8Array.of(TAG_AND_LIST_OF_FOUR >> 8, TAG_AND_LIST_OF_FOUR & 0xff),
    encodeCanonical(protectedBytes),
    Uint8Array.of(EMPTY_MAP),
    encodeCanonical(payload),
    encodeCanonical(signature),
  );
}

/**
 * Takes an envelope apart without believing it. Only the one allowed form is read: tag 18, an empty unprotected map (it is not
 * signed), a 64-byte signature, lengths in their shortest form, nothing after the end.
 */
export function parseEnvelope(bytes: Uint8Array): Result<Envelope, ProtocolError> {
  if (bytes.length > MAX_MESSAGE_BYTES)
    return rejected("too-large", `${bytes.length} bytes; a message has at most ${MAX_MESSAGE_BYTES}`);
  if (((bytes[0] ?? 0) << 8) + (bytes[1] ?? 0) !== TAG_AND_LIST_OF_FOUR)
    return rejected("not-an-envelope", "it is no COSE_Sign1 message");
  const header = readByteString(bytes, 2);
  if (header === undefined) return rejected("not-an-envelope", "its protected header is cut or wrongly encoded");
  if (bytes[header.end] !== EMPTY_MAP) return rejected("not-an-envelope", "its unprotected header is not empty");
  const payload = readByteString(bytes, header.end + 1);
  if (payload === undefined) return rejected("not-an-envelope", "its payload is cut or wrongly encoded");
  const signature = readByteString(bytes, payload.end);
  if (signature?.value.length !== SIGNATURE_BYTES)
    return rejected("not-an-envelope", `its signature has not ${SIGNATURE_BYTES} bytes`);
  if (signature.end !== bytes.length) return rejected("not-an-envelope", "there are bytes after its end");
  const read = readHeader(header.value);
  if (!read.ok) return read;
  return success({ ...read.value, protectedBytes: header.value, payload: payload.value, signature: signature.value });
}

/** Whether the envelope's signature is the key's, for this network and the envelope's own role. */
export function verifyEnvelope(envelope: Envelope, network: string, publicKey: Uint8Array, ed25519: Ed25519): boolean {
  const message = signedBytes(envelope.protectedBytes, network, envelope.role, envelope.payload);
  return ed25519.verify(envelope.signature, message, publicKey);
}

/** The Sig_structure of RFC 9052 section 4.4 for any external data; `signedBytes` is this with ours. */
export function sigStructure(protectedBytes: Uint8Array, externalData: Uint8Array, payload: Uint8Array): Uint8Array {
  return encodeCanonical(["Signature1", protectedBytes, externalData, payload]);
}

function signedBytes(protectedBytes: Uint8Array, network: string, role: Role, payload: Uint8Array): Uint8Array {
  return sigStructure(protectedBytes, Buffer.from(`bonus/1|${network}|${role}`), payload);
}

function contentTypeOf(role: Role): string {
  return `application/vnd.bonus.${role}+cbor`;
}

const ROLE_OF: ReadonlyMap<unknown, Role> = new Map(ROLES.map((role) => [contentTypeOf(role), role]));

function readHeader(bytes: Uint8Array): Result<{ role: Role; keyId: Uint8Array }, ProtocolError> {
  const decoded = decodeCanonical(bytes);
  if (!decoded.ok) return rejected("not-an-envelope", `its protected header: ${decoded.error.message}`);
  const header = decoded.value;
  if (!(header instanceof Map) || header.size !== 3)
    return rejected("not-an-envelope", "its protected header holds not exactly three entries");
  const algorithm = header.get(HEADER.algorithm);
  if (algorithm !== EDDSA && algorithm !== ED25519)
    return rejected("bad-algorithm", `it is signed with algorithm ${String(algorithm)}`);
  const role = ROLE_OF.get(header.get(HEADER.contentType));
  if (role === undefined) return rejected("not-an-envelope", "its content type is none of this protocol");
  const keyId = header.get(HEADER.keyId);
  if (!(keyId instanceof Uint8Array) || keyId.length !== 16) return rejected("not-an-envelope", "its key id has not 16 bytes");
  return success({ role, keyId });
}

/** A CBOR byte string with its length in the shortest form, as a view into `bytes`. */
function readByteString(bytes: Uint8Array, start: number): { value: Uint8Array; end: number } | undefined {
  const head = bytes[start];
  if (head === undefined) return undefined;
  let length: number;
  let from: number;
  if (head < 0x58) {
    length = head - 0x40;
    from = start + 1;
  } else if (head === 0x58) {
    length = bytes[start + 1] ?? -1;
    from = start + 2;
    if (length < 24) return undefined;
  } else if (head === 0x59) {
    length = ((bytes[start + 1] ?? 0) << 8) + (bytes[start + 2] ?? 0);
    from = start + 3;
    if (length < 256) return undefined;
  } else {
    return undefined;
  }
  if (length < 0 || from + length > bytes.length) return undefined;
  return { value: bytes.subarray(from, from + length), end: from + length };
}
