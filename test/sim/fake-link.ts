/**
 * A broker in memory between one agent and its bookkeepers: it acknowledges everything, and then delivers, drops, doubles, delays and so
 * reorders by its seed. Connections come and go when a test says so; what was on its way to a connection that is gone is lost.
 */
import type { Clock, Random } from "../../base/index.ts";
import type { IncomingMessage, Link, LinkHandlers, LinkOptions, OutgoingMessage } from "../../mqtt/index.ts";

/** How badly it behaves: shares from 0 to 1. */
export interface Chaos {
  readonly drop: number;
  /** Of proofs, besides. */
  readonly dropProofs?: number;
  readonly double: number;
  /** Of publishes that are answered with an error, whether they arrive or not. */
  readonly fail: number;
  readonly maxDelayMs: number;
}

/** A broker that does what one hopes for. */
export const CALM: Chaos = { drop: 0, double: 0, fail: 0, maxDelayMs: 20 };

/** A message that the agent published, whether it was delivered or not. */
export type Witness = (message: OutgoingMessage) => void;

type MakeLink = (options: Pick<LinkOptions, "subscriptions" | "will">, handlers: LinkHandlers) => Link;

export type FakeBroker = ReturnType<typeof makeFakeBroker>;

interface Connection {
  readonly handlers: LinkHandlers;
  readonly subscriptions: ReadonlySet<string>;
  readonly will: (() => OutgoingMessage) | undefined;
  isUp: boolean;
}

/** A broker that nobody is connected to. `witness` sees what the agent sends. */
export function makeFakeBroker(needs: { readonly clock: Clock; readonly random: Random; readonly witness?: Witness }) {
  const { clock, random } = needs;
  const retained = new Map<string, Uint8Array>();
  const receivers: ((topic: string, payload: Uint8Array) => void)[] = [];
  let chaos = CALM;
  let connection: Connection | undefined;
  let started: Connection | undefined;

  const happens = (share: number): boolean => random.fraction() < share;

  /** Calls `deliver` no time, once or twice, each after its own delay. */
  const carry = (deliver: () => void): void => {
    const copies = happens(chaos.drop) ? 0 : happens(chaos.double) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      void clock.sleep(1 + Math.floor(random.fraction() * chaos.maxDelayMs)).then(deliver);
    }
  };

  const hand = (to: Connection, message: IncomingMessage): void => {
    if (to !== connection || !to.isUp || !to.subscriptions.has(message.topic)) return;
    void to.handlers.onMessage({ ...message, payload: new Uint8Array(message.payload) });
  };

  const publish = async (from: Connection, message: OutgoingMessage): Promise<void> => {
    if (from !== connection || !from.isUp) throw new Error("not connected to a broker");
    needs.witness?.(message);
    const isFailing = happens(chaos.fail);
    if (message.retain === true) retained.set(message.topic, message.payload);
    const isLost = message.topic.endsWith("/pow") && happens(chaos.dropProofs ?? 0);
    if (!isLost && (!isFailing || happens(0.5))) {
      carry(() => {
        for (const receive of receivers) receive(message.topic, message.payload);
      });
    }
    await clock.sleep(1 + Math.floor(random.fraction() * 5));
    if (isFailing || !from.isUp) throw new Error("the broker did not confirm in time");
  };

  const makeLink: MakeLink = ({ subscriptions, will }, handlers) => {
    const own: Connection = { handlers, subscriptions: new Set(subscriptions), will, isUp: false };
    return {
      start: () => {
        started = own;
      },
      get isUp() {
        return own.isUp;
      },
      publish: (message) => publish(own, message),
      stop: async (farewell) => {
        if (farewell !== undefined && own.isUp) await publish(own, farewell).catch(() => undefined);
        own.isUp = false;
        if (started === own) started = undefined;
        if (connection === own) connection = undefined;
      },
    };
  };

  return {
    makeLink,
    /** Listens to everything that agents publish from now on. */
    attach: (receive: (topic: string, payload: Uint8Array) => void): void => void receivers.push(receive),
    /** Everything that stands retained, as whoever subscribes anew gets it. */
    retained: (): readonly (readonly [topic: string, payload: Uint8Array])[] => [...retained],
    /** A bookkeeper publishes. */
    send: (topic: string, payload: Uint8Array, retain = false): void => {
      if (retain) retained.set(topic, payload);
      const to = connection;
      if (to !== undefined) carry(() => hand(to, { topic, payload, retained: false }));
    },
    /** Lets the agent's link connect, if it was started and is not connected. */
    connect: (protocolVersion: 4 | 5 = 5): void => {
      if (started === undefined || started.isUp) return;
      connection = started;
      connection.isUp = true;
      connection.handlers.onUp({ protocolVersion });
      for (const [topic, payload] of retained) hand(connection, { topic, payload, retained: true });
    },
    /** Ends the connection as a fault does, with the last will. */
    disconnect: (): void => {
      const gone = connection;
      connection = undefined;
      if (gone === undefined || !gone.isUp) return;
      gone.isUp = false;
      gone.handlers.onDown({ why: "the broker closed the connection", retryInMs: 1_000 });
    },
    /** The agent's process is gone: nothing is said to it any more. */
    vanish: (): void => {
      if (connection !== undefined) connection.isUp = false;
      [connection, started] = [undefined, undefined];
    },
    behave: (how: Chaos): void => {
      chaos = how;
    },
    /** Takes what stands retained on a topic away. */
    forgetRetained: (topic: string): void => void retained.delete(topic),
  };
}
