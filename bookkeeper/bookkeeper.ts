import { type Clock, type Log, messageOf, type Random } from "../base/index.ts";
import type { IncomingMessage, Link, LinkHandlers, LinkOptions } from "../mqtt/index.ts";
import { beaconTopic, type Ed25519, formatId, nodeTopic, parseTopic, type SigningKey, stateMessage } from "../protocol/index.ts";
import { makeBeaconSource } from "./beacon.ts";
import type { Contents } from "./contents-store.ts";
import { makeSweep } from "./contents-sweep.ts";
import { makeIssuer } from "./dispatch/issuer.ts";
import { makePlanner, type PlannerNeeds, type ReadyNode } from "./dispatch/planner.ts";
import type { BookkeeperEvent } from "./events.ts";
import { makeBudget } from "./intake/budget.ts";
import { makeDescriptors } from "./intake/descriptors.ts";
import { makeIntake } from "./intake/intake.ts";
import { makePresence } from "./intake/presence.ts";
import { makeRefusals } from "./intake/refusals.ts";
import { makeRegistry } from "./intake/registry.ts";
import { makeSenders, onlyKeyOf, type Sender } from "./intake/sender.ts";
import type { Ledger } from "./ledger/ledger-store.ts";
import { BEACON_MS, MAX_DISBELIEVED_PER_HOUR, MAX_REMEMBERED_NODES, SWEEP_MS } from "./limits.ts";
import type { Order, Plan } from "./plan.ts";
import type { makeRecheck } from "./recheck.ts";
import { makeTroubles } from "./troubles.ts";
import type { TierJudge } from "./verify/tier-judge.ts";

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
  readonly judge: TierJudge;
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
  const { ledger, key, clock, emit, log, ed25519 } = needs;
  const { network } = options;
  const stopping = new AbortController();
  const senders = makeSenders();
  const troubles = makeTroubles({ clock, log, emit });
  const publish = (topic: string, payload: Uint8Array, retain = false): void => {
    link.publish({ topic, payload, retain }).catch((thrown) => log.debug({ topic, why: messageOf(thrown) }, "not published"));
  };
  const believed = makeBudget(clock, MAX_DISBELIEVED_PER_HOUR);
  const disbelieve = (topic: string, reason: string, detail: string): void => {
    if (believed.take(topic)) emit({ type: "disbelieved", topic, reason, detail });
  };
  const announceAccount = makeAnnouncer(ledger, emit);

  const descriptors = makeDescriptors(ledger);
  const registry = makeRegistry({ ...needs, descriptors, publish, disbelieve }, network);
  const { standings } = registry;
  const presence = makePresence({ ledger, clock }, { recordMs: options.presenceRecordMs });
  const beacons = makeBeaconSource({ ledger, key, clock, random: needs.random }, network);
  const issuer = makeIssuer({ ledger, key, clock, random: needs.random, publish, emit }, network);
  const planner = makePlanner({ ...needs, issuer, onProblem: troubles.tell }, options.plan);
  const refusals = makeRefusals({ ledger, ed25519, emit, disbelieve }, network);
  const intake = makeIntake(
    {
      ...{ ...needs, publish, descriptors, disbelieve },
      readContent: needs.contents.readRange,
      onOther: (sender, payload) => troubles.guard("taking a refusal", () => refusals.onRefusal(sender, payload)),
      onAnswered: announceAccount,
      onContradicted: (sender) => troubles.guard("judging a node", () => standings.review(sender)),
    },
    { network, recheckShare: options.recheckShare },
  );
  const sweep = makeSweep({ ledger, contents: needs.contents });

  const every = (channel: Parameters<typeof nodeTopic>[2]): string => nodeTopic(network, "+", channel);
  const proofs = options.shareGroup === undefined ? every("pow") : `$share/${options.shareGroup}/${every("pow")}`;
  const link = needs.makeLink(
    { subscriptions: [every("desc"), every("state"), proofs] },
    {
      onUp: ({ protocolVersion }) => {
        emit({ type: "online", protocolVersion });
        troubles.guard("publishing a beacon", publishBeacon);
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
    // All such topics share one allowance: anybody can think of any number of them.
    if (sender === undefined) return disbelieve("", "bad-identity", `the topic ${message.topic} names no node`);
    switch (topic.channel) {
      case "desc":
        return troubles.guard("registering a node", () => registry.onDescriptor(sender, message.payload));
      case "state":
        return message.retained ? undefined : troubles.guard("booking presence", () => onState(sender, message));
      case "pow":
        return intake.take(sender, new Uint8Array(message.payload), clock.wallMs());
    }
  };

  const onState = (sender: Sender, { topic, payload }: IncomingMessage): void => {
    const node = ledger.nodes.stateOf(sender.key);
    if (node === undefined) return;
    const opened = stateMessage.open(payload, network, onlyKeyOf(sender), ed25519);
    if (!opened.ok) return disbelieve(topic, opened.error.code, opened.error.message);
    // What spoke against it fades with time.
    if (standings.whyOf(sender.key) !== undefined) standings.review(sender);
    presence.onState(sender.key, opened.value.body, standings.tierOf(sender.key, descriptors.of(sender.key, node)));
    announceAccount(sender);
  };

  const readyNodes = (): ReadyNode[] =>
    presence.present().flatMap((nodeKey) => {
      const state = ledger.nodes.stateOf(nodeKey);
      if (state === undefined) return [];
      const descriptor = descriptors.of(nodeKey, state);
      return [{ key: nodeKey, tier: standings.tierOf(nodeKey, descriptor), kinds: descriptor.kinds }];
    });

  const repeatEvery = async (intervalMs: number, what: string, work: () => void | Promise<void>): Promise<void> => {
    while (!stopping.signal.aborted) {
      await clock.sleep(intervalMs, stopping.signal).catch(() => undefined);
      if (stopping.signal.aborted) return;
      try {
        await work();
      } catch (thrown) {
        troubles.tell(what, thrown);
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
        repeatEvery(BEACON_MS, "publishing a beacon", () => {
          if (link.isUp) publishBeacon();
        }),
        repeatEvery(TICK_MS, "dispatching work", dispatch),
        repeatEvery(TICK_MS, "repeating jobs", async () => {
          while (!stopping.signal.aborted && (await needs.recheck.next(stopping.signal)));
        }),
        repeatEvery(SWEEP_MS, "removing contents", sweep.next),
      );
    },
    stop: async () => {
      stopping.abort();
      await Promise.all(loops);
      // What has arrived is recorded and answered while there still is a link for it.
      intake.close();
      await link.stop();
      troubles.guard("booking presence", presence.close);
      emit({ type: "stopped" });
    },
  };
}

/** Tells of a node's account whenever it is another one than was told last. */
function makeAnnouncer(ledger: Ledger, emit: (event: BookkeeperEvent) => void): (sender: Sender) => void {
  const announced = new Map<string, bigint>();
  return ({ id, key }) => {
    const parts = ledger.accounts.of(key);
    const total = parts.online + parts.work + parts.bonus;
    if (announced.get(id) === total) return;
    if (announced.size >= MAX_REMEMBERED_NODES) announced.clear();
    announced.set(id, total);
    emit({ type: "account", node: id, ...parts, total });
  };
}
