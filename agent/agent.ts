import { type Clock, type Log, messageOf, type Random, toHex } from "../base/index.ts";
import type { Link, LinkHandlers, LinkOptions, OutgoingMessage } from "../mqtt/index.ts";
import { beaconTopic, type Ed25519, formatId, keyIdOf, nodeTopic, type SigningKey } from "../protocol/index.ts";
import { type Boot, nodeClaims } from "./claims.ts";
import { commandOf } from "./command.ts";
import { type DeskNeeds, makeCommandDesk } from "./command-desk.ts";
import type { OwnerLimits } from "./config.ts";
import { type Counters, makeCounters } from "./counters.ts";
import type { NodeFacts } from "./descriptor.ts";
import type { AgentEvent } from "./events.ts";
import { makeInbox } from "./inbox.ts";
import { DRAIN_MS } from "./limits.ts";
import type { NetworkTime } from "./network-time.ts";
import { makeProofChain } from "./proof/chain.ts";
import { makeOutbox } from "./proof/outbox.ts";
import { makeSigner } from "./proof/signer.ts";
import { makeReceiptDesk } from "./receipt-desk.ts";
import { makeRegistrar } from "./registrar.ts";
import type { Service } from "./services/service.ts";
import { makeStandings } from "./standings.ts";
import type { AgentState } from "./state-store.ts";
import { makeWorkbench } from "./workbench.ts";

/** What the agent is made of. */
export interface AgentNeeds extends Pick<DeskNeeds, "readNode" | "minuteOfDay"> {
  readonly state: AgentState;
  readonly key: SigningKey;
  readonly ed25519: Ed25519;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly time: NetworkTime;
  readonly services: ReadonlyMap<string, Service<unknown>>;
  readonly makeLink: (options: Pick<LinkOptions, "subscriptions" | "will">, handlers: LinkHandlers) => Link;
  readonly emit: (event: AgentEvent) => void;
}

/** Who the agent works for, as what. */
export interface AgentOptions {
  readonly network: string;
  readonly version: string;
  /** Public keys of the bookkeepers that the owner trusts. */
  readonly bookkeepers: readonly Uint8Array[];
  /** How many tasks of a kind run at once. */
  readonly concurrency: Readonly<Record<string, number>>;
}

/** The agent while it runs. */
export interface Agent {
  start(): void;
  /** Ends within DRAIN_MS and a moment: running work is finished or journaled, the link says goodbye. */
  stop(): Promise<void>;
  /** The owner's limits changed, and with them perhaps the node's facts. */
  reload(limits: OwnerLimits, facts: NodeFacts): void;
  readonly counters: Counters;
}

/** Puts the parts together: messages in from the link, commands over the desk to the workbench, proofs through the outbox out. */
export function makeAgent(needs: AgentNeeds, options: AgentOptions, initial: { limits: OwnerLimits; facts: NodeFacts }): Agent {
  const { state, key, clock, random, log, time, emit } = needs;
  const { network } = options;
  let { limits, facts } = initial;
  let stopped: Promise<void> | undefined;
  let boot: Boot = { count: state.beginBoot(), seed: random.bytes(32), startedMs: clock.monotonicMs() };
  const counters = makeCounters();
  const trusted = new Map(options.bookkeepers.map((publicKey) => [toHex(keyIdOf(publicKey)), publicKey]));
  const keyFor = (keyId: Uint8Array): Uint8Array | undefined => trusted.get(toHex(keyId));
  const claims = (beacon?: Uint8Array) =>
    nodeClaims({ clock, time, publicKey: key.publicKey, version: options.version }, boot, beacon);
  const onTrouble = (what: string): void => emit({ type: "trouble", what });
  const ownTopic = (channel: Parameters<typeof nodeTopic>[2]): string => nodeTopic(network, key.id, channel);

  const link = needs.makeLink(
    {
      subscriptions: [
        ownTopic("cmd"),
        ownTopic("rcpt"),
        ...options.bookkeepers.map((each) => beaconTopic(network, formatId(each))),
      ],
      will: () => registrar.farewell(),
    },
    {
      onUp: ({ protocolVersion }) => {
        counters.connections += 1;
        emit({ type: "online", protocolVersion });
        registrar.present();
      },
      onDown: ({ why, retryInMs }) => {
        registrar.pause();
        outbox.close();
        emit({ type: "offline", why, retryInMs });
      },
      onMessage: (message) => takeIn(message),
    },
  );
  const publish = (message: OutgoingMessage): Promise<void> =>
    link.publish(message).catch((thrown) => log.debug({ topic: message.topic, why: messageOf(thrown) }, "not published"));

  const registrar = makeRegistrar({
    ...{ key, clock, random, network, publish, onTrouble },
    bookkeepers: options.bookkeepers,
    claims: (bookkeeper) => claims(bookkeeper === undefined ? undefined : time.beaconOf(bookkeeper)),
    facts: () => facts,
    waitingProofs: () => state.proofs.waitingCount(),
    isUp: () => link.isUp,
  });
  const chain = makeProofChain({
    ...{ state, key, network },
    claims: (task) => {
      const beacon = time.beaconFor(commandOf(task));
      return beacon === undefined ? undefined : claims(beacon);
    },
    rebootTo: (atLeast) => {
      if (boot.count < atLeast) boot = { ...boot, count: state.beginBoot(atLeast), seed: random.bytes(32) };
    },
    kindOf: (task) => commandOf(task).kind,
  });
  const outbox = makeOutbox({
    ...{ state, clock, random },
    publish: (payload) => link.publish({ topic: ownTopic("pow"), payload }),
    onTrouble: (thrown) => onTrouble(`proofs could not be read: ${messageOf(thrown)}`),
  });
  const signer = makeSigner({ chain, outbox, clock, counters, emit });
  const workbench = makeWorkbench(
    { state, clock, log, services: needs.services, boot: () => boot, emit, onFinished: signer.sign },
    { concurrency: options.concurrency },
  );
  const commands = makeCommandDesk({
    ...{ ...needs, network, keyFor, claims, workbench, outbox, counters },
    terms: () => ({ limits, tier: facts.tier }),
    isStopping: () => stopped !== undefined,
    publishRefusal: (payload) => void publish({ topic: ownTopic("pow"), payload }),
  });

  const standings = makeStandings(state, emit);
  const receipts = makeReceiptDesk({ ...needs, network, keyFor, registrar, standings, chain, outbox, signer, counters });

  const takeIn = makeInbox({
    ...{ network, keyFor, ed25519: needs.ed25519, time, log },
    onCommand: commands.onCommand,
    onReceipt: receipts.onReceipt,
    onFirstBeacon: signer.sign,
    onTrouble: (what) => {
      if (stopped === undefined) onTrouble(what);
    },
  });

  const stop = async (): Promise<void> => {
    registrar.stop();
    await workbench.stop(DRAIN_MS);
    signer.stop();
    outbox.close();
    await link.stop(registrar.farewell());
    emit({ type: "stopped" });
  };

  return {
    counters,
    start: () => {
      emit({ type: "started", node: key.id, bootCount: boot.count, tier: facts.tier, board: facts.board });
      workbench.recover();
      link.start();
      registrar.beat();
    },
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
    reload: (newLimits, newFacts) => {
      limits = newLimits;
      facts = newFacts;
      if (link.isUp) registrar.present();
    },
  };
}
