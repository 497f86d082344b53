/** A message from the broker. */
export interface IncomingMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  /** It stood on the broker before this connection subscribed. */
  readonly retained: boolean;
}

/** A message to the broker. */
export interface OutgoingMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly retain?: boolean;
}

/** What happens on a link. Handlers must not throw. */
export interface LinkHandlers {
  /** A connection stands and is subscribed. Called again after each reconnect. */
  onUp(details: { readonly protocolVersion: 4 | 5 }): void;
  /** The connection is gone, or an attempt failed; another attempt follows after `retryInMs`. */
  onDown(details: { readonly why: string; readonly retryInMs: number }): void;
  /** A message arrived. While a returned promise is pending, more than MAX_UNTAKEN_MESSAGES hold the broker back. */
  onMessage(message: IncomingMessage): void | Promise<void>;
}

/** How to reach a broker, and as whom. */
export interface LinkOptions {
  /** `mqtt://host[:port]` or `mqtts://host[:port]`. */
  readonly url: string;
  readonly clientId: string;
  readonly username?: string;
  readonly password?: string;
  /** PEM texts for `mqtts`: whom to trust (default: the system's authorities), and who this is. */
  readonly tls?: { readonly ca?: string; readonly certificate?: string; readonly key?: string };
  /** Topic filters to subscribe to on every connection, at QoS 1. */
  readonly subscriptions: readonly string[];
  /** Published by the broker when this side vanishes; asked for anew before each connection. */
  readonly will?: () => OutgoingMessage;
}

/**
 * A connection to a broker that is kept up: sessions are clean, so nothing waits on the broker; whoever needs an answer sends again.
 */
export interface Link {
  /** Begins to connect, and keeps at it until `stop`. */
  start(): void;
  readonly isUp: boolean;
  /** Sends at QoS 1, at most MAX_MESSAGE_BYTES. Resolves when the broker took it, which is no delivery. Rejects with MqttError. */
  publish(message: OutgoingMessage): Promise<void>;
  /** Says goodbye (after `farewell`, which stands in for the will) and ends. */
  stop(farewell?: OutgoingMessage): Promise<void>;
}
