import { bytesEqual, type Clock } from "../../base/index.ts";
import { descriptorMessage, type Ed25519, nodeTopic, receiptMessage, type SigningKey } from "../../protocol/index.ts";
import type { BookkeeperEvent } from "../events.ts";
import type { Ledger } from "../ledger/ledger-store.ts";
import { MAX_DESCRIPTORS_PER_HOUR } from "../limits.ts";
import { makeBudget } from "./budget.ts";
import { descriptorIn } from "./intake.ts";
import { onlyKeyOf, type Sender } from "./sender.ts";

/** What the registry needs. */
export interface RegistryNeeds {
  readonly ledger: Ledger;
  readonly key: SigningKey;
  readonly ed25519: Ed25519;
  readonly clock: Clock;
  readonly publish: (topic: string, payload: Uint8Array) => void;
  readonly emit: (event: BookkeeperEvent) => void;
  readonly disbelieve: (topic: string, reason: string, detail: string) => void;
}

/** Takes descriptors in, and answers each with where the node's chain stands: a node signs nothing in a run before it heard that. */
export function makeRegistry(needs: RegistryNeeds, network: string) {
  const { ledger, key, clock } = needs;
  const budget = makeBudget(clock, MAX_DESCRIPTORS_PER_HOUR);
  return {
    onDescriptor: (sender: Sender, payload: Uint8Array): void => {
      const topic = nodeTopic(network, sender.id, "desc");
      const opened = descriptorMessage.open(payload, network, onlyKeyOf(sender), needs.ed25519);
      if (!opened.ok) return needs.disbelieve(topic, opened.error.code, opened.error.message);
      const { body, hash } = opened.value;
      const known = ledger.nodes.get(sender.key);
      const isNew = known === undefined || !bytesEqual(known.descriptorHash, hash);
      if (isNew && known !== undefined && descriptorIn(known.descriptor).bootCount > body.bootCount) {
        return needs.disbelieve(topic, "outdated", "a later start of this node presented itself before");
      }
      if (isNew && !budget.take(sender.id)) return needs.disbelieve(topic, "too-many", "this node presents itself too often");
      const receivedAtMs = clock.wallMs();
      if (isNew) {
        const envelope = new Uint8Array(payload);
        ledger.transaction(() => {
          ledger.records.append({ type: "node", atMs: receivedAtMs, node: sender.key, envelope });
          ledger.nodes.register(sender.key, envelope, hash);
        });
        needs.emit({ type: "registered", node: sender.id, tier: body.tier, board: body.board });
      }
      const receipt = receiptMessage.seal(
        {
          issuer: key.publicKey,
          issuedAt: Math.floor(receivedAtMs / 1000),
          node: sender.key,
          subject: "descriptor",
          status: "accepted",
          receivedAtMs,
          hash,
          head: known?.head,
        },
        network,
        key,
      );
      needs.publish(nodeTopic(network, sender.id, "rcpt"), receipt);
    },
  };
}
