import { BaseError, type Clock, type Log, messageOf } from "../../base/index.ts";
import { type Ed25519, nodeTopic, proofMessage } from "../../protocol/index.ts";
import type { BookkeeperEvent } from "../events.ts";
import { MAX_BATCH, MAX_REFUSALS_PER_HOUR, MAX_REFUSED_RECORDS_PER_HOUR, MAX_REMEMBERED_NODES } from "../limits.ts";
import { type BatchNeeds, type BatchOutcome, type OpenedProof, recordBatch } from "./batch.ts";
import { makeBudget } from "./budget.ts";
import { makeGaps } from "./gaps.ts";
import { onlyKeyOf, type Sender } from "./sender.ts";

/** What intake needs. */
export interface IntakeNeeds extends Pick<BatchNeeds, "ledger" | "key" | "random" | "readContent" | "descriptors"> {
  readonly ed25519: Ed25519;
  readonly clock: Clock;
  readonly log: Log;
  readonly emit: (event: BookkeeperEvent) => void;
  readonly publish: (topic: string, payload: Uint8Array) => void;
  /** A message on a proof topic that is no proof. */
  readonly onOther: (sender: Sender, payload: Uint8Array) => void;
  /** A message that is not believed. */
  readonly disbelieve: (topic: string, reason: string, detail: string) => void;
  /** Proofs of the node were answered; called once that is on disk. */
  readonly onAnswered: (sender: Sender) => void;
  /** A proof of the node speaks against its descriptor; called once that is on disk. */
  readonly onContradicted: (sender: Sender) => void;
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

/** Failures of the database that no other proof would be spared. */
const COMMON_FAILURES: ReadonlySet<string> = new Set(["database-full", "database-busy", "database-corrupt"]);

/**
 * Takes proofs in: verifies them in batches, records each batch in one transaction, and only then answers with receipts. What is not
 * recorded is not answered, so that its node sends it again; what was recorded before is answered as it was then.
 */
export function makeIntake(needs: IntakeNeeds, options: IntakeOptions) {
  const { ledger, emit } = needs;
  let waiting: Incoming[] = [];
  let isScheduled = false;
  let isClosed = false;
  let pausedUntilMs = Number.NEGATIVE_INFINITY;
  const registered = new Set<string>();
  const batchNeeds: BatchNeeds = {
    ...needs,
    ...options,
    gaps: makeGaps(needs.clock),
    answers: makeBudget(needs.clock, MAX_REFUSALS_PER_HOUR),
    evidence: makeBudget(needs.clock, MAX_REFUSED_RECORDS_PER_HOUR),
  };

  const schedule = (): void => {
    if (isScheduled) return;
    isScheduled = true;
    // After everything that has arrived already, so that a burst becomes one batch and one sync.
    setImmediate(() => {
      isScheduled = false;
      flush();
      if (waiting.length > 0) schedule();
    });
  };

  const flush = (): void => {
    const batch = waiting.slice(0, MAX_BATCH);
    waiting = waiting.slice(MAX_BATCH);
    try {
      if (needs.clock.monotonicMs() >= pausedUntilMs) record(batch.flatMap((incoming) => open(incoming) ?? []));
    } catch (thrown) {
      fail(thrown, batch.length);
    } finally {
      for (const incoming of batch) incoming.done();
    }
  };

  const record = (proofs: readonly OpenedProof[]): void => {
    if (proofs.length === 0) return;
    let outcome: BatchOutcome;
    try {
      outcome = ledger.transaction(() => recordBatch(proofs, batchNeeds));
    } catch (thrown) {
      const isCommon = thrown instanceof BaseError && COMMON_FAILURES.has(thrown.code);
      if (isCommon || proofs.length === 1) return fail(thrown, proofs.length);
      // One that cannot be recorded must not keep the others from it.
      const half = Math.ceil(proofs.length / 2);
      record(proofs.slice(0, half));
      return record(proofs.slice(half));
    }
    tell(outcome);
  };

  /** What is on disk stays true whatever becomes of the telling; who missed it asks again. */
  const tell = ({ receipts, events, moved, contradicted }: BatchOutcome): void => {
    try {
      for (const { id, envelope } of receipts) needs.publish(nodeTopic(options.network, id, "rcpt"), envelope);
      for (const event of events) emit(event);
      for (const sender of moved) needs.onAnswered(sender);
      for (const sender of contradicted) needs.onContradicted(sender);
    } catch (thrown) {
      needs.log.error({ error: messageOf(thrown) }, "proofs recorded, but not all receipts sent");
    }
  };

  const fail = (thrown: unknown, proofs: number): void => {
    const isFull = thrown instanceof BaseError && thrown.code === "database-full";
    if (isFull) pausedUntilMs = needs.clock.monotonicMs() + FULL_DISK_PAUSE_MS;
    needs.log.error({ error: messageOf(thrown), proofs }, "proofs not recorded; their nodes will send them again");
    emit({ type: "trouble", what: messageOf(thrown) });
  };

  /** Nobody ever leaves the register, so what was found once holds. */
  const isRegistered = ({ id, key }: Sender): boolean => {
    if (registered.has(id)) return true;
    if (ledger.nodes.stateOf(key) === undefined) return false;
    if (registered.size >= MAX_REMEMBERED_NODES) registered.clear();
    registered.add(id);
    return true;
  };

  /** A proof of a node that is registered, with a signature that holds. */
  const open = ({ sender, payload, receivedAtMs }: Incoming): OpenedProof | undefined => {
    if (!isRegistered(sender)) return undefined;
    const opened = proofMessage.open(payload, options.network, onlyKeyOf(sender), needs.ed25519);
    if (opened.ok) return { sender, proof: opened.value.body, hash: opened.value.hash, envelope: payload, receivedAtMs };
    if (opened.error.code === "wrong-role") needs.onOther(sender, payload);
    else needs.disbelieve(nodeTopic(options.network, sender.id, "pow"), opened.error.code, opened.error.message);
    return undefined;
  };

  return {
    /** Takes a message from a node's proof topic. Resolves when it was dealt with, so that a fast sender can be held back. */
    take: (sender: Sender, payload: Uint8Array, receivedAtMs: number): Promise<void> => {
      if (isClosed) return Promise.resolve();
      return new Promise((done) => {
        waiting.push({ sender, payload, receivedAtMs, done });
        schedule();
      });
    },
    /** Deals with what waits, and takes no more. */
    close: (): void => {
      isClosed = true;
      while (waiting.length > 0) flush();
    },
  };
}
