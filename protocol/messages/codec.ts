import * as v from "valibot";
import { messageOf, type Result, sha256, success } from "../../base/index.ts";
import { type CborMap, type CborValue, decodeCanonical, encodeCanonical } from "../cbor.ts";
import type { Ed25519 } from "../ed25519.ts";
import { parseEnvelope, type Role, seal, verifyEnvelope } from "../envelope.ts";
import { type ProtocolError, rejected } from "../errors.ts";
import type { SigningKey } from "../identity.ts";

/** Claims that the IANA CWT registry numbers (RFC 8392, RFC 9711). All others travel under their own names. */
const REGISTERED_CLAIMS: ReadonlyMap<string, number> = new Map([
  ["issuer", 1],
  ["expiresAt", 4],
  ["issuedAt", 6],
  ["nonce", 10],
  ["uptimeSeconds", 261],
  ["bootCount", 267],
  ["bootSeed", 268],
  ["software", 271],
]);
const CLAIM_NAMES: ReadonlyMap<number | string, string> = new Map([...REGISTERED_CLAIMS].map(([name, number]) => [number, name]));
const NO_NUMBERS: ReadonlyMap<string, number> = new Map();
const NO_NAMES: ReadonlyMap<number | string, string> = new Map();

/** A message opened and believed: its claims, who signed it, and the hash of its payload that others refer to it by. */
export interface Opened<Body> {
  readonly body: Body;
  /** SHA-256 of the payload, 32 bytes. */
  readonly hash: Uint8Array;
  /** The public key that signed it; equal to the issuer claim. */
  readonly signer: Uint8Array;
}

/** How a receiver finds the key behind a key id; undefined where it knows none. */
export type KeyLookup = (keyId: Uint8Array) => Uint8Array | undefined;

/** One kind of message: how it is written, and how it is read back strictly. */
export interface MessageType<Body> {
  readonly role: Role;
  /** The canonical payload of the claims. */
  encode(body: Body): Uint8Array;
  /** The claims of a payload, or why they are none of this message. */
  decode(payload: Uint8Array): Result<Body, ProtocolError>;
  /** The claims, signed. */
  seal(body: Body, network: string, key: SigningKey): Uint8Array;
  /**
   * Role, key, signature, canonical form and claims of received bytes, in this order, and that the issuer claim is the signer.
   */
  open(bytes: Uint8Array, network: string, keyFor: KeyLookup, ed25519: Ed25519): Result<Opened<Body>, ProtocolError>;
}

/** Makes a message type of a role and the schema of its claims, which has to name the issuer. */
export function defineMessage<Schema extends v.GenericSchema<unknown, { readonly issuer: Uint8Array }>>(
  role: Role,
  schema: Schema,
): MessageType<v.InferOutput<Schema>> {
  type Body = v.InferOutput<Schema>;
  const encode = (body: Body): Uint8Array => encodeCanonical(toWire(body as WireObject, REGISTERED_CLAIMS));
  const decode = (payload: Uint8Array): Result<Body, ProtocolError> => {
    const decoded = decodeCanonical(payload);
    return decoded.ok ? readClaims(decoded.value, schema, role) : decoded;
  };
  const open: MessageType<Body>["open"] = (bytes, network, keyFor, ed25519) => {
    const parsed = parseEnvelope(bytes);
    if (!parsed.ok) return parsed;
    const envelope = parsed.value;
    if (envelope.role !== role) return rejected("wrong-role", `it is a ${envelope.role}, not a ${role}`);
    const signer = keyFor(envelope.keyId);
    if (signer === undefined) return rejected("unknown-key", `the key that signed this ${role} is not known here`);
    if (!verifyEnvelope(envelope, network, signer, ed25519)) {
      return rejected(
        "bad-signature",
        `its signature does not hold as a ${role} on network ${network}: altered, or signed for another use`,
      );
    }
    const claims = decode(envelope.payload);
    if (!claims.ok) return claims;
    if (Buffer.compare(claims.value.issuer, signer) !== 0)
      return rejected("bad-claims", "its issuer is not the key that signed it");
    return success({ body: claims.value, hash: sha256(envelope.payload), signer });
  };
  return { role, encode, decode, seal: (body, network, key) => seal(encode(body), network, role, key), open };
}

/** A value as the programs hold it: plain objects in place of CBOR maps; an absent claim is an undefined property. */
export type WireValue = number | bigint | string | boolean | Uint8Array | readonly WireValue[] | WireObject;
export interface WireObject {
  readonly [name: string]: WireValue | undefined;
}

/** The canonical encoding of an object inside a message, such as a specification or evidence. */
export function encodeObject(object: WireObject): Uint8Array {
  return encodeCanonical(toWire(object, NO_NUMBERS));
}

/** Reads back what `encodeObject` wrote. `bad-cbor`, `not-canonical` or `bad-claims` for anything else. */
export function decodeObject(bytes: Uint8Array): Result<WireObject, ProtocolError> {
  const decoded = decodeCanonical(bytes);
  return decoded.ok ? asObject(decoded.value, NO_NAMES, "object") : decoded;
}

/** Checks an object inside a message against the schema of its kind. `what` names it in the error. */
export function readObject<Schema extends v.GenericSchema>(
  object: WireObject,
  schema: Schema,
  what: string,
): Result<v.InferOutput<Schema>, ProtocolError> {
  const checked = v.safeParse(schema, object, { abortEarly: true });
  return checked.success ? success(checked.output) : rejected("bad-claims", `${what}: ${describe(checked.issues[0])}`);
}

function readClaims<Schema extends v.GenericSchema>(
  value: CborValue,
  schema: Schema,
  role: Role,
): Result<v.InferOutput<Schema>, ProtocolError> {
  const object = asObject(value, CLAIM_NAMES, role);
  return object.ok ? readObject(object.value, schema, role) : object;
}

function asObject(
  value: CborValue,
  names: ReadonlyMap<number | string, string>,
  what: string,
): Result<WireObject, ProtocolError> {
  if (!(value instanceof Map)) return rejected("bad-claims", `a ${what} is a map of claims`);
  try {
    return success(fromWire(value, names));
  } catch (thrown) {
    return rejected("bad-claims", `${what}: ${messageOf(thrown)}`);
  }
}

function toWire(object: WireObject, numbers: ReadonlyMap<string, number>): CborMap {
  const map = new Map<number | string, CborValue>();
  for (const [name, value] of Object.entries(object)) {
    if (value !== undefined) map.set(numbers.get(name) ?? name, toWireValue(value));
  }
  return map;
}

function toWireValue(value: WireValue): CborValue {
  if (Array.isArray(value)) return value.map(toWireValue);
  if (typeof value === "object" && !(value instanceof Uint8Array)) return toWire(value as WireObject, NO_NUMBERS);
  return value as CborValue;
}

function fromWire(map: CborMap, names: ReadonlyMap<number | string, string>): WireObject {
  const object: Record<string, WireValue> = Object.create(null);
  for (const [key, value] of map) {
    const name = names.get(key) ?? key;
    if (typeof name !== "string") throw new TypeError(`unknown claim ${name}`);
    if (typeof key === "string" && names !== NO_NAMES && REGISTERED_CLAIMS.has(key))
      throw new TypeError(`claim ${key} goes by its number`);
    object[name] = fromWireValue(value, name);
  }
  return object;
}

function fromWireValue(value: CborValue, name: string): WireValue {
  if (value === null) throw new TypeError(`claim ${printable(name)}: null stands for nothing here; leave the claim out`);
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (Array.isArray(value)) return value.map((item) => fromWireValue(item, name));
  if (value instanceof Map) return fromWire(value, NO_NAMES);
  return value as WireValue;
}

function describe(issue: v.BaseIssue<unknown>): string {
  const where = (issue.path ?? []).map((part) => printable(part.key)).join(".");
  if (issue.type === "strict_object") {
    return issue.expected === "never" ? `unknown claim ${where}` : `claim ${where} is missing`;
  }
  const what = issue.kind === "schema" && issue.type !== "custom" ? `expected ${issue.expected}` : issue.message;
  return `claim ${where === "" ? "itself" : where}: ${what}`;
}

/** A claim's name as it may stand in a message for people: whoever signed it chose it. */
function printable(key: unknown): string {
  return String(key).slice(0, 64).replace(/\p{C}/gu, "\ufffd");
}
