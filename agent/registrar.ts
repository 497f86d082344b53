import { backoffMs, bytesEqual, type Clock, messageOf, type Random, sha256, toHex } from "../base/index.ts";
import type { OutgoingMessage } from "../mqtt/index.ts";
import { descriptorMessage, nodeTopic, type Receipt, type SigningKey, stateMessage } from "../protocol/index.ts";
import type { NodeClaims } from "./claims.ts";
import type { NodeFacts } from "./descriptor.ts";
import { HEARTBEAT_MS, REGISTRATION_WAIT } from "./limits.ts";

/** What the registrar needs. */
export interface RegistrarNeeds {
  readonly key: SigningKey;
  readonly clock: Clock;
  readonly random: Random;
  readonly network: string;
  /** Public keys of the bookkeepers that should know this node. */
  readonly bookkeepers: readonly Uint8Array[];
  /** The claims of a message signed now; citing the latest beacon of a bookkeeper, or of any. */
  readonly claims: (bookkeeper?: Uint8Array) => NodeClaims;
  /** What the node says of itself, as of now. */
  readonly facts: () => NodeFacts;
  /** Proofs that wait for a receipt. */
  readonly waitingProofs: () => number;
  readonly isUp: () => boolean;
  /** Never rejects; what was not sent is sent again. */
  readonly publish: (message: OutgoingMessage) => Promise<void>;
  /** Something that should work did not. */
  readonly onTrouble: (what: string) => void;
}

export type Registrar = ReturnType<typeof makeRegistrar>;

/** One descriptor on its way to all bookkeepers. */
interface Round {
  readonly ending: AbortController;
  /** Bookkeepers that have not answered it, as hexadecimal. */
  readonly unanswered: Set<string>;
  /** Hash of the descriptor, once it is signed. */
  hash?: Uint8Array;
}

/** Presents the node to its bookkeepers: one descriptor until each has answered it, and then signs of life. */
export function makeRegistrar(needs: RegistrarNeeds) {
  const { key, clock, network } = needs;
  const stopping = new AbortController();
  let round: Round | undefined;

  const stateOf = (online: boolean, bookkeeper?: Uint8Array): OutgoingMessage => ({
    topic: nodeTopic(network, key.id, "state"),
    payload: stateMessage.seal({ ...needs.claims(bookkeeper), online, outbox: needs.waitingProofs() }, network, key),
    retain: true,
  });

  /** A sign of life for each bookkeeper: one counts only what cites a beacon of its own. */
  const publishStates = async (): Promise<void> => {
    for (const bookkeeper of needs.bookkeepers) await needs.publish(stateOf(true, bookkeeper));
  };

  const wait = (durationMs: number, signal: AbortSignal): Promise<void> => clock.sleep(durationMs, signal).catch(() => undefined);

  /** The same bytes each time, so that whoever knows them already need not record them again. */
  const publishUntilAnswered = async (mine: Round, delayMs: number): Promise<void> => {
    const { signal } = mine.ending;
    if (delayMs > 0) await wait(delayMs, signal);
    if (signal.aborted) return;
    const body = { ...needs.claims(), ...needs.facts() };
    const payload = descriptorMessage.seal(body, network, key);
    mine.hash = sha256(descriptorMessage.encode(body));
    for (let attempt = 0; !signal.aborted; attempt++) {
      await needs.publish({ topic: nodeTopic(network, key.id, "desc"), payload, retain: true });
      await publishStates();
      await wait(backoffMs(attempt, REGISTRATION_WAIT, needs.random), signal);
    }
  };

  const begin = (delayMs: number): void => {
    round?.ending.abort();
    if (stopping.signal.aborted) return;
    round = { ending: new AbortController(), unanswered: new Set(needs.bookkeepers.map(toHex)) };
    publishUntilAnswered(round, delayMs).catch((thrown) =>
      needs.onTrouble(`the descriptor could not be signed: ${messageOf(thrown)}`),
    );
  };

  const beat = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await wait(HEARTBEAT_MS * (0.9 + 0.2 * needs.random.fraction()), stopping.signal);
      if (stopping.signal.aborted || !needs.isUp()) continue;
      try {
        await publishStates();
      } catch (thrown) {
        needs.onTrouble(`no sign of life could be signed: ${messageOf(thrown)}`);
      }
    }
  };

  return {
    /** Publishes the descriptor as of now, and again until `pause` or until every bookkeeper answered it. */
    present: (): void => begin(0),
    /** The same after a pause, for when an answer is what made a new descriptor necessary: no two programs drive each other round. */
    presentAgain: (): void => begin(backoffMs(0, REGISTRATION_WAIT, needs.random)),
    pause: (): void => round?.ending.abort(),
    /**
     * Whether a receipt is a bookkeeper's first answer to the descriptor under way. An answer to an earlier one, played back, would send
     * the chain astray.
     */
    onAnswered: ({ hash, issuer }: Pick<Receipt, "hash" | "issuer">): boolean => {
      if (round?.hash === undefined || hash === undefined || !bytesEqual(round.hash, hash)) return false;
      const isFirst = round.unanswered.delete(toHex(issuer));
      if (round.unanswered.size === 0) round.ending.abort();
      return isFirst;
    },
    /** Whether a receipt is about the descriptor under way, or the one that was answered last. */
    isAbout: ({ hash }: Pick<Receipt, "hash">): boolean =>
      round?.hash !== undefined && hash !== undefined && bytesEqual(round.hash, hash),
    /** Sends signs of life until `stop`. */
    beat: (): void => void beat(),
    /** What the broker says for this node when it vanishes, and what the node says itself when it leaves. */
    farewell: (): OutgoingMessage => stateOf(false),
    stop: (): void => {
      stopping.abort();
      round?.ending.abort();
    },
  };
}
