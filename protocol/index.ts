/**
 * protocol: the words that agents and bookkeepers speak, and nothing else. Messages with their limits, the strict CBOR they are
 * written in, the COSE_Sign1 envelope around them, identities and topics. Pure: bytes in, values out. `bonus.cddl` says the same
 * for other implementations, and `test/fixtures/protocol` holds a sample of every message.
 */
export { type CborMap, type CborValue, decodeCanonical, encodeCanonical } from "./cbor.ts";
export { toDiagnostic } from "./diagnostic.ts";
export {
  type Ed25519,
  loadEd25519,
  nodeEd25519,
  PUBLIC_KEY_BYTES,
  privateKeyOf,
  SEED_BYTES,
  SIGNATURE_BYTES,
} from "./ed25519.ts";
export { type Envelope, parseEnvelope, ROLES, type Role, seal, sigStructure, verifyEnvelope } from "./envelope.ts";
export { ProtocolError, type ProtocolErrorCode } from "./errors.ts";
export { formatId, keyIdOf, makeSigningKey, parseId, type SigningKey } from "./identity.ts";
export { MAX_CBOR_DEPTH, MAX_INLINE_BYTES, MAX_LIST, MAX_MESSAGE_BYTES, MAX_TARGET, MAX_TEXT, NETWORK_NAME } from "./limits.ts";
export { type Assignment, assignmentMessage, type Challenge, challengeMessage } from "./messages/assignment.ts";
export {
  decodeObject,
  encodeObject,
  type KeyLookup,
  type MessageType,
  type Opened,
  type WireObject,
  type WireValue,
} from "./messages/codec.ts";
export {
  type ComputeEvidence,
  type ComputeSpec,
  computeEvidenceSchema,
  computeSpecSchema,
  parseComputeEvidence,
  parseComputeSpec,
} from "./messages/compute.ts";
export { type Descriptor, descriptorMessage, type SignedFigure, type State, stateMessage } from "./messages/descriptor.ts";
export { ISOLATION_LEVELS, type IsolationLevel, NO_USAGE, TIERS, type Tier, type Usage } from "./messages/fields.ts";
export {
  MEASURE_METHODS,
  type MeasureEvidence,
  type MeasureResult,
  type MeasureSpec,
  measureEvidenceSchema,
  measureSpecSchema,
  parseMeasureEvidence,
  parseMeasureSpec,
} from "./messages/measure.ts";
export { type Proof, proofMessage, type Refusal, refusalMessage } from "./messages/proof.ts";
export {
  FAILURE_REASONS,
  type FailureReason,
  RECEIPT_REASONS,
  REFUSAL_REASONS,
  type ReceiptReason,
  type RefusalReason,
} from "./messages/reasons.ts";
export { type Beacon, beaconMessage, type ChainHead, type Receipt, receiptMessage } from "./messages/receipt.ts";
export {
  parseStoreEvidence,
  parseStoreSpec,
  type StoreEvidence,
  type StoreSpec,
  storeEvidenceSchema,
  storeSpecSchema,
} from "./messages/store.ts";
export { beaconTopic, NODE_CHANNELS, NODE_WRITES, type NodeChannel, nodeTopic, parseTopic, type Topic } from "./topics.ts";
