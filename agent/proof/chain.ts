import { bytesEqual, sha256 } from "../../base/index.ts";
import {
  type ChainHead,
  encodeObject,
  MAX_TEXT,
  type Proof,
  proofMessage,
  type SigningKey,
  type WireObject,
} from "../../protocol/index.ts";
import type { AgentState, ProofRow, TaskRow } from "../state-store.ts";
import { decodeOutcome } from "./outcome.ts";

/** What the chain needs. `claims` gives the node's claims as of now, citing the given bookkeeper's latest beacon. */
export interface ChainNeeds {
  readonly state: AgentState;
  readonly key: SigningKey;
  readonly network: string;
  readonly claims: (
    bookkeeper: Uint8Array,
  ) => Pick<Proof, "issuer" | "issuedAt" | "clock" | "uptimeSeconds" | "bootCount" | "bootSeed" | "software">;
  /** Moves this run to a bootCount of at least this. */
  readonly rebootTo: (atLeast: number) => void;
  /** The kind of a journaled task. */
  readonly kindOf: (task: TaskRow) => string;
}

/** What a bookkeeper's view of the chain meant for ours. */
export type Confirmation = "confirmed" | "continued-elsewhere";

export type ProofChain = ReturnType<typeof makeProofChain>;

const NO_PROOF = new Uint8Array(32);

/** The one chain of proofs of this node. Nothing is signed before a bookkeeper said, in this run, where it believes the chain ends. */
export function makeProofChain(needs: ChainNeeds) {
  const { state } = needs;
  let isConfirmed = false;
  let head = savedHead(state);

  const knows = (point: ChainHead): boolean => {
    const row = state.proofs.at(point.bootCount, point.seq);
    return [row?.hash, head?.hash].some((hash) => hash !== undefined && bytesEqual(hash, point.hash));
  };

  /** The chain goes on after a head that this state never had: it was lost, or comes from an old copy. */
  const continueAfter = (point: ChainHead): void => {
    state.transaction(() => {
      for (const row of state.proofs.waiting(Number.MAX_SAFE_INTEGER)) {
        state.proofs.remove(row);
        state.tasks.move(row.task, "finished");
      }
      saveHead(state, point);
    });
    needs.rebootTo(point.bootCount + 1);
    head = point;
  };

  const signOne = (task: TaskRow): void => {
    const outcome = decodeOutcome(task.outcome ?? new Uint8Array());
    const claims = needs.claims(task.bookkeeper);
    const seq = head?.bootCount === claims.bootCount ? head.seq + 1 : 1;
    const body: Proof = {
      ...claims,
      bookkeeper: task.bookkeeper,
      assignment: task.id,
      kind: needs.kindOf(task),
      attempt: Math.max(1, task.attempts),
      seq,
      prev: head?.hash ?? NO_PROOF,
      interval: outcome.interval,
      usage: outcome.usage,
      outcome: outcome.result,
      reason: outcome.reason,
      detail: outcome.detail?.slice(0, MAX_TEXT),
      result: sha256(encodeObject(outcome.evidence as WireObject)),
      evidence: outcome.evidence,
    };
    const envelope = proofMessage.seal(body, needs.network, needs.key);
    const next = { bootCount: claims.bootCount, seq, hash: sha256(proofMessage.encode(body)) };
    state.proofs.insert({ ...next, task: task.id, envelope });
    state.tasks.move(task.id, "proved");
    saveHead(state, next);
    head = next;
  };

  return {
    get isConfirmed() {
      return isConfirmed;
    },
    /** A trusted bookkeeper's word on where the chain ends; undefined when it holds no proof of this node. */
    confirm: (bookkeepersHead: ChainHead | undefined): Confirmation => {
      const isOurs = bookkeepersHead === undefined || knows(bookkeepersHead);
      if (!isOurs) continueAfter(bookkeepersHead);
      isConfirmed = true;
      return isOurs ? "confirmed" : "continued-elsewhere";
    },
    /** Signs the proofs of all finished tasks, in one transaction; answers them. Nothing before `confirm`. */
    signFinished: (): ProofRow[] => {
      if (!isConfirmed) return [];
      const before = head;
      try {
        return state.transaction(() => {
          const signed: ProofRow[] = [];
          for (const task of state.tasks.open()) {
            if (task.state !== "finished") continue;
            signOne(task);
            const row = state.proofs.ofTask(task.id);
            if (row !== undefined) signed.push(row);
          }
          return signed;
        });
      } catch (thrown) {
        head = before;
        throw thrown;
      }
    },
  };
}

/** The head is kept beside the proofs: after continuing elsewhere, the chain ends at a proof that is not among them. */
function savedHead(state: AgentState): ChainHead | undefined {
  const hash = state.meta.get("head_hash");
  if (!(hash instanceof Uint8Array)) return undefined;
  return { bootCount: Number(state.meta.get("head_boot_count")), seq: Number(state.meta.get("head_seq")), hash };
}

function saveHead(state: AgentState, head: ChainHead): void {
  state.meta.set("head_boot_count", BigInt(head.bootCount));
  state.meta.set("head_seq", BigInt(head.seq));
  state.meta.set("head_hash", head.hash);
}
