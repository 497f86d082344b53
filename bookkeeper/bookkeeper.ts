import { type Clock, type Log, messageOf, type Random, toHex } from "../base/index.ts";
import type { IncomingMessage, Link, LinkHandlers, LinkOptions } from "../mqtt/index.ts";
import {
  beaconTopic,
  type Ed25519,
  formatId,
  nodeTopic,
  parseEnvelope,
  parseTopic,
  refusalMessage,
  type SigningKey,
  stateMessage,
} from "../protocol/index.ts";
import { makeBeaconSource } from "./beacon.ts";
import type { Contents } from "./contents-store.ts";
import { makeIssuer } from "./dispatch/issuer.ts";
import { makePlanner, type PlannerNeeds, type ReadyNode } from "./dispatch/planner.ts";
import type { BookkeeperEvent } from "./events.ts";
import { descriptorIn, makeIntake } from "./intake/intake.ts";
import { makePresence } from "./intake/presence.ts";
import { makeRegistry } from "./intake/registry.ts";
import { makeSenders, onlyKeyOf, type Sender } from "./intake/sender.ts";
import type { Ledger } from "./ledger/ledger-store.ts";
import { BEACON_MS } from "./limits.ts";
import type { Order, Plan } from "./plan.ts";
import type { makeRecheck } from "./recheck.ts";
import { specOf } from "./verify/verify-proof.ts";

/** What the bookkeeper is made of. `clock` is the ledger's time. */
export interface BookkeeperNeeds {
  readonly ledger: Ledger;
  readonly contents: Contents;
  readonly key: SigningKey;
  readonly ed25519: Ed25519;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly recheck: ReturnType<typeof makeRecheck>;
  readonly makeLink: (options: Pick<LinkOptions, "subscriptions" | "will">, handlers: LinkHandlers) => Link;
  readonly readPlanFile: PlannerNeeds["readPlanFile"];
  readonly urlOf: PlannerNeeds["urlOf"];
  readonly readOrder: (toml: string, fileName: string) => Order;
  readonly emit: (event: BookkeeperEvent) => void;
}

/** What the bookkeeper does. */
export interface BookkeeperOptions {
  readonly network: string;
  readonly plan: Plan;
  readonly recheckShare: number;
  /** Presence is booked in pieces of this length, in milliseconds. */
  readonly presenceRecordMs: number;
  /** Take proofs from a shared subscription of this name, so that several verifiers share them. MQTT 5 brokers only. */
  readonly shareGroup?: string;
}

/** The bookkeeper while it runs. */
export interface Bookkeeper {
  start(): void;
  stop(): Promise<void>;
}

/** How often work is dispatched, in milliseconds. */
const TICK_MS = 500;

/** Puts the parts together: messages in through intake and registry to the ledger, assignments, beacons and receipts out. */
export function makeBookkeeper(needs: BookkeeperNeeds, options: BookkeeperOptions): Bookkeeper {
  const { ledger, key, clock, emit, log } = needs;
  const { network } = options;
  const stopping = new AbortController();
  const senders = makeSenders();
  const publish = (topic: string, payload: Uint8Array, retain = false): void => {
    link.publish({ topic, payload, retain }).catch((thrown) => log.debug({ topic, why: messageOf(thrown) }, "not published"));
  };
  const disbelieve = (topic: string, reason: string, detail: string): void =>
    emit({ type: "disbelieved", topic, reason, detail });

  const intake = makeIntake(
    {
      ...needs,
      publish,
      readContent: needs.contents.readRange,
      onRemoved: (blob) => {
        if (!ledger.placements.isPlaced(blob)) needs.contents.remove(blob);
      },
    },
    { network, recheckShare: options.recheckShare },
  );
  const registry = makeRegistry({ ledger, key, ed25519: needs.ed25519, clock, publish, emit, disbelieve }, network);
  const presence = makePresence({ ledger, clock }, { recordMs: options.presenceRecordMs });
  const beacons = makeBeaconSource({ ledger, key, clock, random: needs.random }, network);
  const issuer = makeIssuer({ ledger, key, clock, random: needs.random, publish, emit }, network);
  const planner = makePlanner({ ...needs, issuer }, options.plan);

  const every = (channel: Parameters<typeof nodeTopic>[2]): string => nodeTopic(network, "+", channel);
  const proofs = options.shareGroup === undefined ? every("pow") : `$share/${options.shareGroup}/${every("pow")}`;
  const link = needs.makeLink(
    { subscriptions: [every("desc"), every("state"), proofs] },
    {
      onUp: ({ protocolVersion }) => {
        emit({ type: "online", protocolVersion });
        publishBeacon();
      },
      onDown: ({ why, retryInMs }) => emit({ type: "offline", why, retryInMs }),
      onMessage: (message) => onMessage(message),
    },
  );

  const publishBeacon = (): void => publish(beaconTopic(network, key.id), beacons.next().envelope, true);

  const onMessage = (message: IncomingMessage): void | Promise<void> => {
    const topic = parseTopic(message.topic);
    if (topic?.kind !== "node" || topic.network !== network) return;
    const sender = senders.of(topic.nodeId);
    if (sender === undefined) return disbelieve(message.topic, "bad-identity", "the topic names no node");
    switch (topic.channel) {
      case "desc":
        return registry.onDescriptor(sender, message.payload);
      case "state":
        return message.retained ? undefined : onState(sender, message);
      case "pow":
        return onWork(sender, message);
    }
  };

  const onState = (sender: Sender, { topic, payload }: IncomingMessage): void => {
    const opened = stateMessage.open(payload, network, onlyKeyOf(sender), needs.ed25519);
    if (!opened.ok) return disbelieve(topic, opened.error.code, opened.error.message);
    const node = ledger.nodes.get(sender.key);
    if (node === undefined) return;
    presence.onState(sender.key, opened.value.body, descriptorIn(node.descriptor).tier);
    announceAccount(sender);
  };

  const onWork = (sender: Sender, message: IncomingMessage): void | Promise<void> => {
    const envelope = parseEnvelope(message.payload);
    if (!envelope.ok) return disbelieve(message.topic, envelope.error.code, envelope.error.message);
    if (envelope.value.role === "refusal") return onRefusal(sender, message);
    return intake.take(sender, new Uint8Array(message.payload), clock.wallMs()).then(() => announceAccount(sender));
  };

  const onRefusal = (sender: Sender, { topic, payload }: IncomingMessage): void => {
    const opened = refusalMessage.open(payload, network, onlyKeyOf(sender), needs.ed25519);
    if (!opened.ok) return disbelieve(topic, opened.error.code, opened.error.message);
    const { assignment: id, reason, detail = "" } = opened.value.body;
    const row = id === undefined ? undefined : ledger.assignments.get(id);
    if (row !== undefined && toHex(row.node) === toHex(sender.key)) {
      ledger.transaction(() => {
        // Whoever says it was done before has taken it before: its proof is on the way, or here already.
        if (reason !== "replayed" && reason !== "conflicting") ledger.assignments.close(row.id, "refused", reason);
        const { spec } = specOf(row);
        const blob = spec["module"] ?? spec["blob"];
        if (reason === "blob-unknown" && blob instanceof Uint8Array) ledger.placements.remove(sender.key, blob);
      });
    }
    emit({ type: "refusal", node: sender.id, assignment: id === undefined ? undefined : toHex(id), reason, detail });
  };

  const announced = new Map<string, bigint>();
  const announceAccount = (sender: Sender): void => {
    const parts = ledger.accounts.of(sender.key);
    const total = parts.online + parts.work + parts.bonus;
    if (announced.get(sender.id) === total) return;
    announced.set(sender.id, total);
    emit({ type: "account", node: sender.id, ...parts, total });
  };

  const readyNodes = (): ReadyNode[] =>
    presence.present().flatMap((nodeKey) => {
      const row = ledger.nodes.get(nodeKey);
      if (row === undefined) return [];
      const { tier, kinds } = descriptorIn(row.descriptor);
      return [{ key: nodeKey, tier, kinds }];
    });

  const repeatEvery = async (intervalMs: number, what: string, work: () => void | Promise<void>): Promise<void> => {
    while (!stopping.signal.aborted) {
      await clock.sleep(intervalMs, stopping.signal).catch(() => undefined);
      if (stopping.signal.aborted) return;
      try {
        await work();
      } catch (thrown) {
        log.error({ error: messageOf(thrown) }, `${what} failed; it is tried again`);
        emit({ type: "trouble", what: `${what}: ${messageOf(thrown)}` });
      }
    }
  };

  const dispatch = async (): Promise<void> => {
    if (!link.isUp) return;
    const nodes = readyNodes();
    await planner.takeOrders(nodes, needs.readOrder);
    for (const node of nodes) await planner.visit(node);
    issuer.resend(presence.isPresent);
  };

  const loops: Promise<void>[] = [];
  return {
    start: () => {
      emit({ type: "started", bookkeeper: formatId(key.publicKey), records: ledger.records.tip().height });
      link.start();
      loops.push(
        repeatEvery(BEACON_MS, "beacon", () => {
          if (link.isUp) publishBeacon();
        }),
        repeatEvery(TICK_MS, "dispatch", dispatch),
        repeatEvery(TICK_MS, "repeating jobs", async () => {
          while (!stopping.signal.aborted && (await needs.recheck.next(stopping.signal)));
        }),
      );
    },
    stop: async () => {
      stopping.abort();
      await Promise.all(loops);
      await link.stop();
      presence.close();
      emit({ type: "stopped" });
    },
  };
}
