import { backoffMs, bytesEqual, type Clock, type Random } from "../../base/index.ts";
import type { Receipt } from "../../protocol/index.ts";
import { GAP_PAUSE_MS, MAX_KEPT_PROOFS, OUTBOX_WINDOW, RECEIPT_WAIT } from "../limits.ts";
import type { AgentState, ChainPoint, ProofRow } from "../state-store.ts";

/** What the outbox needs. `publish` rejects when the proof did not reach the broker. */
export interface OutboxNeeds {
  readonly state: AgentState;
  readonly clock: Clock;
  readonly random: Random;
  readonly publish: (envelope: Uint8Array) => Promise<void>;
}

/** A proof that a receipt settled just now. */
export interface SettledProof {
  readonly proof: ProofRow;
  readonly status: "accepted" | "refused";
}

export type Outbox = ReturnType<typeof makeOutbox>;

type Place = { readonly bootCount: number; readonly seq: number };

const START: Place = { bootCount: 0, seq: 0 };

/**
 * Sends every signed proof, in the order of the chain, until a receipt settles it: a window of them at once, and all from the
 * oldest again when receipts stay away, because a broker that acknowledged may still have dropped.
 */
export function makeOutbox(needs: OutboxNeeds) {
  const { state } = needs;
  let sentTo: Place = START;
  let quietRounds = 0;
  let isOpen = false;
  let isPumping = false;
  let pumpAgain = false;
  let timer: AbortController | undefined;
  let rewoundAtMs = Number.NEGATIVE_INFINITY;

  const oldest = (): Place => {
    const first = state.proofs.waiting(1)[0];
    return first === undefined ? sentTo : before(first);
  };

  const pump = async (): Promise<void> => {
    if (isPumping) {
      pumpAgain = true;
      return;
    }
    isPumping = true;
    try {
      do {
        pumpAgain = false;
        await sendNext();
      } while (pumpAgain);
    } finally {
      isPumping = false;
    }
    waitForReceipts();
  };

  const sendNext = async (): Promise<void> => {
    const window = state.proofs.waiting(OUTBOX_WINDOW);
    const limit = window.at(-1);
    if (limit === undefined) return;
    for (const proof of state.proofs.after(sentTo, OUTBOX_WINDOW)) {
      if (!isOpen || isAfter(proof, limit)) return;
      const from = sentTo;
      sentTo = proof;
      try {
        await needs.publish(proof.envelope);
      } catch {
        sentTo = from;
        return;
      }
      // A gap was reported while this one was on its way: start again from there.
      if (sentTo !== proof) return;
    }
  };

  const waitForReceipts = (): void => {
    timer?.abort();
    if (!isOpen || state.proofs.waiting(1).length === 0) return;
    timer = new AbortController();
    const waitMs = backoffMs(quietRounds, RECEIPT_WAIT, needs.random);
    needs.clock.sleep(waitMs, timer.signal).then(
      () => {
        quietRounds += 1;
        sentTo = oldest();
        void pump();
      },
      () => undefined,
    );
  };

  return {
    /** The link is up and the chain confirmed: send from the oldest on. */
    open: (): void => {
      isOpen = true;
      quietRounds = 0;
      sentTo = oldest();
      void pump();
    },
    close: (): void => {
      isOpen = false;
      timer?.abort();
    },
    /** There are new proofs. */
    wake: (): void => {
      if (isOpen) void pump();
    },
    /** Settles what an authentic receipt is about; answers the proofs that it settled. Repeated receipts settle nothing. */
    onReceipt: (receipt: Receipt, envelope: Uint8Array): readonly SettledProof[] => {
      const settled = state.transaction(() => settle(state, receipt, envelope));
      if (settled.length > 0) {
        quietRounds = 0;
        if (isOpen) void pump();
      }
      return settled;
    },
    /** Whether the proof that a receipt names is this node's and waits. */
    isWaiting: ({ bootCount, toSeq, hash }: Receipt): boolean => {
      if (bootCount === undefined || toSeq === undefined || hash === undefined) return false;
      const proof = state.proofs.at(bootCount, toSeq);
      return proof !== undefined && proof.status === undefined && bytesEqual(proof.hash, hash);
    },
    /**
     * A bookkeeper misses what comes after `head`: sends again from there. Answers false, doing nothing, when that was just done:
     * each proof under way when one was lost reports the same gap.
     */
    rewind: (head: Place): boolean => {
      const now = needs.clock.monotonicMs();
      if (now - rewoundAtMs < GAP_PAUSE_MS) return false;
      rewoundAtMs = now;
      sentTo = { bootCount: head.bootCount, seq: head.seq };
      if (isOpen) void pump();
      return true;
    },
    /** Proofs that wait for a receipt. */
    waiting: (): number => state.proofs.waitingCount(),
  };
}

function settle(state: AgentState, receipt: Receipt, envelope: Uint8Array): SettledProof[] {
  const { bootCount, fromSeq, toSeq, hash, status } = receipt;
  if (bootCount === undefined || fromSeq === undefined || toSeq === undefined || hash === undefined || status === "gap")
    return [];
  const last = state.proofs.at(bootCount, toSeq);
  // A receipt for a proof that this node did not sign, or that it took out of the chain, settles nothing.
  if (last === undefined || !bytesEqual(last.hash, hash)) return [];
  const settled: SettledProof[] = [];
  for (const proof of state.proofs.after({ bootCount, seq: fromSeq - 1 }, toSeq - fromSeq + 1)) {
    if (proof.bootCount !== bootCount || proof.seq > toSeq || proof.status !== undefined) continue;
    state.proofs.settle(proof, status, receipt.reason, envelope);
    state.tasks.settle(proof.task);
    settled.push({ proof, status });
  }
  if (settled.length === 0) return [];
  state.count(`proofs_${status}`, settled.length);
  if (receipt.total !== undefined) state.meta.set("contribution", receipt.total);
  state.proofs.prune(MAX_KEPT_PROOFS);
  return settled;
}

function before(proof: ChainPoint): Place {
  return { bootCount: proof.bootCount, seq: proof.seq - 1 };
}

function isAfter(left: Place, right: Place): boolean {
  return left.bootCount > right.bootCount || (left.bootCount === right.bootCount && left.seq > right.seq);
}
