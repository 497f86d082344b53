import type { Clock } from "../../base/index.ts";
import {
  type ChainHead,
  type Proof,
  type Receipt,
  type ReceiptReason,
  receiptMessage,
  type SigningKey,
} from "../../protocol/index.ts";
import type { Ledger } from "../ledger/ledger-store.ts";
import type { KeptReceipt, Place } from "../ledger/proofs-store.ts";
import type { Sender } from "./sender.ts";

/** What the receipt book needs. */
export interface ReceiptBookNeeds {
  readonly ledger: Ledger;
  readonly key: SigningKey;
  readonly network: string;
  readonly clock: Clock;
}

/** A proof as its receipt names it. */
export interface Answered {
  readonly sender: Sender;
  readonly proof: Proof;
  readonly hash: Uint8Array;
  readonly receivedAtMs: number;
}

/** Proofs of one node that one receipt will answer. */
interface OpenReceipt {
  readonly sender: Sender;
  readonly receivedAtMs: number;
  readonly places: (Place & { readonly hash: Uint8Array })[];
  credited: bigint;
}

export type ReceiptBook = ReturnType<typeof makeReceiptBook>;

/**
 * The receipts of one batch. Proofs of a node that follow each other share one receipt and one signature. Receipts are signed and kept
 * in the batch's transaction, and handed out (`sealed`) only after it.
 */
export function makeReceiptBook(needs: ReceiptBookNeeds) {
  const { ledger, key } = needs;
  const sealed: { readonly id: string; readonly envelope: Uint8Array }[] = [];
  const repeated = new Set<number>();
  const open = new Map<string, OpenReceipt>();

  const seal = (
    sender: Sender,
    receivedAtMs: number,
    body: Omit<Receipt, "issuer" | "issuedAt" | "node" | "subject" | "receivedAtMs">,
  ): Uint8Array => {
    const issuedAt = Math.floor(needs.clock.wallMs() / 1000);
    const claims = { issuer: key.publicKey, issuedAt, node: sender.key, subject: "proof", receivedAtMs } as const;
    const envelope = receiptMessage.seal({ ...claims, ...body }, needs.network, key);
    sealed.push({ id: sender.id, envelope });
    return envelope;
  };

  const finish = (receipt: OpenReceipt): void => {
    const first = receipt.places[0];
    const last = receipt.places.at(-1);
    if (first === undefined || last === undefined) return;
    open.delete(receipt.sender.id);
    const total = ledger.accounts.total(receipt.sender.key);
    const envelope = seal(receipt.sender, receipt.receivedAtMs, {
      status: "accepted",
      bootCount: last.bootCount,
      fromSeq: first.seq,
      toSeq: last.seq,
      hash: last.hash,
      credited: receipt.credited,
      total: total < 0n ? 0n : total,
    });
    ledger.proofs.insert(receipt.sender.key, envelope, receipt.places);
  };

  return {
    accepted: ({ sender, proof, hash, receivedAtMs }: Answered, credited: bigint): void => {
      const { bootCount, seq } = proof;
      let receipt = open.get(sender.id);
      const last = receipt?.places.at(-1);
      if (receipt !== undefined && (last?.bootCount !== bootCount || last.seq + 1 !== seq)) {
        finish(receipt);
        receipt = undefined;
      }
      if (receipt === undefined) {
        receipt = { sender, receivedAtMs, places: [], credited: 0n };
        open.set(sender.id, receipt);
      }
      receipt.places.push({ bootCount, seq, hash });
      receipt.credited += credited;
    },
    refused: ({ sender, proof, hash, receivedAtMs }: Answered, reason: ReceiptReason, detail: string): void => {
      const earlier = open.get(sender.id);
      if (earlier !== undefined) finish(earlier);
      const envelope = seal(sender, receivedAtMs, { status: "refused", ...placeOf(proof), hash, reason, detail });
      ledger.proofs.insert(sender.key, envelope, [{ bootCount: proof.bootCount, seq: proof.seq, hash }]);
    },
    /** Answers another proof for a place that is taken. The place keeps the receipt of its first proof. */
    equivocation: ({ sender, proof, hash, receivedAtMs }: Answered): void => {
      const detail = "another proof was signed for this place in the chain before";
      const why = { reason: "equivocation", detail } as const;
      const envelope = seal(sender, receivedAtMs, { status: "refused", ...placeOf(proof), hash, ...why });
      ledger.proofs.insertEquivocation(sender.key, proof, hash, envelope);
    },
    gap: ({ sender, proof, hash, receivedAtMs }: Answered, head: ChainHead | undefined): void =>
      void seal(sender, receivedAtMs, { status: "gap", ...placeOf(proof), hash, head }),
    /** Hands out a receipt that was given before, once in a batch however many of its proofs came again. */
    repeat: ({ id }: Sender, receipt: KeptReceipt): void => {
      if (repeated.has(receipt.id)) return;
      repeated.add(receipt.id);
      sealed.push({ id, envelope: receipt.envelope });
    },
    /** The hash of a proof of this very batch, whose receipt is not signed yet. */
    pendingHash: ({ id }: Sender, { bootCount, seq }: Place): Uint8Array | undefined =>
      open.get(id)?.places.find((place) => place.bootCount === bootCount && place.seq === seq)?.hash,
    /** Signs and keeps what is still open. The last call inside the transaction. */
    close: (): void => {
      for (const receipt of [...open.values()]) finish(receipt);
    },
    sealed: () => sealed,
  };
}

function placeOf({ bootCount, seq }: Proof): { bootCount: number; fromSeq: number; toSeq: number } {
  return { bootCount, fromSeq: seq, toSeq: seq };
}
