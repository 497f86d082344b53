import { bytesEqual, sha256, toHex } from "../../base/index.ts";
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
  type Proof,
  parseEnvelope,
  proofMessage,
  ROLES,
  verifyEnvelope,
  type WireObject,
} from "../../protocol/index.ts";
import type { AssignmentRow } from "../ledger/assignments-store.ts";
import { checkPlausible } from "./plausibility.ts";
import type { Claim, Finding } from "./verifier.ts";
import { verifierOf } from "./verify-proof.ts";

/** One thing that was looked at. `ok: undefined`: it could not be, and `detail` says what is missing for it. */
export interface Check {
  readonly name: string;
  readonly ok: boolean | undefined;
  readonly detail: string;
}

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
  if (!envelope.ok) return { checks: [bad("envelope", `${envelope.error.code}: ${envelope.error.message}`)] };
  const checks: Check[] = [good("envelope", `COSE_Sign1 of ${bytes.length} bytes, a ${envelope.value.role}`)];
  if (envelope.value.role !== "proof")
    return { checks: [...checks, bad("purpose", `wrong-role: it was signed as a ${envelope.value.role}, not as a proof`)] };
  const claims = proofMessage.decode(envelope.value.payload);
  if (!claims.ok) return { checks: [...checks, bad("claims", `${claims.error.code}: ${claims.error.message}`)] };
  const proof = claims.value;
  checks.push(good("claims", `canonical and complete, for assignment ${toHex(proof.assignment)}`));
  checks.push(checkSignature(bytes, envelope.value, proof, options));
  checks.push(checkCommitment(proof), checkChain(proof, options));
  checks.push(...checkAgainstAssignment(proof, options));
  return { checks, proof };
}

function checkSignature(bytes: Uint8Array, envelope: Envelope, proof: Proof, { network, ed25519, node }: ExplainOptions): Check {
  const signer = node ?? proof.issuer;
  if (!bytesEqual(proof.issuer, signer)) return bad("signature", `wrong-node: it names ${formatId(proof.issuer)} as its node`);
  const keyFor = (keyId: Uint8Array): Uint8Array | undefined => (bytesEqual(keyId, keyIdOf(signer)) ? signer : undefined);
  const opened = proofMessage.open(bytes, network, keyFor, ed25519);
  if (opened.ok) return good("signature", `by ${formatId(signer)}, for network ${network}`);
  if (opened.error.code === "unknown-key") return bad("signature", "unknown-key: its key id is not that of the node it names");
  // Whether it would hold for another purpose is a hint for people, never a reason to accept.
  const otherRole = ROLES.find((role) => role !== "proof" && verifyEnvelope({ ...envelope, role }, network, signer, ed25519));
  const hint =
    otherRole === undefined
      ? "altered after it was signed, signed with another key, or for another network"
      : `signed as a ${otherRole}`;
  return bad("signature", `bad-signature: ${hint}`);
}

function checkCommitment(proof: Proof): Check {
  const holds = bytesEqual(sha256(encodeObject(proof.evidence)), proof.result);
  return holds
    ? good("evidence", "the result commits to the evidence")
    : bad("evidence", "result-mismatch: the result commits to other evidence");
}

function checkChain(proof: Proof, { previous }: ExplainOptions): Check {
  const place = `proof ${proof.bootCount}.${proof.seq}`;
  if (previous === undefined) return open("chain", `${place}; give --previous to check what it follows`);
  const envelope = parseEnvelope(previous);
  const before = envelope.ok ? proofMessage.decode(envelope.value.payload) : envelope;
  if (!before.ok || !envelope.ok)
    return bad("chain", `the previous proof cannot be read: ${before.ok ? "" : before.error.message}`);
  if (!bytesEqual(before.value.issuer, proof.issuer)) return bad("chain", "the previous proof is another node's");
  if (!bytesEqual(sha256(envelope.value.payload), proof.prev))
    return bad("chain", `chain-broken: ${place} names another proof as the one before it`);
  const follows =
    proof.bootCount === before.value.bootCount
      ? proof.seq === before.value.seq + 1
      : proof.bootCount > before.value.bootCount && proof.seq === 1;
  const from = `${before.value.bootCount}.${before.value.seq}`;
  return follows ? good("chain", `${place} follows ${from}`) : bad("chain", `chain-order: ${place} cannot follow ${from}`);
}

function checkAgainstAssignment(proof: Proof, options: ExplainOptions): Check[] {
  if (options.assignment === undefined) return [open("assignment", "give --assignment to check what it answers")];
  const command = readCommand(options.assignment);
  if (typeof command === "string") return [bad("assignment", command)];
  const { body, kind, spec, maxAttempts } = command;
  const findings = [
    [bytesEqual(body.id, proof.assignment), "unknown-assignment: it answers another assignment"],
    [bytesEqual(body.node, proof.issuer), "not-this-node: the assignment was for another node"],
    [bytesEqual(body.issuer, proof.bookkeeper), "another bookkeeper issued the assignment"],
    [kind === proof.kind, `wrong-kind: the assignment is of kind ${kind}, the proof of kind ${proof.kind}`],
    [proof.attempt <= maxAttempts, `too-many-attempts: attempt ${proof.attempt} of ${maxAttempts}`],
  ] as const;
  const wrong = findings.find(([holds]) => !holds);
  if (wrong !== undefined) return [bad("assignment", wrong[1])];
  const checks = [good("assignment", `it answers ${kind} ${toHex(body.id)}`)];
  if (options.descriptor === undefined) return [...checks, open("usage", "give --descriptor to check what it says it used")];
  const descriptor = readDescriptor(options.descriptor, proof);
  if (typeof descriptor === "string") return [...checks, bad("usage", descriptor)];
  const claim = claimOf(proof, body, kind, spec, maxAttempts, descriptor);
  checks.push(asCheck("usage", checkPlausible(claim), "possible on the machine described, in the time that it states"));
  const verifier = verifierOf(proof.kind);
  if (proof.outcome === "done" && verifier !== undefined)
    checks.push(asCheck(proof.kind, verifier.verify(claim), "its evidence satisfies its kind"));
  return checks;
}

/** Without a ledger, the proof's own claims stand in for when it arrived and what is kept on the node. */
function claimOf(
  proof: Proof,
  body: Assignment | Challenge,
  kind: string,
  spec: WireObject,
  maxAttempts: number,
  descriptor: Descriptor,
): Claim {
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
  const receivedAtMs = (proof.issuedAt + 1) * 1000;
  return {
    proof,
    assignment,
    spec,
    maxAttempts,
    descriptor,
    receivedAtMs,
    placement: () => undefined,
    readContent: () => undefined,
  };
}

type Command = {
  readonly body: Assignment | Challenge;
  readonly kind: string;
  readonly spec: WireObject;
  readonly maxAttempts: number;
};

function readCommand(bytes: Uint8Array): Command | string {
  const envelope = parseEnvelope(bytes);
  if (!envelope.ok) return `the assignment cannot be read: ${envelope.error.message}`;
  if (envelope.value.role === "challenge") {
    const challenge = challengeMessage.decode(envelope.value.payload);
    if (!challenge.ok) return `the challenge cannot be read: ${challenge.error.message}`;
    const { blob, offset, length, salt } = challenge.value;
    return { body: challenge.value, kind: "store", spec: { op: "prove", blob, offset, length, salt }, maxAttempts: 10 };
  }
  const assignment = assignmentMessage.decode(envelope.value.payload);
  if (!assignment.ok) return `the assignment cannot be read: ${assignment.error.message}`;
  const { kind, spec, maxAttempts } = assignment.value;
  return { body: assignment.value, kind, spec, maxAttempts };
}

function readDescriptor(bytes: Uint8Array, proof: Proof): Descriptor | string {
  const envelope = parseEnvelope(bytes);
  const decoded = envelope.ok ? descriptorMessage.decode(envelope.value.payload) : envelope;
  if (!decoded.ok) return `the descriptor cannot be read: ${decoded.error.message}`;
  return bytesEqual(decoded.value.issuer, proof.issuer) ? decoded.value : "the descriptor is another node's";
}

function asCheck(name: string, finding: Finding, whenGood: string): Check {
  return finding.ok ? good(name, whenGood) : bad(name, `${finding.reason}: ${finding.detail}`);
}

function good(name: string, detail: string): Check {
  return { name, ok: true, detail };
}

function bad(name: string, detail: string): Check {
  return { name, ok: false, detail };
}

function open(name: string, detail: string): Check {
  return { name, ok: undefined, detail };
}
