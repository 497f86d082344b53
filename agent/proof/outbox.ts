import { backoffMs, bytesEqual, type Clock, type Random } from "../../base/index.ts";
import type { Receipt } from "../../protocol/index.ts";
import { GAP_PAUSE_MS, MAX_KEPT_PROOFS, MAX_OUTBOX, OUTBOX_WINDOW, RECEIPT_WAIT } from "../limits.ts";
import { type AgentState, isAfter, type Place, type ProofRow } from "../state-store.ts";

/** What the outbox needs. `publish` rejects when the proof did not reach the broker. */
export interface OutboxNeeds {
  readonly state: AgentState;
  readonly clock: Clock;
  readonly random: Random;
  readonly publish: (envelope: Uint8Array) => Promise<void>;
  /** The journal could not be read; the outbox tries again with its next round. */
  readonly onTrouble: (thrown: unknown) => void;
}

/** A proof that a receipt settled just now. */
export interface SettledProof {
  readonly proof: ProofRow;
  readonly status: "accepted" | "refused";
}

export type Outbox = ReturnType<typeof makeOutbox>;

const START: Place = { bootCount: 0, seq: 0 };

/**
 * Sends every signed proof, in the order of the chain, until a receipt settles it: a window of them at once, and all from the
 * oldest again when receipts stay away, because a broker that acknowledged may still have dropped. Where several bookkeepers owe
 * receipts, each such round starts at the oldest proof of another one, so that none that is gone holds up the others.
 */
export function makeOutbox(needs: OutboxNeeds) {
  const { state, clock } = needs;
  /** Somebody holds the chain up to here, or it is where the round began: the window starts after it. */
  let base: Place = START;
  let sentTo: Place = START;
  let quietRounds = 0;
  let isOpen = false;
  let isPumping = false;
  let pumpAgain = false;
  let timer: AbortController | undefined;
  let rewoundAtMs = Number.NEGATIVE_INFINITY;

  const startFrom = (place: Place): void => {
    base = { bootCount: place.bootCount, seq: place.seq };
    sentTo = base;
  };

  const startFromOldest = (): void => {
    const places = state.proofs.oldestWaiting();
    const first = places[quietRounds % places.length];
    if (first !== undefined) startFrom({ bootCount: first.bootCount, seq: first.seq - 1 });
  };

  const pump = (): void => {
    pumpAgain = true;
    if (isOpen && !isPumping) void keepPumping();
  };

  const keepPumping = async (): Promise<void> => {
    isPumping = true;
    try {
      while (pumpAgain && isOpen) {
        pumpAgain = false;
        await sendWindow();
      }
      if (isOpen && state.proofs.waiting(1).length > 0) waitForReceipts();
    } catch (thrown) {
      needs.onTrouble(thrown);
      waitForReceipts();
    } finally {
      isPumping = false;
    }
  };

  const sendWindow = async (): Promise<void> => {
    for (const proof of state.proofs.after(base, OUTBOX_WINDOW)) {
      if (!isOpen) return;
      if (!isAfter(proof, sentTo)) continue;
      const from = sentTo;
      sentTo = proof;
      try {
        await needs.publish(proof.envelope);
      } catch {
        if (sentTo === proof) sentTo = from;
        return;
      }
      // The round began anew while this one was on its way.
      if (sentTo !== proof) return;
    }
  };

  /** What is new meanwhile is sent, but puts nothing off: only a receipt does. */
  const waitForReceipts = (): void => {
    if (!isOpen || timer !== undefined) return;
    const round = new AbortController();
    timer = round;
    const waitMs = backoffMs(quietRounds, RECEIPT_WAIT, needs.random);
    clock.sleep(waitMs, round.signal).then(
      () => {
        if (timer === round) onQuiet();
      },
      () => undefined,
    );
  };

  const onQuiet = (): void => {
    timer = undefined;
    quietRounds += 1;
    try {
      startFromOldest();
    } catch (thrown) {
      needs.onTrouble(thrown);
    }
    pump();
  };

  const stopWaiting = (): void => {
    timer?.abort();
    timer = undefined;
  };

  const onProgress = (reached: Place): void => {
    quietRounds = 0;
    stopWaiting();
    if (isAfter(reached, base)) base = { bootCount: reached.bootCount, seq: reached.seq };
    if (isAfter(base, sentTo)) sentTo = base;
    pump();
  };

  return {
    /** The link is up and the chain confirmed: send from the oldest on. */
    open: (): void => {
      isOpen = true;
      quietRounds = 0;
      stopWaiting();
      startFromOldest();
      pump();
    },
    close: (): void => {
      isOpen = false;
      stopWaiting();
    },
    /** There are new proofs. */
    wake: (): void => pump(),
    /** Settles what an authentic receipt is about; answers the proofs that it settled. Repeated receipts settle nothing. */
    onReceipt: (receipt: Receipt, envelope: Uint8Array): readonly SettledProof[] => {
      const { reached, settled } = state.transaction(() => settle(state, receipt, envelope));
      // A receipt that is played back again brings nothing on.
      if (reached !== undefined && (settled.length > 0 || isAfter(reached, base))) onProgress(reached);
      return settled;
    },
    /** Whether the proof that a receipt names is this node's, waits, and is that bookkeeper's to answer. */
    isWaiting: ({ issuer, bootCount, toSeq, hash }: Receipt): boolean => {
      if (bootCount === undefined || toSeq === undefined || hash === undefined) return false;
      const proof = state.proofs.at(bootCount, toSeq);
      return (
        proof !== undefined && proof.status === undefined && bytesEqual(proof.hash, hash) && isForBookkeeper(state, proof, issuer)
      );
    },
    /**
     * A bookkeeper misses what comes after `head`: sends again from there. Answers false, doing nothing, when that was just done:
     * each proof under way when one was lost reports the same gap.
     */
    rewind: (head: Place): boolean => {
      const now = clock.monotonicMs();
      if (now - rewoundAtMs < GAP_PAUSE_MS) return false;
      rewoundAtMs = now;
      startFrom(head);
      pump();
      return true;
    },
    /** Proofs that wait for a receipt. */
    waiting: (): number => state.proofs.waitingCount(),
  };
}

/** What a receipt settles: proofs of its range that wait for this bookkeeper, if it names the range's last one by its hash. */
function settle(state: AgentState, receipt: Receipt, envelope: Uint8Array): { reached?: Place; settled: SettledProof[] } {
  const { issuer, bootCount, fromSeq, toSeq, hash, status } = receipt;
  const settled: SettledProof[] = [];
  if (bootCount === undefined || fromSeq === undefined || toSeq === undefined || hash === undefined || status === "gap")
    return { settled };
  const last = state.proofs.at(bootCount, toSeq);
  // A receipt for a proof that this node did not sign, or that it took out of the chain, settles nothing.
  if (last === undefined || fromSeq > toSeq || !bytesEqual(last.hash, hash)) return { settled };
  for (const proof of state.proofs.after({ bootCount, seq: fromSeq - 1 }, toSeq - fromSeq + 1)) {
    if (proof.bootCount !== bootCount || proof.seq > toSeq || proof.status !== undefined) continue;
    // Only the bookkeeper that a proof is for can say what became of it.
    if (!isForBookkeeper(state, proof, issuer)) continue;
    state.proofs.settle(proof, status, receipt.reason, envelope);
    state.tasks.settle(proof.task);
    settled.push({ proof, status });
  }
  if (settled.length > 0) {
    state.count(`proofs_${status}`, settled.length);
    if (receipt.total !== undefined) state.meta.set("contribution", receipt.total);
    state.proofs.prune(MAX_KEPT_PROOFS, MAX_KEPT_PROOFS + MAX_OUTBOX);
  }
  return { reached: { bootCount, seq: toSeq }, settled };
}

/** A proof that waits has its task beside it, which names the bookkeeper. */
function isForBookkeeper(state: AgentState, proof: ProofRow, bookkeeper: Uint8Array): boolean {
  const task = state.tasks.get(proof.task);
  return task !== undefined && bytesEqual(task.bookkeeper, bookkeeper);
}
