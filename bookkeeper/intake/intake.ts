import { BaseError, bytesEqual, type Clock, type Log, messageOf, type Random, toHex } from "../../base/index.ts";
import {
  type Descriptor,
  descriptorMessage,
  type Ed25519,
  nodeTopic,
  type Opened,
  type Proof,
  parseEnvelope,
  proofMessage,
  type SigningKey,
} from "../../protocol/index.ts";
import type { BookkeeperEvent } from "../events.ts";
import type { AssignmentRow } from "../ledger/assignments-store.ts";
import type { Ledger, NodeRow } from "../ledger/ledger-store.ts";
import { GAP_PAUSE_MS, MAX_BATCH, MAX_REFUSED_RECORDS_PER_HOUR } from "../limits.ts";
import type { Claim, Effect, Finding } from "../verify/verifier.ts";
import { positionInChain, specOf, verifyProof } from "../verify/verify-proof.ts";
import { makeBudget } from "./budget.ts";
import { makeReceiptBook, type ReceiptBook } from "./receipt-book.ts";
import { onlyKeyOf, type Sender } from "./sender.ts";

/** What intake needs. */
export interface IntakeNeeds {
  readonly ledger: Ledger;
  readonly key: SigningKey;
  readonly ed25519: Ed25519;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly emit: (event: BookkeeperEvent) => void;
  readonly publish: (topic: string, payload: Uint8Array) => void;
  readonly readContent: Claim["readContent"];
  /** A node no longer keeps a blob; called once that is on disk. */
  readonly onRemoved: (blob: Uint8Array) => void;
}

/** How intake works. */
export interface IntakeOptions {
  readonly network: string;
  /** The share of finished compute jobs that is repeated here, from 0 to 1. */
  readonly recheckShare: number;
}

interface Incoming {
  readonly sender: Sender;
  readonly payload: Uint8Array;
  readonly receivedAtMs: number;
  readonly done: () => void;
}

export type Intake = ReturnType<typeof makeIntake>;

/** How long intake rests when the ledger's disk is full, in milliseconds. What it did not record, nodes send again. */
const FULL_DISK_PAUSE_MS = 1_000;

/**
 * Takes proofs in: verifies them in batches, records each batch in one transaction, and only then answers with receipts. What is not
 * recorded is not answered, so that its node sends it again; what was recorded before is answered as it was then.
 */
export function makeIntake(needs: IntakeNeeds, options: IntakeOptions) {
  const { ledger, emit } = needs;
  let waiting: Incoming[] = [];
  let isScheduled = false;
  let pausedUntilMs = 0;
  const gaps = makeGapReporter(needs.clock);
  const refusedBudget = makeBudget(needs.clock, MAX_REFUSED_RECORDS_PER_HOUR);

  const schedule = (): void => {
    if (isScheduled) return;
    isScheduled = true;
    // After everything that has arrived already, so that a burst becomes one batch and one sync.
    setImmediate(() => {
      isScheduled = false;
      const batch = waiting.slice(0, MAX_BATCH);
      waiting = waiting.slice(MAX_BATCH);
      flush(batch);
      if (waiting.length > 0) schedule();
    });
  };

  const flush = (batch: readonly Incoming[]): void => {
    try {
      if (needs.clock.monotonicMs() < pausedUntilMs) return;
      const book = makeReceiptBook({ ledger, key: needs.key, network: options.network, clock: needs.clock });
      const work = makeBatch(book);
      ledger.transaction(() => {
        for (const incoming of batch) work.take(incoming);
        work.close();
      });
      for (const { id, envelope } of book.sealed()) needs.publish(nodeTopic(options.network, id, "rcpt"), envelope);
      for (const event of work.events) emit(event);
      for (const blob of work.removed) needs.onRemoved(blob);
    } catch (thrown) {
      const isFull = thrown instanceof BaseError && thrown.code === "database-full";
      if (isFull) pausedUntilMs = needs.clock.monotonicMs() + FULL_DISK_PAUSE_MS;
      needs.log.error(
        { error: messageOf(thrown), proofs: batch.length },
        "proofs not recorded; their nodes will send them again",
      );
      emit({ type: "trouble", what: messageOf(thrown) });
    } finally {
      for (const incoming of batch) incoming.done();
    }
  };

  /** One batch inside its transaction: what it learned of each node, and what is to be told once it is on disk. */
  const makeBatch = (book: ReceiptBook) => {
    const nodes = new Map<string, { row: NodeRow; descriptor: Descriptor; moved: boolean }>();
    const events: BookkeeperEvent[] = [];
    const removed: Uint8Array[] = [];

    const nodeOf = ({ id, key }: Sender) => {
      const known = nodes.get(id);
      if (known !== undefined) return known;
      const row = ledger.nodes.get(key);
      if (row === undefined) return undefined;
      const node = { row, descriptor: descriptorIn(row.descriptor), moved: false };
      nodes.set(id, node);
      return node;
    };

    const take = (incoming: Incoming): void => {
      const opened = open(incoming);
      const node = opened === undefined ? undefined : nodeOf(incoming.sender);
      // A node that is not registered yet has its descriptor on the way; its proof will come again.
      if (opened === undefined || node === undefined) return;
      const { body, hash } = opened;
      if (!bytesEqual(body.bookkeeper, needs.key.publicKey)) return follow(node, opened);
      const position = positionInChain(body, node.row.head);
      if (position === "held-before") return answerAgain(incoming, opened);
      if (position === "gap" && !gaps.isAnchor(incoming.sender, node.row, body)) {
        if (gaps.mayReport(incoming.sender)) book.gap(incoming.sender, body, hash, incoming.receivedAtMs, node.row.head);
        return;
      }
      judge(incoming, opened, node.descriptor);
      node.row = { ...node.row, head: { bootCount: body.bootCount, seq: body.seq, hash } };
      node.moved = true;
    };

    /** Another bookkeeper's proof in the same chain moves the head, and is that bookkeeper's to answer. */
    const follow = (node: { row: NodeRow; moved: boolean }, { body, hash }: Opened<Proof>): void => {
      if (positionInChain(body, node.row.head) !== "next") return;
      node.row = { ...node.row, head: { bootCount: body.bootCount, seq: body.seq, hash } };
      node.moved = true;
    };

    const judge = (incoming: Incoming, opened: Opened<Proof>, descriptor: Descriptor): void => {
      const { body: proof, hash } = opened;
      const { sender, payload, receivedAtMs } = incoming;
      const node = sender.key;
      const assignment = ledger.assignments.get(proof.assignment);
      const finding: Finding =
        assignment === undefined
          ? { ok: false, reason: "unknown-assignment", detail: "this bookkeeper issued no such assignment" }
          : verifyProof(
              {
                proof,
                assignment,
                ...specOf(assignment),
                descriptor,
                receivedAtMs,
                placement: (blob) => ledger.placements.get(node, blob),
                readContent: needs.readContent,
              },
              proof.nonce === undefined ? undefined : ledger.beacons.byHash(proof.nonce),
            );
      const base = { node: sender.id, assignment: toHex(proof.assignment), kind: proof.kind };
      const atMs = receivedAtMs;
      if (finding.ok && assignment !== undefined) {
        const { height, credited } = ledger.records.append({ type: "proof", atMs, node, envelope: payload });
        const isDone = proof.outcome === "done";
        const isToRecheck = isDone && proof.kind === "compute" && needs.random.fraction() < options.recheckShare;
        ledger.assignments.settle(assignment.id, isDone ? "proved" : "failed", proof.reason, height, isToRecheck);
        for (const effect of finding.effects) apply(node, effect, assignment);
        book.accepted(sender, proof, hash, receivedAtMs, height, credited);
        const { bootCount, seq, outcome, reason } = proof;
        events.push({
          type: "verified",
          ...base,
          outcome,
          ...(reason === undefined ? {} : { reason }),
          bootCount,
          seq,
          height,
          credited,
        });
      } else if (!finding.ok) {
        const { reason, detail } = finding;
        const height = refusedBudget.take(sender.id)
          ? ledger.records.append({ type: "refused-proof", atMs, node, envelope: payload, reason, detail }).height
          : ledger.records.tip().height;
        // Its node will not do it again, so it need not be sent again.
        if (assignment !== undefined && bytesEqual(assignment.node, node))
          ledger.assignments.close(assignment.id, "refused", `proof: ${reason}`);
        book.refused(sender, proof, hash, receivedAtMs, height, reason, detail);
        events.push({ type: "proof-refused", ...base, reason, detail });
      }
    };

    const apply = (node: Uint8Array, effect: Effect, { item, issuedAtMs }: AssignmentRow): void => {
      const { placements } = ledger;
      if (effect.kind === "removed") {
        placements.remove(node, effect.blob);
        removed.push(effect.blob);
      } else if (effect.kind === "kept") placements.addClaim(node, effect.blob, effect.byteSeconds);
      else if (placements.get(node, effect.blob) === undefined) {
        // It cannot have been there before it was asked for; when exactly it came, only the node knows.
        placements.insert({ node, blob: effect.blob, size: effect.size, placedMs: issuedAtMs, claimed: 0n, item });
      }
    };

    /** A place in the chain that is taken: the same proof gets the same receipt, another one is signed equivocation. */
    const answerAgain = (incoming: Incoming, { body, hash }: Opened<Proof>): void => {
      const { sender, payload, receivedAtMs } = incoming;
      const node = sender.key;
      const held = ledger.proofs.at(node, body.bootCount, body.seq) ?? book.pending(sender, body.bootCount, body.seq);
      if (held === undefined) return;
      if (bytesEqual(held.hash, hash)) {
        if (held.receipt !== undefined) book.repeat(sender, held.receipt);
        return;
      }
      if (!refusedBudget.take(sender.id)) return;
      ledger.records.append({ type: "equivocation", atMs: receivedAtMs, node, first: held.hash, envelope: payload });
      book.equivocation(sender, body, hash, receivedAtMs);
      events.push({ type: "equivocation", node: sender.id, bootCount: body.bootCount, seq: body.seq });
    };

    const close = (): void => {
      for (const { row, moved } of nodes.values()) if (moved && row.head !== undefined) ledger.nodes.setHead(row.key, row.head);
      book.close();
    };
    return { take, close, events, removed };
  };

  const open = ({ sender, payload }: Incoming): Opened<Proof> | undefined => {
    const opened = proofMessage.open(payload, options.network, onlyKeyOf(sender), needs.ed25519);
    if (opened.ok) return opened.value;
    const topic = nodeTopic(options.network, sender.id, "pow");
    emit({ type: "disbelieved", topic, reason: opened.error.code, detail: opened.error.message });
    return undefined;
  };

  return {
    /** Takes a message from a node's proof topic. Resolves when it was dealt with, so that a fast sender can be held back. */
    take: (sender: Sender, payload: Uint8Array, receivedAtMs: number): Promise<void> =>
      new Promise((done) => {
        waiting.push({ sender, payload, receivedAtMs, done });
        schedule();
      }),
  };
}

/** The descriptor in a registered node's signed bytes, which were verified when they came. */
export function descriptorIn(envelope: Uint8Array): Descriptor {
  const parsed = parseEnvelope(envelope);
  const decoded = parsed.ok ? descriptorMessage.decode(parsed.value.payload) : parsed;
  if (!decoded.ok) throw decoded.error;
  return decoded.value;
}

/** Which gaps are worth reporting, and which of them is only the start of a chain whose beginning nobody has any more. */
function makeGapReporter(clock: Clock) {
  const reportedAtMs = new Map<string, number>();
  const lowest = new Map<string, { bootCount: number; seq: number }>();
  return {
    mayReport: ({ id }: Sender): boolean => {
      const now = clock.monotonicMs();
      if (now - (reportedAtMs.get(id) ?? Number.NEGATIVE_INFINITY) < GAP_PAUSE_MS) return false;
      reportedAtMs.set(id, now);
      return true;
    },
    /** For a node without a head: whether the proof is the oldest that came, and came again after the node was told of the gap. */
    isAnchor: ({ id }: Sender, { head }: NodeRow, { bootCount, seq }: Proof): boolean => {
      if (head !== undefined) return false;
      const known = lowest.get(id);
      if (known !== undefined && known.bootCount === bootCount && known.seq === seq) return lowest.delete(id);
      if (known === undefined || bootCount < known.bootCount || (bootCount === known.bootCount && seq < known.seq)) {
        lowest.set(id, { bootCount, seq });
      }
      return false;
    },
  };
}
