import { bytesEqual } from "../../base/index.ts";
import { type KeyLookup, keyIdOf, parseId } from "../../protocol/index.ts";
import { MAX_REMEMBERED_NODES } from "../limits.ts";

/** Who sent a message, by the topic it came on. */
export interface Sender {
  /** The node's id, as the topic spells it. */
  readonly id: string;
  readonly key: Uint8Array;
  /** The id of that key in envelopes. */
  readonly keyId: Uint8Array;
}

/** Finds the sender behind a topic's id, remembering the answer: reading an id and hashing a key cost more than a signature's tenth. */
export function makeSenders(): { of(id: string): Sender | undefined } {
  const known = new Map<string, Sender>();
  return {
    of: (id) => {
      const found = known.get(id);
      if (found !== undefined) return found;
      const parsed = parseId(id);
      if (!parsed.ok) return undefined;
      const sender = { id, key: parsed.value, keyId: keyIdOf(parsed.value) };
      if (known.size >= MAX_REMEMBERED_NODES) known.delete(known.keys().next().value ?? "");
      known.set(id, sender);
      return sender;
    },
  };
}

/** The key lookup for messages on a sender's own topics: nobody else's key will do. */
export function onlyKeyOf(sender: Sender): KeyLookup {
  return (keyId) => (bytesEqual(keyId, sender.keyId) ? sender.key : undefined);
}
