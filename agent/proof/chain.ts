import { assert, bytesEqual, sha256 } from "../../base/index.ts";
import {
  type ChainHead,
  encodeObject,
  MAX_MESSAGE_BYTES,
  type Proof,
  parseEnvelope,
  proofMessage,
  type SigningKey,
  type WireObject,
} from "../../protocol/index.ts";
import type { AgentState, Place, ProofRow, TaskRow } from "../state-store.ts";
import { decodeOutcome, failedInstead, type TaskOutcome } from "./outcome.ts";

/** The claims of a proof that tell when it was signed. */
export type SigningClaims = Pick<
  Proof,
  "issuer" | "issuedAt" | "clock" | "nonce" | "uptimeSeconds" | "bootCount" | "bootSeed" | "software"
>;

/** What the chain needs. */
export interface ChainNeeds {
  readonly state: AgentState;
  readonly key: SigningKey;
  readonly network: string;
  /** The claims of a proof signed now; undefined while its bookkeeper would not believe one, because no beacon came yet. */
  readonly claims: (task: TaskRow) => SigningClaims | undefined;
  /** Moves this run to a bootCount of at least this, on disk. */
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

  /** Whether the chain leads from a point on to its head: what follows the point names it. */
  const leadsFrom = (point: ChainHead): boolean => {
    if (head !== undefined && isSame(point, head)) return true;
    const row = state.proofs.at(point.bootCount, point.seq);
    const next = state.proofs.after(point, 1)[0];
    if (row === undefined || next === undefined || !bytesEqual(row.hash, point.hash)) return false;
    const prev = prevOf(next);
    return prev === undefined || bytesEqual(prev, point.hash);
  };

  /**
   * The chain goes on after a head that this state never had (it was lost, or comes from an old copy), or that this chain does not come
   * from. The new bootCount is on disk before anything else, so that no crash in between leads back to an old one.
   */
  const continueAfter = (point: ChainHead): void => {
    isConfirmed = false;
    needs.rebootTo(Math.max(point.bootCount, head?.bootCount ?? 0) + 1);
    state.transaction(() => {
      for (const row of state.proofs.waiting(Number.MAX_SAFE_INTEGER)) {
        state.proofs.remove(row);
        state.tasks.move(row.task, "finished");
      }
      saveHead(state, point);
    });
    head = point;
  };

  /** Signs a task's proof inside the caller's transaction; undefined where it has to wait for its bookkeeper's beacon. */
  const signOne = (task: TaskRow): ProofRow | undefined => {
    const claims = needs.claims(task);
    if (claims === undefined) return undefined;
    assert(claims.bootCount >= (head?.bootCount ?? 0), "this run is numbered lower than one before it");
    const place = { bootCount: claims.bootCount, seq: head?.bootCount === claims.bootCount ? head.seq + 1 : 1 };
    const bodyOf = (outcome: TaskOutcome): Proof => ({
      ...claims,
      ...place,
      bookkeeper: task.bookkeeper,
      assignment: task.id,
      kind: needs.kindOf(task),
      attempt: Math.max(1, task.attempts),
      prev: head?.hash ?? NO_PROOF,
      interval: outcome.interval,
      usage: outcome.usage,
      outcome: outcome.result,
      reason: outcome.reason,
      detail: outcome.detail,
      result: sha256(encodeObject(outcome.evidence as WireObject)),
      evidence: outcome.evidence,
    });
    const outcome = decodeOutcome(task.outcome ?? new Uint8Array());
    const { payload, envelope } =
      seal(bodyOf(outcome)) ?? seal(bodyOf(failedInstead(outcome, "its result does not fit into a proof"))) ?? unsealed();
    const point = { ...place, hash: sha256(payload) };
    const row = { ...point, task: task.id, envelope };
    state.proofs.insert(row);
    state.tasks.move(task.id, "proved");
    saveHead(state, point);
    head = point;
    return row;
  };

  /** The proof as it is sent. Undefined where no bookkeeper could read it: sent, it would hold up all that come after it. */
  const seal = (body: Proof): { payload: Uint8Array; envelope: Uint8Array } | undefined => {
    const payload = proofMessage.encode(body);
    const envelope = proofMessage.seal(body, needs.network, needs.key);
    return envelope.length <= MAX_MESSAGE_BYTES && proofMessage.decode(payload).ok ? { payload, envelope } : undefined;
  };

  return {
    get isConfirmed() {
      return isConfirmed;
    },
    /** A trusted bookkeeper's word on where the chain ends; undefined when it holds no proof of this node. */
    confirm: (bookkeepersHead: ChainHead | undefined): Confirmation => {
      if (bookkeepersHead === undefined || leadsFrom(bookkeepersHead)) {
        isConfirmed = true;
        return "confirmed";
      }
      continueAfter(bookkeepersHead);
      return "continued-elsewhere";
    },
    /**
     * The chain that a bookkeeper holds has passed a proof by and will never take it (it began to follow after it): the proof's task is
     * proved again at the end of the chain. The proof stays in it for others who follow.
     */
    proveAgain: (place: Place): void => {
      const row = state.proofs.at(place.bootCount, place.seq);
      if (row === undefined || row.status !== undefined) return;
      state.transaction(() => {
        state.proofs.replace(row);
        state.tasks.move(row.task, "finished");
      });
    },
    /** Another start of this node, numbered `bootCount`, is known to have been: no proof may be numbered like one of its. */
    startAfter: (bootCount: number): void => {
      isConfirmed = false;
      needs.rebootTo(bootCount + 1);
    },
    /** Signs the proofs of finished tasks, in one transaction; answers them. Nothing before `confirm`. */
    signFinished: (): ProofRow[] => {
      if (!isConfirmed) return [];
      const before = head;
      try {
        return state.transaction(() => state.tasks.finished().flatMap((task) => signOne(task) ?? []));
      } catch (thrown) {
        head = before;
        throw thrown;
      }
    },
  };
}

function isSame(left: ChainHead, right: ChainHead): boolean {
  return left.bootCount === right.bootCount && left.seq === right.seq && bytesEqual(left.hash, right.hash);
}

/** The hash that a proof of our own names as the one before it; undefined where an earlier version wrote it in other words. */
function prevOf(proof: ProofRow): Uint8Array | undefined {
  const parsed = parseEnvelope(proof.envelope);
  const decoded = parsed.ok ? proofMessage.decode(parsed.value.payload) : parsed;
  return decoded.ok ? decoded.value.prev : undefined;
}

function unsealed(): never {
  throw new Error("bug: a proof without evidence does not fit into a message");
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
