import { CodedError, failure } from "../base/index.ts";

export type ProtocolErrorCode =
  /** Over MAX_MESSAGE_BYTES. */
  | "too-large"
  /** No COSE_Sign1, or its parts are not what this protocol allows. */
  | "not-an-envelope"
  /** Signed with an algorithm other than Ed25519. */
  | "bad-algorithm"
  /** A message for another purpose than the one expected at this place. */
  | "wrong-role"
  /** Nobody known here holds the key that it names. */
  | "unknown-key"
  /** Altered, signed by another key, or signed for another network or purpose. */
  | "bad-signature"
  /** CBOR that is broken, nested too deeply, or holds what no message may hold. */
  | "bad-cbor"
  /** CBOR that says the right thing in another way than the one allowed. */
  | "not-canonical"
  /** Well-formed, but a claim is missing, unknown, of the wrong type or out of range. */
  | "bad-claims"
  /** Not a node id. */
  | "bad-identity";

/** What this room says of a message it does not accept. Returned, not thrown, by every decoder. */
export class ProtocolError extends CodedError<ProtocolErrorCode> {}

/** The failed outcome of a decoder. */
export function rejected(code: ProtocolErrorCode, message: string): { readonly ok: false; readonly error: ProtocolError } {
  return failure(new ProtocolError(code, message));
}
