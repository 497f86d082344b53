import type { Clock } from "../../base/index.ts";
import {
  type ChainHead,
  type Proof,
  type Receipt,
  type ReceiptReason,
  receiptMessage,
  type SigningKey,
} from "../../protocol/index.ts";
import type { HeldProof, Ledger } from "../ledger/ledger-store.ts";
import type { Sender } from "./sender.ts";

/** What the receipt book needs. */
export interface ReceiptBookNeeds {
  readonly ledger: Ledger;
  readonly key: SigningKey;
  readonly network: string;
  readonly clock: Clock;
}

interface Place {
  readonly bootCount: number;
  readonly seq: number;
  readonly hash: Uint8Array;
  readonly height: number;
}

/** Proofs of one node that one receipt will answer. */
interface OpenReceipt {
  readonly sender: Sender;
  readonly receivedAtMs: number;
  readonly places: Place[];
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
  const open = new Map<string, OpenReceipt>();

  const seal = (
    sender: Sender,
    receivedAtMs: number,
    body: Omit<Receipt, "issuer" | "issuedAt" | "node" | "receivedAtMs">,
  ): Uint8Array => {
    const claims = {
      issuer: key.publicKey,
      issuedAt: Math.floor(needs.clock.wallMs() / 1000),
      node: sender.key,
      receivedAtMs: receivedAtMs,
    };
    const envelope = receiptMessage.seal({ ...claims, ...body }, needs.network, key);
    sealed.push({ id: sender.id, envelope });
    return envelope;
  };

  const finish = (receipt: OpenReceipt): void => {
    const first = receipt.places[0];
    const last = receipt.places.at(-1);
    if (first === undefined || last === undefined) return;
    open.delete(receipt.sender.id);
    const envelope = seal(receipt.sender, receipt.receivedAtMs, {
      subject: "proof",
      status: "accepted",
      bootCount: last.bootCount,
      fromSeq: first.seq,
      toSeq: last.seq,
      hash: last.hash,
      credited: receipt.credited,
      total: clampToZero(ledger.accounts.total(receipt.sender.key)),
    });
    ledger.proofs.insert(receipt.sender.key, envelope, receipt.places);
  };

  return {
    accepted: (sender: Sender, proof: Proof, hash: Uint8Array, receivedAtMs: number, height: number, credited: bigint): void => {
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
      receipt.places.push({ bootCount, seq, hash, height });
      receipt.credited += credited;
    },
    refused: (
      sender: Sender,
      proof: Proof,
      hash: Uint8Array,
      receivedAtMs: number,
      height: number,
      reason: ReceiptReason,
      detail: string,
    ): void => {
      const earlier = open.get(sender.id);
      if (earlier !== undefined) finish(earlier);
      const { bootCount, seq } = proof;
      const place = { bootCount, fromSeq: seq, toSeq: seq, hash };
      const envelope = seal(sender, receivedAtMs, { subject: "proof", status: "refused", ...place, reason, detail });
      ledger.proofs.insert(sender.key, envelope, [{ bootCount, seq, hash, height }]);
    },
    /** Answers another proof for a place that is taken. The place keeps the receipt of its first proof. */
    equivocation: (sender: Sender, proof: Proof, hash: Uint8Array, receivedAtMs: number): void => {
      const place = { bootCount: proof.bootCount, fromSeq: proof.seq, toSeq: proof.seq, hash };
      const detail = "another proof was signed for this place in the chain before";
      seal(sender, receivedAtMs, { subject: "proof", status: "refused", ...place, reason: "equivocation", detail });
    },
    gap: (sender: Sender, proof: Proof, hash: Uint8Array, receivedAtMs: number, head: ChainHead | undefined): void => {
      const place = { bootCount: proof.bootCount, fromSeq: proof.seq, toSeq: proof.seq, hash };
      seal(sender, receivedAtMs, { subject: "proof", status: "gap", ...place, head });
    },
    repeat: (sender: Sender, envelope: Uint8Array): void => void sealed.push({ id: sender.id, envelope }),
    /** A proof of this very batch, whose receipt is not signed yet. */
    pending: (
      sender: Sender,
      bootCount: number,
      seq: number,
    ): (Omit<HeldProof, "receipt"> & { receipt?: undefined }) | undefined =>
      open.get(sender.id)?.places.find((place) => place.bootCount === bootCount && place.seq === seq),
    /** Signs and keeps what is still open. The last call inside the transaction. */
    close: (): void => {
      for (const receipt of [...open.values()]) finish(receipt);
    },
    sealed: () => sealed,
  };
}

function clampToZero(amount: bigint): bigint {
  return amount < 0n ? 0n : amount;
}
