import { bytesEqual, type Log } from "../base/index.ts";
import { type Ed25519, formatId, type KeyLookup, type Receipt, receiptMessage, type SigningKey } from "../protocol/index.ts";
import type { Counters } from "./counters.ts";
import type { AgentEvent } from "./events.ts";
import type { Confirmation, ProofChain } from "./proof/chain.ts";
import type { Outbox } from "./proof/outbox.ts";
import type { Signer } from "./proof/signer.ts";
import type { Registrar } from "./registrar.ts";
import type { makeStandings } from "./standings.ts";
import { isAfter } from "./state-store.ts";

/** What the desk needs. */
export interface ReceiptDeskNeeds {
  readonly key: SigningKey;
  readonly network: string;
  readonly ed25519: Ed25519;
  /** The keys of the bookkeepers that the owner trusts. */
  readonly keyFor: KeyLookup;
  readonly registrar: Registrar;
  readonly standings: Pick<ReturnType<typeof makeStandings>, "onReceipt">;
  readonly chain: ProofChain;
  readonly outbox: Outbox;
  readonly signer: Signer;
  readonly counters: Counters;
  readonly log: Log;
  readonly emit: (event: AgentEvent) => void;
}

/** Takes bookkeepers' receipts in: where the chain stands, which proofs are settled, and what a bookkeeper misses. */
export function makeReceiptDesk(needs: ReceiptDeskNeeds): { onReceipt(payload: Uint8Array): void } {
  const { registrar, chain, outbox, signer, counters, emit } = needs;

  /** Goes on after the head that a bookkeeper holds. A chain that was continued elsewhere is presented anew before it is signed on. */
  const confirm = (receipt: Receipt): Confirmation => {
    const result = chain.confirm(receipt.head);
    if (receipt.subject === "descriptor" || result === "continued-elsewhere")
      emit({ type: "registered", bookkeeper: formatId(receipt.issuer), chain: result });
    if (result === "continued-elsewhere") registrar.presentAgain();
    return result;
  };

  /** A word on the chain that could not be journaled is asked for again. */
  const orPresentAgain = (work: () => void): void => {
    try {
      work();
    } catch (thrown) {
      registrar.presentAgain();
      throw thrown;
    }
  };

  const onRegistered = (receipt: Receipt): void => {
    if (registrar.isAbout(receipt) && receipt.status === "accepted") needs.standings.onReceipt(receipt);
    if (!registrar.onAnswered(receipt)) return;
    if (receipt.status === "accepted") {
      if (confirm(receipt) !== "confirmed") return;
      signer.sign();
      outbox.open();
    } else if (receipt.status === "gap" && receipt.bootCount !== undefined) {
      // This state is older than what its node did before, so that its numbers may have been used.
      chain.startAfter(receipt.bootCount);
      registrar.presentAgain();
    }
  };

  const onGap = (receipt: Receipt): void => {
    // Before this run is registered it may be an old one played back.
    if (!chain.isConfirmed || !outbox.isWaiting(receipt)) return;
    const { head, bootCount, toSeq } = receipt;
    // Without a head it holds no proof of this node at all: it gets whatever is still kept, from the oldest on.
    if (head === undefined) outbox.rewind({ bootCount: 0, seq: 0 });
    else if (bootCount !== undefined && toSeq !== undefined && !isAfter({ bootCount, seq: toSeq }, head)) {
      chain.proveAgain({ bootCount, seq: toSeq });
      signer.sign();
    } else if (confirm(receipt) === "confirmed" && outbox.rewind(head)) {
      emit({ type: "receipt", status: "gap", bootCount: head.bootCount, toSeq: head.seq });
    }
  };

  const onSettled = (receipt: Receipt, payload: Uint8Array): void => {
    const settled = outbox.onReceipt(receipt, payload);
    if (settled.length === 0) return;
    if (receipt.status === "accepted") counters.proofsAccepted += settled.length;
    else counters.proofsRefused += settled.length;
    const { status, bootCount, fromSeq, toSeq, reason, total: contribution } = receipt;
    emit({ type: "receipt", status, bootCount, fromSeq, toSeq, reason, contribution });
  };

  return {
    onReceipt: (payload) => {
      const opened = receiptMessage.open(payload, needs.network, needs.keyFor, needs.ed25519);
      if (!opened.ok) return needs.log.warn({ why: opened.error.message }, "receipt not believed");
      const receipt = opened.value.body;
      if (!bytesEqual(receipt.node, needs.key.publicKey)) return needs.log.warn({}, "receipt for another node");
      if (receipt.subject === "descriptor") orPresentAgain(() => onRegistered(receipt));
      else if (receipt.status === "gap") orPresentAgain(() => onGap(receipt));
      else onSettled(receipt, payload);
    },
  };
}
