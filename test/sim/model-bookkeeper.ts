/**
 * A bookkeeper written from design 001, as small as its rules allow, to hold the agent against: it registers, issues, follows the chain
 * (`positionInChain` is the real one) and answers, and it remembers everything that an agent must never do.
 */
import { bytesEqual, type Clock, type Random, sha256, toHex } from "../../base/index.ts";
import { positionInChain } from "../../bookkeeper/verify/verify-proof.ts";
import {
  type Assignment,
  assignmentMessage,
  type Beacon,
  beaconMessage,
  beaconTopic,
  type ChainHead,
  type Challenge,
  challengeMessage,
  descriptorMessage,
  encodeObject,
  nodeEd25519,
  nodeTopic,
  type Proof,
  parseTopic,
  proofMessage,
  type Receipt,
  type ReceiptReason,
  type Refusal,
  receiptMessage,
  refusalMessage,
  type SigningKey,
} from "../../protocol/index.ts";

/** What the model stands on. */
export interface ModelNeeds {
  readonly network: string;
  readonly key: SigningKey;
  readonly clock: Clock;
  readonly random: Random;
  /** The one node that it works with. */
  readonly node: SigningKey;
  readonly send: (topic: string, payload: Uint8Array, retain?: boolean) => void;
}

/** What became of one assignment or challenge. */
export interface Job {
  readonly id: Uint8Array;
  readonly envelope: Uint8Array;
  readonly kind: string;
  readonly maxAttempts: number;
  readonly beaconHeight: number;
  accepted: number;
  outcome?: "done" | "failed";
  readonly refused: string[];
  dueMs: number;
  sends: number;
}

interface Held {
  readonly hash: Uint8Array;
  receipt?: Uint8Array;
}

const GAP_PAUSE_MS = 500;
const RESEND = { baseMs: 5_000, capMs: 60_000 };

export type ModelBookkeeper = ReturnType<typeof makeModelBookkeeper>;

/** A bookkeeper that knows nothing yet. */
export function makeModelBookkeeper(needs: ModelNeeds) {
  const { network, key, clock, random, node } = needs;
  const beacons = new Map<string, number>();
  const jobs = new Map<string, Job>();
  const held = new Map<string, Held>();
  const refusals: Refusal[] = [];
  const equivocations: string[] = [];
  const disbelieved: string[] = [];
  let registered: { hash: Uint8Array; bootCount: number; bootSeed: Uint8Array } | undefined;
  let head: ChainHead | undefined;
  let lowest: { bootCount: number; seq: number } | undefined;
  let gapAtMs = Number.NEGATIVE_INFINITY;
  let lastBeacon: { hash: Uint8Array; height: number } | undefined;
  let range: { bootCount: number; fromSeq: number; toSeq: number; hash: Uint8Array; held: Held[] } | undefined;
  let total = 0n;

  const nowSeconds = (): number => Math.floor(clock.wallMs() / 1000);
  const keyOfNode = (keyId: Uint8Array): Uint8Array | undefined => (bytesEqual(keyId, node.keyId) ? node.publicKey : undefined);

  const answer = (body: Omit<Receipt, "issuer" | "issuedAt" | "node" | "receivedAtMs">): Uint8Array => {
    const claims = { issuer: key.publicKey, issuedAt: nowSeconds(), node: node.publicKey, receivedAtMs: clock.wallMs() };
    const envelope = receiptMessage.seal({ ...claims, ...body }, network, key);
    needs.send(nodeTopic(network, node.id, "rcpt"), envelope);
    return envelope;
  };

  const publishBeacon = (): Beacon => {
    const height = (lastBeacon?.height ?? -1) + 1;
    const prev = lastBeacon?.hash ?? new Uint8Array(32);
    const body: Beacon = { issuer: key.publicKey, issuedAt: nowSeconds(), height, prev, salt: random.bytes(16) };
    lastBeacon = { hash: sha256(beaconMessage.encode(body)), height };
    beacons.set(toHex(lastBeacon.hash), height);
    needs.send(beaconTopic(network, key.id), beaconMessage.seal(body, network, key), true);
    return body;
  };

  const claimsFor = (expiresInSeconds: number) => {
    if (lastBeacon === undefined) publishBeacon();
    const issuedAt = nowSeconds();
    return {
      issuer: key.publicKey,
      issuedAt,
      expiresAt: issuedAt + expiresInSeconds,
      nonce: lastBeacon?.hash ?? new Uint8Array(32),
      id: random.bytes(16),
      node: node.publicKey,
    };
  };

  const send = (job: Job): void => {
    job.dueMs = clock.monotonicMs() + Math.min(RESEND.capMs, RESEND.baseMs * 2 ** job.sends);
    job.sends += 1;
    needs.send(nodeTopic(network, node.id, "cmd"), job.envelope);
  };

  const issue = (kind: string, maxAttempts: number, id: Uint8Array, envelope: Uint8Array): Job => {
    const job: Job = {
      ...{ id, envelope, kind, maxAttempts, beaconHeight: lastBeacon?.height ?? 0 },
      ...{ accepted: 0, refused: [], dueMs: 0, sends: 0 },
    };
    jobs.set(toHex(id), job);
    send(job);
    return job;
  };

  const flush = (): void => {
    if (range === undefined) return;
    const { held: places, ...about } = range;
    range = undefined;
    const receipt = answer({ subject: "proof", status: "accepted", ...about, total });
    for (const place of places) place.receipt = receipt;
  };

  /** Why a proof that stands in its place does not count; undefined where it does. */
  const fault = (proof: Proof, job: Job | undefined): ReceiptReason | undefined => {
    if (job === undefined) return "unknown-assignment";
    if (job.accepted > 0) return "already-proved";
    if (proof.kind !== job.kind) return "wrong-kind";
    if (proof.attempt > job.maxAttempts) return "too-many-attempts";
    const cited = proof.nonce === undefined ? undefined : beacons.get(toHex(proof.nonce));
    if (cited === undefined) return "unknown-beacon";
    if (cited < job.beaconHeight) return "older-than-assignment";
    return bytesEqual(sha256(encodeObject(proof.evidence)), proof.result) ? undefined : "result-mismatch";
  };

  const judge = (proof: Proof, hash: Uint8Array): void => {
    const { bootCount, seq } = proof;
    const job = jobs.get(toHex(proof.assignment));
    const reason = fault(proof, job);
    const place: Held = { hash };
    held.set(`${bootCount}.${seq}`, place);
    if (reason !== undefined) {
      flush();
      job?.refused.push(reason);
      place.receipt = answer({ subject: "proof", status: "refused", bootCount, fromSeq: seq, toSeq: seq, hash, reason });
      return;
    }
    if (job !== undefined) {
      job.accepted += 1;
      job.outcome = proof.outcome;
    }
    total += 1_000_000n;
    if (range?.bootCount !== bootCount || range.toSeq + 1 !== seq) flush();
    range ??= { bootCount, fromSeq: seq, toSeq: seq, hash, held: [] };
    range.toSeq = seq;
    range.hash = hash;
    range.held.push(place);
    // Sometimes it waits for what follows, to answer all of it at once.
    if (random.fraction() < 0.6) flush();
  };

  const isAnchor = ({ bootCount, seq }: Proof): boolean => {
    if (head !== undefined) return false;
    if (lowest?.bootCount === bootCount && lowest.seq === seq) {
      lowest = undefined;
      return true;
    }
    if (lowest === undefined || bootCount < lowest.bootCount || (bootCount === lowest.bootCount && seq < lowest.seq))
      lowest = { bootCount, seq };
    return false;
  };

  const reportGap = ({ bootCount, seq }: Proof, hash: Uint8Array): void => {
    if (clock.monotonicMs() - gapAtMs < GAP_PAUSE_MS) return;
    gapAtMs = clock.monotonicMs();
    answer({ subject: "proof", status: "gap", bootCount, fromSeq: seq, toSeq: seq, hash, head });
  };

  const onProof = (payload: Uint8Array): void => {
    const opened = proofMessage.open(payload, network, keyOfNode, nodeEd25519);
    if (!opened.ok) return void disbelieved.push(opened.error.message);
    const { body, hash } = opened.value;
    if (registered === undefined) return;
    const { bootCount, seq } = body;
    const position = positionInChain(body, head);
    if (!bytesEqual(body.bookkeeper, key.publicKey)) {
      if (position === "next") head = { bootCount, seq, hash };
      return;
    }
    if (position === "held-before") {
      const known = held.get(`${bootCount}.${seq}`);
      // It began to follow after this one, and says where it stands.
      if (known === undefined) reportGap(body, hash);
      else if (!bytesEqual(known.hash, hash)) equivocations.push(`${bootCount}.${seq}`);
      else if (known.receipt !== undefined) needs.send(nodeTopic(network, node.id, "rcpt"), known.receipt);
      return;
    }
    if (position === "gap" && !isAnchor(body)) {
      reportGap(body, hash);
      return;
    }
    judge(body, hash);
    head = { bootCount, seq, hash };
  };

  const onDescriptor = (payload: Uint8Array): void => {
    const opened = descriptorMessage.open(payload, network, keyOfNode, nodeEd25519);
    if (!opened.ok) return void disbelieved.push(opened.error.message);
    const { hash, body } = opened.value;
    const { bootCount, bootSeed } = body;
    // Another start of the node had this number, or a later one: proofs of its may be on their way.
    if (registered !== undefined && !bytesEqual(registered.bootSeed, bootSeed) && registered.bootCount >= bootCount) {
      answer({ subject: "descriptor", status: "gap", hash, bootCount: registered.bootCount, head });
      return;
    }
    registered = { hash, bootCount, bootSeed };
    answer({ subject: "descriptor", status: "accepted", hash, head });
  };

  return {
    jobs,
    refusals,
    equivocations,
    disbelieved,
    publishBeacon,
    get head() {
      return head;
    },
    get total() {
      return total;
    },
    /** Issues an assignment and sends it; answers what becomes of it. */
    assign: (work: Partial<Assignment> & Pick<Assignment, "kind" | "spec">, expiresInSeconds = 100_000_000): Job => {
      const body: Assignment = { ...claimsFor(expiresInSeconds), minTier: "Lite", maxAttempts: 10, ...work };
      return issue(work.kind, body.maxAttempts, body.id, assignmentMessage.seal(body, network, key));
    },
    /** Issues a challenge and sends it. */
    challenge: (about: Pick<Challenge, "blob" | "offset" | "length">, expiresInSeconds = 100_000_000): Job => {
      const body: Challenge = { ...claimsFor(expiresInSeconds), ...about, salt: random.bytes(16) };
      return issue("store", 10, body.id, challengeMessage.seal(body, network, key));
    },
    /** Takes a message from one of the node's topics. */
    onMessage: (topicName: string, payload: Uint8Array): void => {
      const topic = parseTopic(topicName);
      if (topic?.kind !== "node") return;
      if (topic.channel === "desc") return onDescriptor(payload);
      if (topic.channel !== "pow") return;
      const refusal = refusalMessage.open(payload, network, keyOfNode, nodeEd25519);
      if (refusal.ok) refusals.push(refusal.value.body);
      else onProof(payload);
    },
    /** What it does from time to time: answers what it kept back, and sends what nobody proved again. */
    tick: (): void => {
      flush();
      for (const job of jobs.values()) {
        if (job.accepted === 0 && job.refused.length === 0 && job.dueMs <= clock.monotonicMs()) send(job);
      }
    },
    /** Loses the chain, as when its ledger is gone; its keys and jobs stay. */
    forgetChain: (): void => {
      [head, lowest, range, registered] = [undefined, undefined, undefined, undefined];
      held.clear();
    },
  };
}
