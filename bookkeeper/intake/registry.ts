import { bytesEqual, type Clock } from "../../base/index.ts";
import {
  type Descriptor,
  descriptorMessage,
  type Ed25519,
  nodeTopic,
  receiptMessage,
  type SigningKey,
} from "../../protocol/index.ts";
import type { BookkeeperEvent } from "../events.ts";
import type { Ledger } from "../ledger/ledger-store.ts";
import type { NodeState } from "../ledger/nodes-store.ts";
import { MAX_DESCRIPTORS_PER_HOUR, PRESENCE_GAP_MS } from "../limits.ts";
import type { TierJudge } from "../verify/tier-judge.ts";
import { makeBudget } from "./budget.ts";
import type { Descriptors } from "./descriptors.ts";
import { onlyKeyOf, type Sender } from "./sender.ts";
import { makeStandings } from "./standings.ts";

/** What the registry needs. */
export interface RegistryNeeds {
  readonly ledger: Ledger;
  readonly key: SigningKey;
  readonly ed25519: Ed25519;
  readonly clock: Clock;
  readonly descriptors: Descriptors;
  readonly judge: TierJudge;
  readonly publish: (topic: string, payload: Uint8Array) => void;
  readonly emit: (event: BookkeeperEvent) => void;
  readonly disbelieve: (topic: string, reason: string, detail: string) => void;
}

/** Takes descriptors in, and answers each with where the node's chain stands: a node signs nothing in a run before it heard that. */
export function makeRegistry(needs: RegistryNeeds, network: string) {
  const { ledger, key, clock } = needs;
  const budget = makeBudget(clock, MAX_DESCRIPTORS_PER_HOUR);

  const citedBy = ({ nonce }: Descriptor) => (nonce === undefined ? undefined : ledger.beacons.byHash(nonce));

  /** A descriptor from before the one that counts, by the beacons that they cite or else by the node's own order: an old one came back. */
  const isOutdated = (sender: Sender, known: NodeState, descriptor: Descriptor): boolean => {
    const { bootCount, uptimeSeconds } = descriptor;
    const counts = needs.descriptors.of(sender.key, known);
    const [beacon, before] = [citedBy(descriptor), citedBy(counts)];
    if (beacon !== undefined && before !== undefined && beacon.height !== before.height) return beacon.height < before.height;
    if (bootCount > counts.bootCount || (bootCount === counts.bootCount && uptimeSeconds >= counts.uptimeSeconds)) return false;
    // A node that lost its state counts its starts from one again. It shows that it signs today by the beacon that it cites.
    return beacon === undefined || clock.wallMs() - beacon.atMs > PRESENCE_GAP_MS;
  };

  const answer = (sender: Sender, hash: Uint8Array, receivedAtMs: number, known: NodeState | undefined): void => {
    const claims = { issuer: key.publicKey, issuedAt: Math.floor(receivedAtMs / 1000), node: sender.key } as const;
    const state = ledger.nodes.stateOf(sender.key);
    // An outdated descriptor is answered too, but says nothing of what its node is taken for now.
    const isCurrent = state !== undefined && bytesEqual(state.descriptorHash, hash);
    const tier = isCurrent ? standings.tierOf(sender.key, needs.descriptors.of(sender.key, state)) : undefined;
    const detail = isCurrent ? standings.whyOf(sender.key) : undefined;
    const answered = { subject: "descriptor", status: "accepted", receivedAtMs, hash, tier, detail, head: known?.head } as const;
    needs.publish(nodeTopic(network, sender.id, "rcpt"), receiptMessage.seal({ ...claims, ...answered }, network, key));
  };

  const standings = makeStandings({
    ...needs,
    tell: (sender, state) => answer(sender, state.descriptorHash, clock.wallMs(), state),
  });

  return {
    standings,
    /** Takes a message from a node's descriptor topic. Throws what the ledger throws; then nothing was answered. */
    onDescriptor: (sender: Sender, payload: Uint8Array): void => {
      const topic = nodeTopic(network, sender.id, "desc");
      const opened = descriptorMessage.open(payload, network, onlyKeyOf(sender), needs.ed25519);
      if (!opened.ok) return needs.disbelieve(topic, opened.error.code, opened.error.message);
      const { body, hash } = opened.value;
      const receivedAtMs = clock.wallMs();
      const known = ledger.nodes.stateOf(sender.key);
      if (known === undefined || !bytesEqual(known.descriptorHash, hash)) {
        if (!budget.take(sender.id)) return needs.disbelieve(topic, "too-many", "this node presents itself too often");
        if (known !== undefined && isOutdated(sender, known, body)) {
          needs.disbelieve(topic, "outdated", "a later descriptor of this node came before");
        } else {
          const envelope = new Uint8Array(payload);
          const changed = ledger.transaction(() => {
            ledger.records.append({ type: "node", atMs: receivedAtMs, node: sender.key, envelope });
            ledger.nodes.register(sender.key, envelope, hash);
            return standings.judge(sender, body);
          });
          needs.emit({ type: "registered", node: sender.id, tier: body.tier, board: body.board });
          if (changed !== undefined) needs.emit(changed);
        }
      }
      // Also to an outdated one: if its node is there and lost its state, this is how it learns where its chain stands.
      answer(sender, hash, receivedAtMs, known);
    },
  };
}
