import { bytesEqual, type Clock, type Random, toHex } from "../../base/index.ts";
import type { ChainHead, Descriptor, Proof, SigningKey } from "../../protocol/index.ts";
import type { BookkeeperEvent } from "../events.ts";
import type { JudgedAssignment } from "../ledger/assignments-store.ts";
import type { KeptBeacon } from "../ledger/beacons-store.ts";
import type { Ledger } from "../ledger/ledger-store.ts";
import type { NodeState } from "../ledger/nodes-store.ts";
import { isContradicting } from "../verify/tier-judge.ts";
import { type Claim, type Effect, type Failing, fails } from "../verify/verifier.ts";
import { isAnswered, positionInChain, verifyProof } from "../verify/verify-proof.ts";
import type { Budget } from "./budget.ts";
import type { Descriptors } from "./descriptors.ts";
import type { Gaps } from "./gaps.ts";
import { type Answered, makeReceiptBook } from "./receipt-book.ts";
import type { Sender } from "./sender.ts";

/** What batches need. */
export interface BatchNeeds {
  readonly ledger: Ledger;
  readonly key: SigningKey;
  readonly network: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly readContent: Claim["readContent"];
  readonly descriptors: Descriptors;
  readonly gaps: Gaps;
  /** Refused proofs that may still be answered, and kept as records. */
  readonly answers: Budget;
  readonly evidence: Budget;
  /** The share of finished compute jobs that is repeated here, from 0 to 1. */
  readonly recheckShare: number;
}

/** A proof whose signature holds. */
export interface OpenedProof extends Answered {
  /** Its signed bytes, as they came. */
  readonly envelope: Uint8Array;
}

/** What this batch knows of a node. */
interface BatchNode {
  readonly sender: Sender;
  readonly state: NodeState;
  readonly descriptor: Descriptor;
  head: ChainHead | undefined;
  hasMoved: boolean;
}

/** What is to be told once a batch is on disk. */
export interface BatchOutcome {
  readonly receipts: readonly { readonly id: string; readonly envelope: Uint8Array }[];
  readonly events: readonly BookkeeperEvent[];
  /** Nodes whose chain moved. */
  readonly moved: readonly Sender[];
  /** Nodes that a proof of theirs speaks against. */
  readonly contradicted: readonly Sender[];
}

/** Judges proofs and records what follows from them, inside one transaction of the ledger. The same proof is never recorded twice. */
export function recordBatch(proofs: readonly OpenedProof[], needs: BatchNeeds): BatchOutcome {
  const { ledger } = needs;
  const book = makeReceiptBook(needs);
  const nodes = new Map<string, BatchNode>();
  const beacons = new Map<string, KeptBeacon | undefined>();
  const events: BookkeeperEvent[] = [];
  const contradicted = new Set<Sender>();

  const nodeOf = (sender: Sender): BatchNode | undefined => {
    const known = nodes.get(sender.id);
    if (known !== undefined) return known;
    const state = ledger.nodes.stateOf(sender.key);
    if (state === undefined) return undefined;
    const descriptor = needs.descriptors.of(sender.key, state);
    const node = { sender, state, descriptor, head: state.head, hasMoved: false };
    nodes.set(sender.id, node);
    return node;
  };

  const moveHead = (node: BatchNode, { proof: { bootCount, seq }, hash }: OpenedProof): void => {
    node.head = { bootCount, seq, hash };
    node.hasMoved = true;
  };

  const take = (opened: OpenedProof): void => {
    const node = nodeOf(opened.sender);
    // A node that is not registered yet has its descriptor on the way; its proof will come again.
    if (node === undefined) return;
    const position = positionInChain(opened.proof, node.head);
    if (!bytesEqual(opened.proof.bookkeeper, needs.key.publicKey)) {
      // Another bookkeeper's proof in the same chain moves the head, and is that bookkeeper's to answer.
      if (position === "next") moveHead(node, opened);
    } else if (position === "held-before") answerAgain(opened, node);
    else if (position === "gap" && !needs.gaps.isAnchor(opened.sender.id, node.head, opened.proof)) {
      if (needs.gaps.mayReport(opened.sender.id)) book.gap(opened, node.head);
    } else if (judge(opened, node)) moveHead(node, opened);
  };

  /** The proofs of a batch cite few beacons. */
  const citedBy = ({ nonce }: Proof): KeptBeacon | undefined => {
    if (nonce === undefined) return undefined;
    const name = toHex(nonce);
    if (!beacons.has(name)) beacons.set(name, ledger.beacons.byHash(nonce));
    return beacons.get(name);
  };

  /** Answers whether the proof was answered, for better or worse. */
  const judge = (opened: OpenedProof, { descriptor, sender }: BatchNode): boolean => {
    const { proof, receivedAtMs } = opened;
    const assignment = ledger.assignments.toJudge(proof.assignment);
    if (assignment === undefined) return refuse(opened, undefined, UNKNOWN);
    const finding = verifyProof(
      {
        proof,
        assignment,
        ...assignment.issued(),
        descriptor,
        receivedAtMs,
        placement: (blob) => ledger.placements.get(sender.key, blob),
        readContent: needs.readContent,
      },
      citedBy(proof),
    );
    if (!finding.ok) return refuse(opened, assignment, finding);
    accept(opened, assignment, finding.effects);
    return true;
  };

  const weigh = ({ sender, receivedAtMs }: OpenedProof, reason: string | undefined): void => {
    if (reason === undefined || !isContradicting(reason)) return;
    ledger.standings.addContradiction(sender.key, receivedAtMs, reason);
    contradicted.add(sender);
  };

  const accept = (opened: OpenedProof, { id, item, issuedAtMs }: JudgedAssignment, effects: readonly Effect[]): void => {
    const { proof, envelope, receivedAtMs, sender } = opened;
    const { outcome, reason, kind, bootCount, seq } = proof;
    const record = { type: "proof", atMs: receivedAtMs, node: sender.key, envelope } as const;
    const { height, credited } = ledger.records.append(record, proof);
    const isDone = outcome === "done";
    const isToRecheck = isDone && kind === "compute" && needs.random.fraction() < needs.recheckShare;
    ledger.assignments.settle(id, isDone ? "proved" : "failed", reason, height, isToRecheck);
    // A blob cannot have been there before it was asked for; when exactly it came, only the node knows.
    for (const effect of effects) apply(ledger, effect, { node: sender.key, placedMs: issuedAtMs, item });
    book.accepted(opened, credited);
    weigh(opened, reason);
    const why = reason === undefined ? {} : { reason };
    events.push({ type: "verified", ...namesOf(opened), outcome, ...why, bootCount, seq, height, credited });
  };

  /** Refuses a proof for good. False when its node has used up what is answered; then nothing was done. */
  const refuse = (opened: OpenedProof, assignment: JudgedAssignment | undefined, { reason, detail }: Failing): boolean => {
    const { sender, envelope, receivedAtMs } = opened;
    if (!needs.answers.take(sender.id)) return false;
    const height = needs.evidence.take(sender.id)
      ? ledger.records.append({ type: "refused-proof", atMs: receivedAtMs, node: sender.key, envelope, reason, detail }).height
      : undefined;
    if (assignment !== undefined && bytesEqual(assignment.node, sender.key) && !isAnswered(assignment))
      ledger.assignments.reject(assignment.id, reason, height);
    book.refused(opened, reason, detail);
    weigh(opened, reason);
    events.push({ type: "proof-refused", ...namesOf(opened), reason, detail });
    return true;
  };

  /** A place in the chain that is taken: the same proof gets the same receipt, another one is signed equivocation. */
  const answerAgain = (opened: OpenedProof, { head }: BatchNode): void => {
    const { sender, proof, hash } = opened;
    const held = ledger.proofs.at(sender.key, proof);
    const heldHash = held?.hash ?? book.pendingHash(sender, proof) ?? (isSamePlace(proof, head) ? head?.hash : undefined);
    if (heldHash === undefined) {
      // The chain went on without it: its beginning was lost, or its node forked it.
      const assignment = ledger.assignments.toJudge(proof.assignment);
      refuse(opened, assignment, assignment === undefined ? UNKNOWN : PASSED);
    } else if (!bytesEqual(heldHash, hash)) answerEquivocation(opened, heldHash);
    else if (held !== undefined) book.repeat(sender, held.receipt);
  };

  const answerEquivocation = (opened: OpenedProof, first: Uint8Array): void => {
    const { sender, proof, hash, envelope, receivedAtMs } = opened;
    const answer = ledger.proofs.equivocationAt(sender.key, proof, hash);
    if (answer !== undefined) return book.repeat(sender, answer);
    if (!needs.evidence.take(sender.id)) return;
    ledger.records.append({ type: "equivocation", atMs: receivedAtMs, node: sender.key, first, envelope });
    book.equivocation(opened);
    events.push({ type: "equivocation", node: sender.id, bootCount: proof.bootCount, seq: proof.seq });
  };

  for (const proof of proofs) take(proof);
  const moved = [...nodes.values()].filter((node) => node.hasMoved);
  for (const { sender, head } of moved) if (head !== undefined) ledger.nodes.setHead(sender.key, head);
  book.close();
  return { receipts: book.sealed(), events, moved: moved.map((node) => node.sender), contradicted: [...contradicted] };
}

const UNKNOWN = fails("unknown-assignment", "this bookkeeper issued no such assignment");
const PASSED = fails("equivocation", "the node's chain went on without this proof");

function apply(ledger: Ledger, effect: Effect, placing: { node: Uint8Array; placedMs: number; item: string }): void {
  const { placements } = ledger;
  if (effect.kind === "removed") placements.remove(placing.node, effect.blob);
  else if (effect.kind === "kept") placements.addClaim(placing.node, effect.blob, effect.byteSeconds);
  else placements.place({ ...placing, blob: effect.blob, size: effect.size });
}

function isSamePlace(proof: Proof, head: ChainHead | undefined): boolean {
  return proof.bootCount === head?.bootCount && proof.seq === head.seq;
}

function namesOf({ sender, proof }: OpenedProof): { node: string; assignment: string; kind: string } {
  return { node: sender.id, assignment: toHex(proof.assignment), kind: proof.kind };
}
