import { toHex } from "../../base/index.ts";
import { type Descriptor, descriptorMessage, parseEnvelope } from "../../protocol/index.ts";
import type { Ledger } from "../ledger/ledger-store.ts";
import type { NodeState } from "../ledger/nodes-store.ts";
import { MAX_DECODED_DESCRIPTORS } from "../limits.ts";

export type Descriptors = ReturnType<typeof makeDescriptors>;

/** The descriptors of registered nodes, each decoded once. */
export function makeDescriptors(ledger: Ledger) {
  const decoded = new Map<string, Descriptor>();
  return {
    /** The descriptor that counts for a node in this state. */
    of: (node: Uint8Array, { descriptorHash }: NodeState): Descriptor => {
      const name = toHex(descriptorHash);
      const known = decoded.get(name);
      if (known !== undefined) return known;
      const descriptor = descriptorIn(ledger.nodes.descriptorOf(node));
      if (decoded.size >= MAX_DECODED_DESCRIPTORS) decoded.delete(decoded.keys().next().value ?? "");
      decoded.set(name, descriptor);
      return descriptor;
    },
  };
}

/** The descriptor in a registered node's signed bytes, which were verified when they came. */
export function descriptorIn(envelope: Uint8Array): Descriptor {
  const parsed = parseEnvelope(envelope);
  const decoded = parsed.ok ? descriptorMessage.decode(parsed.value.payload) : parsed;
  if (!decoded.ok) throw decoded.error;
  return decoded.value;
}
