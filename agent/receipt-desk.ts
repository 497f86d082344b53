import type { Log } from "../base/index.ts";
import { type Ed25519, formatId, type KeyLookup, type Receipt, receiptMessage, type SigningKey } from "../protocol/index.ts";
import type { Counters } from "./counters.ts";
import type { AgentEvent } from "./events.ts";
import type { ProofChain } from "./proof/chain.ts";
import type { Outbox } from "./proof/outbox.ts";
import type { Registrar } from "./registrar.ts";

/** What the desk needs. */
export interface ReceiptDeskNeeds {
  readonly key: SigningKey;
  readonly network: string;
  readonly ed25519: Ed25519;
  /** The keys of the bookkeepers that the owner trusts. */
  readonly keyFor: KeyLookup;
  readonly registrar: Registrar;
  readonly chain: ProofChain;
  readonly outbox: Outbox;
  readonly counters: Counters;
  readonly log: Log;
  readonly emit: (event: AgentEvent) => void;
  /** Signs what can be signed now. */
  readonly signFinished: () => void;
}

/** Takes bookkeepers' receipts in: where the chain stands, which proofs are settled, and what a bookkeeper misses. */
export function makeReceiptDesk(needs: ReceiptDeskNeeds): { onReceipt(payload: Uint8Array): void } {
  const { chain, outbox, counters, emit, signFinished } = needs;

  /** Goes on after the head that a bookkeeper holds; answers what that meant for the chain. */
  const confirm = (receipt: Receipt): "confirmed" | "continued-elsewhere" => {
    const result = chain.confirm(receipt.head);
    if (receipt.subject === "descriptor" || result === "continued-elsewhere") {
      emit({ type: "registered", bookkeeper: formatId(receipt.issuer), chain: result });
      signFinished();
      outbox.open();
    }
    return result;
  };

  const onGap = (receipt: Receipt): void => {
    if (!outbox.isWaiting(receipt)) return;
    const { head } = receipt;
    // Without a head it holds no proof of this node at all: it gets whatever is still kept, from the oldest on.
    if (head === undefined) outbox.rewind({ bootCount: 0, seq: 0 });
    else if (confirm(receipt) === "confirmed" && outbox.rewind(head)) {
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
    // Settling made room: what a full disk kept from being signed may fit now.
    signFinished();
  };

  return {
    onReceipt: (payload) => {
      const opened = receiptMessage.open(payload, needs.network, needs.keyFor, needs.ed25519);
      if (!opened.ok) return needs.log.warn({ why: opened.error.message }, "receipt not believed");
      const receipt = opened.value.body;
      if (Buffer.compare(receipt.node, needs.key.publicKey) !== 0) return needs.log.warn({}, "receipt for another node");
      if (receipt.subject === "proof") return receipt.status === "gap" ? onGap(receipt) : onSettled(receipt, payload);
      if (needs.registrar.onAnswered(receipt.hash)) confirm(receipt);
    },
  };
}
