/** Journals with tasks in them, and the chain of one start of a node over such a journal. */
import { join } from "node:path";
import type { Test } from "tap";
import { makeProofChain } from "../../agent/proof/chain.ts";
import { encodeOutcome, type TaskOutcome } from "../../agent/proof/outcome.ts";
import { type AgentState, openAgentState, type ProofRow } from "../../agent/state-store.ts";
import { sha256 } from "../../base/index.ts";
import { positionInChain } from "../../bookkeeper/verify/verify-proof.ts";
import { type ChainHead, NO_USAGE, type Proof, parseEnvelope, proofMessage, type Receipt } from "../../protocol/index.ts";
import { BOOKKEEPER_KEY, ISSUED_AT, idOf, makeCommand, makeTask, NODE_KEY } from "./agent-samples.ts";
import { NETWORK } from "./agent-world.ts";

/** An outcome of work that went well. */
export function makeOutcome(change: Partial<TaskOutcome> = {}): TaskOutcome {
  return { result: "done", evidence: { ok: true }, usage: NO_USAGE, interval: { bootCount: 1, fromMs: 0, toMs: 5 }, ...change };
}

/** Journals the n-th sample task as finished; answers its id. */
export function addFinished(
  state: AgentState,
  index: number,
  outcome: TaskOutcome = makeOutcome(),
  bookkeeper: Uint8Array = BOOKKEEPER_KEY.publicKey,
): Uint8Array {
  const id = idOf(index);
  state.transaction(() => {
    state.tasks.insert({ ...makeTask(makeCommand({ id, expiresAt: ISSUED_AT + 600 + index })), bookkeeper });
    state.tasks.begin(id);
    state.tasks.finish(id, encodeOutcome(outcome));
  });
  return id;
}

/** One start of a node: its chain, and the number of the start as it moves. */
export function beginRun(state: AgentState, hooks: { readonly hasBeacon?: () => boolean } = {}) {
  let bootCount = state.beginBoot();
  const chain = makeProofChain({
    ...{ state, key: NODE_KEY, network: NETWORK },
    claims: () =>
      hooks.hasBeacon?.() === false
        ? undefined
        : {
            issuer: NODE_KEY.publicKey,
            issuedAt: ISSUED_AT,
            clock: "beacon",
            nonce: new Uint8Array(32),
            uptimeSeconds: 1,
            bootCount,
            bootSeed: new Uint8Array(32).fill(bootCount),
            software: ["1"],
          },
    rebootTo: (atLeast) => {
      if (bootCount < atLeast) bootCount = state.beginBoot(atLeast);
    },
    kindOf: () => "fake",
  });
  return {
    chain,
    get bootCount() {
      return bootCount;
    },
  };
}

/** The claims in a proof of our own. */
export function proofIn(row: Pick<ProofRow, "envelope"> | undefined): Proof {
  const parsed = parseEnvelope(row?.envelope ?? new Uint8Array());
  const decoded = parsed.ok ? proofMessage.decode(parsed.value.payload) : parsed;
  if (!decoded.ok) throw decoded.error;
  return decoded.value;
}

/** The place that a proof takes, as a bookkeeper names it. */
export function headAt(row: ProofRow | undefined): ChainHead {
  if (row === undefined) throw new Error("there is no such proof");
  return { bootCount: row.bootCount, seq: row.seq, hash: row.hash };
}

/** A head that no state of ours knows. */
export function strangeHead(bootCount: number, seq: number): ChainHead {
  return { bootCount, seq, hash: sha256(Buffer.from(`${bootCount}.${seq} elsewhere`)) };
}

/** Every proof that a state holds, in chain order. */
export function allProofs(state: AgentState): ProofRow[] {
  return state.proofs.after({ bootCount: 0, seq: 0 }, 1_000_000);
}

/** The claims of a receipt for proofs up to `last`. */
export function makeReceipt(last: ProofRow | undefined, change: Partial<Receipt> = {}): Receipt {
  const { bootCount, seq, hash } = headAt(last);
  return {
    issuer: BOOKKEEPER_KEY.publicKey,
    issuedAt: ISSUED_AT,
    node: NODE_KEY.publicKey,
    subject: "proof",
    status: "accepted",
    receivedAtMs: ISSUED_AT * 1000,
    ...{ bootCount, fromSeq: seq, toSeq: seq, hash },
    ...change,
  };
}

/** A journal in the test's own folder. */
export function openJournal(t: Test): AgentState {
  const state = openAgentState(join(t.testdir({}), "agent.db"));
  t.teardown(() => state.close());
  return state;
}

/** Places of proofs in the chain, such as `2.1`. */
export const places = (rows: readonly ProofRow[]): string[] => rows.map(({ bootCount, seq }) => `${bootCount}.${seq}`);

/** Whether each proof follows the one before it, as a bookkeeper judges that. */
export function isContinuous(rows: readonly ProofRow[]): boolean {
  return rows.every((row, index) => {
    const before = rows[index - 1];
    return positionInChain(proofIn(row), before === undefined ? undefined : headAt(before)) === "next";
  });
}
