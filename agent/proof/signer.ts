import { type Clock, messageOf, toHex } from "../../base/index.ts";
import type { Counters } from "../counters.ts";
import type { AgentEvent } from "../events.ts";
import { FULL_DISK_WAIT_MS } from "../limits.ts";
import type { ProofChain } from "./chain.ts";
import type { Outbox } from "./outbox.ts";

/** What the signer needs. */
export interface SignerNeeds {
  readonly chain: ProofChain;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly emit: (event: AgentEvent) => void;
}

export type Signer = ReturnType<typeof makeSigner>;

/**
 * Signs what is finished as soon as it can be, and hands it to the outbox. Where the journal cannot be written the outcomes stay in it as
 * finished, and the signer tries again until it succeeds.
 */
export function makeSigner(needs: SignerNeeds) {
  const { chain, outbox, counters, emit } = needs;
  const stopping = new AbortController();
  let isRetrying = false;

  const trySigning = (): string | undefined => {
    try {
      for (const proof of chain.signFinished()) {
        counters.proofs += 1;
        emit({ type: "proved", assignment: toHex(proof.task), bootCount: proof.bootCount, seq: proof.seq });
      }
      outbox.wake();
      return undefined;
    } catch (thrown) {
      return messageOf(thrown);
    }
  };

  const retry = async (): Promise<void> => {
    isRetrying = true;
    do await needs.clock.sleep(FULL_DISK_WAIT_MS, stopping.signal).catch(() => undefined);
    while (!stopping.signal.aborted && trySigning() !== undefined);
    isRetrying = false;
  };

  return {
    /** Signs all that can be signed now. Never throws. */
    sign: (): void => {
      const why = trySigning();
      if (why === undefined || isRetrying || stopping.signal.aborted) return;
      emit({ type: "trouble", what: `proofs could not be written, and are tried again: ${why}` });
      void retry();
    },
    stop: (): void => stopping.abort(),
  };
}
