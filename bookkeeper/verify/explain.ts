import { bytesEqual, type Result, sha256, success, toHex } from "../../base/index.ts";
import {
  type Assignment,
  assignmentMessage,
  type Challenge,
  challengeMessage,
  type Descriptor,
  descriptorMessage,
  type Ed25519,
  type Envelope,
  encodeObject,
  formatId,
  keyIdOf,
  type MessageType,
  type Opened,
  type Proof,
  type ProtocolError,
  type ProtocolErrorCode,
  parseEnvelope,
  proofMessage,
  type ReceiptReason,
  ROLES,
  verifyEnvelope,
  type WireObject,
} from "../../protocol/index.ts";
import type { AssignmentRow } from "../ledger/assignments-store.ts";
import { checkPlausible } from "./plausibility.ts";
import type { Claim, Finding } from "./verifier.ts";
import { verifierOf } from "./verify-proof.ts";

/**
 * One thing that was looked at. `ok: undefined`: it could not be, and `detail` says what is missing for it. `ok: false`: `detail` is a
 * code, a colon and a sentence; the codes are those of ProtocolErrorCode and ReceiptReason, and the ones of ExplainCode.
 */
export interface Check {
  readonly name: string;
  readonly ok: boolean | undefined;
  readonly detail: string;
}

/** Why a proof does not hold where neither a decoder nor a receipt has a word for it. */
type ExplainCode =
  /** It is not by the node that it should be by. */
  | "wrong-node"
  /** The assignment, the descriptor or the previous proof that it is held against is itself unreadable or not authentic. */
  | "bad-assignment"
  | "bad-descriptor"
  | "bad-previous"
  /** Another bookkeeper than the one it names issued the assignment. */
  | "wrong-bookkeeper"
  /** It names another proof as the one before it. */
  | "chain-broken"
  /** Its place in the chain cannot follow that of the one before it. */
  | "chain-order";
type Code = ExplainCode | ProtocolErrorCode | ReceiptReason;

/** What a proof is held against. Whatever is absent is not checked, and said so. */
export interface ExplainOptions {
  readonly network: string;
  readonly ed25519: Ed25519;
  /** Public key of the node that must have signed it; default the one that it names itself. */
  readonly node?: Uint8Array;
  /** Signed bytes of the assignment or challenge that it must answer. */
  readonly assignment?: Uint8Array;
  /** Signed bytes of the node's descriptor. */
  readonly descriptor?: Uint8Array;
  /** Signed bytes of the proof before it. */
  readonly previous?: Uint8Array;
}

/** Checks one proof by itself, and against what is given, going on after a failure where that still means something. Never throws. */
export function explainProof(
  bytes: Uint8Array,
  options: ExplainOptions,
): { readonly checks: readonly Check[]; readonly proof?: Proof } {
  const envelope = parseEnvelope(bytes);
  if (!envelope.ok) return { checks: [refused("envelope", envelope.error)] };
  const checks: Check[] = [good("envelope", `COSE_Sign1 of ${bytes.length} bytes, a ${envelope.value.role}`)];
  if (envelope.value.role !== "proof") {
    return { checks: [...checks, bad("purpose", "wrong-role", `it was signed as a ${envelope.value.role}, not as a proof`)] };
  }
  const claims = proofMessage.decode(envelope.value.payload);
  if (!claims.ok) return { checks: [...checks, refused("claims", claims.error), checkBareSignature(envelope.value, options)] };
  const proof = claims.value;
  checks.push(good("claims", `canonical and complete, for assignment ${toHex(proof.assignment)}`));
  checks.push(checkSignature(envelope.value, proof.issuer, options));
  checks.push(checkEvidence(proof), checkChain(proof, options));
  checks.push(...checkAgainstAssignment(proof, options));
  return { checks, proof };
}

/** The signature of a message whose claims cannot be read, so that only `node` can say whose it should be. */
function checkBareSignature(envelope: Envelope, options: ExplainOptions): Check {
  if (options.node === undefined)
    return open("signature", "the claims do not say whose it is; give --node to check it all the same");
  return checkSignature(envelope, options.node, options);
}

function checkSignature(envelope: Envelope, issuer: Uint8Array, { network, ed25519, node }: ExplainOptions): Check {
  const signer = node ?? issuer;
  if (!bytesEqual(issuer, signer)) {
    return bad("signature", "wrong-node", `it is by ${formatId(issuer)}, not by ${formatId(signer)}`);
  }
  if (!bytesEqual(envelope.keyId, keyIdOf(signer))) {
    return bad(
      "signature",
      "unknown-key",
      `the key id in its header is not that of ${formatId(signer)}, the node that it must be by`,
    );
  }
  if (verifyEnvelope(envelope, network, signer, ed25519))
    return good("signature", `by ${formatId(signer)}, for network ${network}`);
  // Whether it would hold for another purpose is a hint for people, never a reason to accept.
  const otherRole = ROLES.find((role) => role !== "proof" && verifyEnvelope({ ...envelope, role }, network, signer, ed25519));
  return otherRole === undefined
    ? bad(
        "signature",
        "bad-signature",
        `it was altered after it was signed, signed with another key, or for another network than ${network}`,
      )
    : bad("signature", "bad-signature", `it was signed as a ${otherRole}, and its header changed to that of a proof`);
}

function checkEvidence(proof: Proof): Check {
  if (!bytesEqual(sha256(encodeObject(proof.evidence)), proof.result))
    return bad("evidence", "result-mismatch", "the result commits to other evidence than the one that is here");
  if (proof.outcome === "failed" && proof.reason === undefined)
    return bad("evidence", "bad-evidence", "the work failed, and no reason is given");
  return good("evidence", "the result commits to the evidence");
}

function checkChain(proof: Proof, options: ExplainOptions): Check {
  const place = `proof ${proof.bootCount}.${proof.seq}`;
  if (options.previous === undefined) return open("chain", `it is ${place}; give --previous to check what it follows`);
  const opened = openAuthentic(proofMessage, options.previous, options);
  if (!opened.ok) return bad("chain", "bad-previous", `the previous proof does not hold itself: ${opened.error.message}`);
  const { body: before, hash } = opened.value;
  if (!bytesEqual(before.issuer, proof.issuer))
    return bad("chain", "bad-previous", `the previous proof is by ${formatId(before.issuer)}`);
  const from = `${before.bootCount}.${before.seq}`;
  if (!bytesEqual(hash, proof.prev))
    return bad("chain", "chain-broken", `${place} names another proof than ${from} as the one before it`);
  const follows =
    proof.bootCount === before.bootCount ? proof.seq === before.seq + 1 : proof.bootCount > before.bootCount && proof.seq === 1;
  return follows ? good("chain", `${place} follows ${from}`) : bad("chain", "chain-order", `${place} cannot follow ${from}`);
}

function checkAgainstAssignment(proof: Proof, options: ExplainOptions): Check[] {
  if (options.assignment === undefined) return [open("assignment", "give --assignment to check what it answers")];
  const opened = openCommand(options.assignment, options);
  if (!opened.ok) return [bad("assignment", "bad-assignment", `the assignment does not hold itself: ${opened.error.message}`)];
  const command = opened.value;
  const { body, kind, maxAttempts } = command;
  const findings = [
    [bytesEqual(body.issuer, proof.bookkeeper), "wrong-bookkeeper", `the assignment was issued by ${formatId(body.issuer)}`],
    [bytesEqual(body.id, proof.assignment), "unknown-assignment", `it answers ${toHex(proof.assignment)}, not ${toHex(body.id)}`],
    [bytesEqual(body.node, proof.issuer), "not-this-node", `the assignment was for ${formatId(body.node)}`],
    [kind === proof.kind, "wrong-kind", `the assignment is of kind ${kind}, the proof of kind ${proof.kind}`],
    [proof.attempt <= maxAttempts, "too-many-attempts", `it is attempt ${proof.attempt}, where ${maxAttempts} were allowed`],
  ] as const;
  const wrong = findings.find(([holds]) => !holds);
  if (wrong !== undefined) return [bad("assignment", wrong[1], wrong[2])];
  const checks = [good("assignment", `it answers ${kind} ${toHex(body.id)}`)];
  return [...checks, ...checkAgainstMachine(proof, command, options)];
}

function checkAgainstMachine(proof: Proof, command: Command, options: ExplainOptions): Check[] {
  if (options.descriptor === undefined) return [open("usage", "give --descriptor to check what it says it used")];
  const opened = openAuthentic(descriptorMessage, options.descriptor, options);
  if (!opened.ok) return [bad("usage", "bad-descriptor", `the descriptor does not hold itself: ${opened.error.message}`)];
  const descriptor = opened.value.body;
  if (!bytesEqual(descriptor.issuer, proof.issuer))
    return [bad("usage", "bad-descriptor", `the descriptor is that of ${formatId(descriptor.issuer)}`)];
  const claim = claimOf(proof, command, descriptor);
  const checks = [asCheck("usage", checkPlausible(claim), "possible on the machine described, in the time that it states")];
  const verifier = verifierOf(proof.kind);
  if (proof.outcome === "done" && verifier !== undefined)
    checks.push(asCheck(proof.kind, verifier.verify(claim), "its evidence satisfies its kind"));
  if (proof.usage.diskByteSeconds > 0n)
    checks.push(open("disk", "whether it kept the blob for as long as it claims, only the bookkeeper's ledger can tell"));
  return checks;
}

/** Without a ledger, the proof's own claims stand in for when it arrived, and nothing is known of what is kept on the node. */
function claimOf(proof: Proof, { body, kind, spec, maxAttempts }: Command, descriptor: Descriptor): Claim {
  const assignment: AssignmentRow = {
    id: body.id,
    node: body.node,
    role: "kind" in body ? "assignment" : "challenge",
    kind,
    item: "",
    envelope: new Uint8Array(),
    payload: new Uint8Array(),
    issuedAtMs: body.issuedAt * 1000,
    expiresAtMs: body.expiresAt * 1000,
    beaconHeight: 0,
    state: "issued",
    sends: 0,
  };
  return {
    proof,
    assignment,
    spec,
    maxAttempts,
    descriptor,
    // A clock that was never set says nothing of when that was.
    receivedAtMs: proof.clock === "unset" ? Number.MAX_SAFE_INTEGER : (proof.issuedAt + 1) * 1000,
    placement: (blob) => ({ node: body.node, blob, size: Number.MAX_SAFE_INTEGER, placedMs: 0, claimed: 0n }),
    readContent: () => undefined,
  };
}

interface Command {
  readonly body: Assignment | Challenge;
  readonly kind: string;
  readonly spec: WireObject;
  readonly maxAttempts: number;
}

function openCommand(bytes: Uint8Array, options: ExplainOptions): Result<Command, ProtocolError> {
  const envelope = parseEnvelope(bytes);
  if (envelope.ok && envelope.value.role === "challenge") {
    const challenge = openAuthentic(challengeMessage, bytes, options);
    if (!challenge.ok) return challenge;
    const { blob, offset, length, salt } = challenge.value.body;
    // A challenge may be answered in as many attempts as a proof can count.
    return success({
      body: challenge.value.body,
      kind: "store",
      spec: { op: "prove", blob, offset, length, salt },
      maxAttempts: 10,
    });
  }
  const assignment = openAuthentic(assignmentMessage, bytes, options);
  if (!assignment.ok) return assignment;
  const { kind, spec, maxAttempts } = assignment.value.body;
  return success({ body: assignment.value.body, kind, spec, maxAttempts });
}

/** A message that the issuer which it names has signed for this network; who that may be is the caller's question. */
function openAuthentic<Body extends { readonly issuer: Uint8Array }>(
  message: MessageType<Body>,
  bytes: Uint8Array,
  { network, ed25519 }: ExplainOptions,
): Result<Opened<Body>, ProtocolError> {
  const envelope = parseEnvelope(bytes);
  const claims = envelope.ok && envelope.value.role === message.role ? message.decode(envelope.value.payload) : undefined;
  if (claims?.ok === false) return claims;
  const issuer = claims?.value.issuer ?? new Uint8Array();
  return message.open(bytes, network, (keyId) => (bytesEqual(keyId, keyIdOf(issuer)) ? issuer : undefined), ed25519);
}

function asCheck(name: string, finding: Finding, whenGood: string): Check {
  return finding.ok ? good(name, whenGood) : bad(name, finding.reason, finding.detail);
}

function refused(name: string, error: ProtocolError): Check {
  return bad(name, error.code, error.message);
}

function good(name: string, detail: string): Check {
  return { name, ok: true, detail };
}

function bad(name: string, code: Code, sentence: string): Check {
  return { name, ok: false, detail: `${code}: ${sentence}` };
}

function open(name: string, detail: string): Check {
  return { name, ok: undefined, detail };
}
