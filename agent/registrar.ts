import { backoffMs, type Clock, type Random, sha256, toHex } from "../base/index.ts";
import type { OutgoingMessage } from "../mqtt/index.ts";
import { descriptorMessage, nodeTopic, type SigningKey, stateMessage } from "../protocol/index.ts";
import type { NodeClaims } from "./claims.ts";
import type { NodeFacts } from "./descriptor.ts";
import { HEARTBEAT_MS, MAX_REMEMBERED_DESCRIPTORS, REGISTRATION_WAIT } from "./limits.ts";

/** What the registrar needs. */
export interface RegistrarNeeds {
  readonly key: SigningKey;
  readonly clock: Clock;
  readonly random: Random;
  readonly network: string;
  readonly claims: () => NodeClaims;
  /** What the node says of itself, as of now. */
  readonly facts: () => NodeFacts;
  /** Proofs that wait for a receipt. */
  readonly waitingProofs: () => number;
  readonly isUp: () => boolean;
  /** Never rejects; what was not sent is sent again. */
  readonly publish: (message: OutgoingMessage) => Promise<void>;
}

export type Registrar = ReturnType<typeof makeRegistrar>;

/** Presents the node to its bookkeepers: the descriptor until one answers it, and then signs of life. */
export function makeRegistrar(needs: RegistrarNeeds) {
  const { key, clock, network } = needs;
  const published: string[] = [];
  const stopping = new AbortController();
  let waiting: AbortController | undefined;

  const stateOf = (online: boolean): OutgoingMessage => ({
    topic: nodeTopic(network, key.id, "state"),
    payload: stateMessage.seal({ ...needs.claims(), online, outbox: needs.waitingProofs() }, network, key),
    retain: true,
  });

  const publishDescriptor = (): Promise<void> => {
    const body = { ...needs.claims(), ...needs.facts() };
    published.unshift(toHex(sha256(descriptorMessage.encode(body))));
    published.length = Math.min(published.length, MAX_REMEMBERED_DESCRIPTORS);
    return needs.publish({
      topic: nodeTopic(network, key.id, "desc"),
      payload: descriptorMessage.seal(body, network, key),
      retain: true,
    });
  };

  return {
    /** Publishes the descriptor, and again until `pause` or `onAnswered`. */
    present: async (): Promise<void> => {
      waiting?.abort();
      const round = new AbortController();
      waiting = round;
      for (let attempt = 0; !round.signal.aborted; attempt++) {
        await publishDescriptor();
        await needs.publish(stateOf(true));
        await clock.sleep(backoffMs(attempt, REGISTRATION_WAIT, needs.random), round.signal).catch(() => undefined);
      }
    },
    pause: (): void => waiting?.abort(),
    /**
     * A bookkeeper answered the descriptor with this hash. False when this run did not publish it: an old answer, played back, would
     * send the chain astray.
     */
    onAnswered: (hash: Uint8Array | undefined): boolean => {
      if (hash === undefined || !published.includes(toHex(hash))) return false;
      waiting?.abort();
      return true;
    },
    /** Sends signs of life until `stop`. */
    beat: async (): Promise<void> => {
      while (!stopping.signal.aborted) {
        const waitMs = HEARTBEAT_MS * (0.9 + 0.2 * needs.random.fraction());
        await clock.sleep(waitMs, stopping.signal).catch(() => undefined);
        if (!stopping.signal.aborted && needs.isUp()) await needs.publish(stateOf(true));
      }
    },
    /** What the broker says for this node when it vanishes, and what the node says itself when it leaves. */
    farewell: (): OutgoingMessage => stateOf(false),
    stop: (): void => {
      stopping.abort();
      waiting?.abort();
    },
  };
}
