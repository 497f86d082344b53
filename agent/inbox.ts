import { type Log, messageOf } from "../base/index.ts";
import type { IncomingMessage } from "../mqtt/index.ts";
import { beaconMessage, type Ed25519, type KeyLookup, parseTopic } from "../protocol/index.ts";
import type { NetworkTime } from "./network-time.ts";

/** What the inbox needs. */
export interface InboxNeeds {
  readonly network: string;
  /** The keys of the bookkeepers that the owner trusts. */
  readonly keyFor: KeyLookup;
  readonly ed25519: Ed25519;
  readonly time: NetworkTime;
  readonly log: Log;
  readonly onCommand: (payload: Uint8Array) => Promise<void>;
  readonly onReceipt: (payload: Uint8Array) => void;
  /** The first beacon of a bookkeeper in this run came: what waited for something to cite can be signed. */
  readonly onFirstBeacon: () => void;
  readonly onTrouble: (what: string) => void;
}

/**
 * Hands each message to the desk for its topic. Never throws and never rejects, as the link asks of its handlers: what goes wrong with a
 * message costs that message alone, and whoever sent it will send it again.
 */
export function makeInbox(needs: InboxNeeds): (message: IncomingMessage) => void | Promise<void> {
  const onBeacon = (payload: Uint8Array): void => {
    const opened = beaconMessage.open(payload, needs.network, needs.keyFor, needs.ed25519);
    if (!opened.ok) return needs.log.warn({ why: opened.error.message }, "beacon not believed");
    const { body, hash } = opened.value;
    const isFirst = needs.time.secondsOf(body.issuer) === undefined;
    if (needs.time.onBeacon(body, hash) && isFirst) needs.onFirstBeacon();
  };

  const take = (message: IncomingMessage): void | Promise<void> => {
    const topic = parseTopic(message.topic);
    if (topic === undefined || topic.network !== needs.network) return;
    if (topic.kind === "beacon") return onBeacon(message.payload);
    if (topic.channel === "rcpt") return needs.onReceipt(message.payload);
    if (topic.channel === "cmd") return needs.onCommand(message.payload);
  };

  const report = (thrown: unknown): void => needs.onTrouble(`a message could not be taken: ${messageOf(thrown)}`);

  return (message) => {
    try {
      return take(message)?.catch(report);
    } catch (thrown) {
      report(thrown);
    }
  };
}
