/**
 * One whole agent between a bad broker and model bookkeepers, in simulated time, with its state in real SQLite. It can be killed between
 * any two transactions, put back to an old copy of its state, robbed of it, or left without disk; and everything it ever signed is held
 * against the one rule that no place in its chain is used twice.
 */
import { cpSync, existsSync, mkdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Agent, makeAgent } from "../../agent/agent.ts";
import type { OwnerLimits } from "../../agent/config.ts";
import type { NodeFacts } from "../../agent/descriptor.ts";
import type { AgentEvent } from "../../agent/events.ts";
import { makeNetworkTime } from "../../agent/network-time.ts";
import type { Service } from "../../agent/services/service.ts";
import { type AgentState, openAgentState } from "../../agent/state-store.ts";
import { BaseError, type Clock, makeSeededRandom, messageOf, sha256, silentLog, toHex } from "../../base/index.ts";
import { makeSigningKey, nodeEd25519, parseEnvelope, proofMessage, type SigningKey } from "../../protocol/index.ts";
import { CALM, makeFakeBroker } from "./fake-link.ts";
import { makeFakeService } from "./fake-service.ts";
import { type ModelBookkeeper, makeModelBookkeeper } from "./model-bookkeeper.ts";
import { makeSteppingClock, settled } from "./stepping-clock.ts";

export const NETWORK = "sim";

/** A key that anybody can make again. */
export function makeTestKey(name: string): SigningKey {
  return makeSigningKey(sha256(Buffer.from(name)), nodeEd25519);
}

/** Limits of an owner who set none. */
export const NO_LIMITS: OwnerLimits = { kinds: ["measure", "store", "compute"], cpu_share: 1 };

/** What a small, good node says of itself. */
export const FACTS: NodeFacts = {
  board: "generic-pc",
  tier: "Normal",
  reasons: [],
  facts: {
    arch: "x86_64",
    cpuModel: undefined,
    logicalCpus: 2,
    effectiveMilliCpus: 2000,
    memoryBytes: 2n ** 32n,
    diskFreeBytes: 2n ** 36n,
    diskKind: undefined,
    gpus: 0,
    linkBitsPerSecond: undefined,
  },
  policy: 2,
  power: 1_000,
  measured: [],
  measuredAfter: undefined,
  kinds: ["compute"],
  capabilities: [],
  isolation: undefined,
  limits: {},
};

/** One life of the agent's process. */
interface Life {
  readonly agent: Agent | undefined;
  readonly state: AgentState;
  readonly clock: Clock & { kill(): void };
  isDead: boolean;
}

/** When the process dies: at its n-th transaction from now, before it or right after it is on disk. `full`: that one finds no room. */
export interface Fuse {
  transactions: number;
  readonly when: "before" | "after" | "full";
}

export interface WorldOptions {
  /** An empty folder. */
  readonly directory: string;
  readonly seed: number;
  readonly bookkeepers?: number;
  readonly concurrency?: number;
}

export type AgentWorld = ReturnType<typeof makeAgentWorld>;

const TICK_MS = 500;

/** A world in which nothing runs yet. */
export function makeAgentWorld(options: WorldOptions) {
  const random = makeSeededRandom(options.seed);
  const clock = makeSteppingClock();
  const key = makeTestKey("node");
  const events: AgentEvent[] = [];
  const violations: string[] = [];
  const signed = new Map<string, string>();
  const current = join(options.directory, "current");
  let life: Life | undefined;
  let fuse: Fuse | undefined;
  let fullUntilMs = 0;
  let maxPages: number | undefined;
  let isCut = false;
  let isDown = false;

  const remember = (envelope: Uint8Array): void => {
    const parsed = parseEnvelope(envelope);
    if (!parsed.ok || parsed.value.role !== "proof") return;
    const proof = proofMessage.decode(parsed.value.payload);
    if (!proof.ok) return void violations.push(`a proof that nobody can read: ${proof.error.message}`);
    const place = `${proof.value.bootCount}.${proof.value.seq}`;
    const hash = toHex(sha256(parsed.value.payload));
    if ((signed.get(place) ?? hash) !== hash) violations.push(`two proofs were signed for ${place}`);
    signed.set(place, hash);
  };

  const broker = makeFakeBroker({ clock, random, witness: ({ payload }) => remember(payload) });
  const bookkeepers = Array.from({ length: options.bookkeepers ?? 1 }, (_, index) => {
    const needs = { network: NETWORK, key: makeTestKey(`bookkeeper ${index}`), clock, random, node: key, send: broker.send };
    const model = makeModelBookkeeper(needs);
    const own = { key: needs.key, model, isAway: false };
    broker.attach((topic, payload) => {
      if (!own.isAway) model.onMessage(topic, payload);
    });
    return own;
  });

  /** The state as a process sees it that a power cut may end, on a disk that may be full. */
  const withFaults = (state: AgentState): { state: AgentState; die: () => void; isDead: () => boolean } => {
    let isDead = false;
    const die = (): void => {
      isDead = true;
    };
    const transaction = <Value>(work: () => Value): Value => {
      if (isDead) throw new Error("the process is dead");
      if (clock.monotonicMs() < fullUntilMs) throw new BaseError("database-full", "agent.db: the disk is full");
      if (fuse !== undefined) fuse.transactions -= 1;
      const blown = fuse !== undefined && fuse.transactions <= 0 ? fuse.when : undefined;
      if (blown !== undefined) fuse = undefined;
      if (blown === "full") throw new BaseError("database-full", "agent.db: the disk is full for a moment");
      if (blown === "before") {
        die();
        throw new Error("the process died before it wrote");
      }
      const value = state.transaction(work);
      if (blown === "after") {
        die();
        throw new Error("the process died after it wrote");
      }
      return value;
    };
    const beginBoot: AgentState["beginBoot"] = (atLeast) => {
      // Counted as a transaction of its own: what it writes is all or nothing too.
      transaction(() => undefined);
      return state.beginBoot(atLeast);
    };
    return { state: { ...state, transaction, beginBoot }, die, isDead: () => isDead };
  };

  const makeServices = (own: Clock): ReadonlyMap<string, Service<unknown>> => {
    const { service } = makeFakeService({ clock: own }, { kind: "compute" });
    return new Map([["compute", service]]);
  };

  const open = (): AgentState | undefined => {
    try {
      return openAgentState(join(current, "agent.db"), maxPages === undefined ? {} : { maxPages });
    } catch (thrown) {
      return void events.push({ type: "trouble", what: messageOf(thrown) });
    }
  };

  const begin = (): void => {
    const opened = open();
    if (opened === undefined) return;
    const faulty = withFaults(opened);
    const own = clock.forProgram();
    const started: Life = {
      state: opened,
      clock: own,
      agent: undefined,
      get isDead() {
        return faulty.isDead();
      },
      set isDead(_value) {
        faulty.die();
      },
    };
    life = started;
    const { state } = faulty;
    try {
      const agent = makeAgent(
        {
          ...{ state, key, ed25519: nodeEd25519, clock: own, random, log: silentLog, time: makeNetworkTime(own) },
          services: makeServices(own),
          makeLink: broker.makeLink,
          readNode: async () => {
            await own.sleep(Math.floor(random.fraction() * 5));
            return () => ({ freeMemoryBytes: 2 ** 32, freeDiskBytes: 2 ** 32, freeTrafficBytes: Number.POSITIVE_INFINITY });
          },
          minuteOfDay: () => 0,
          emit: (event) => void events.push(event),
        },
        {
          ...{ network: NETWORK, version: "sim", concurrency: { compute: options.concurrency ?? 2 } },
          bookkeepers: bookkeepers.map((each) => each.key.publicKey),
        },
        { limits: NO_LIMITS, facts: FACTS },
      );
      life = Object.assign(started, { agent });
      agent.start();
    } catch (thrown) {
      // A process that cannot start ends, and its supervisor starts it again.
      events.push({ type: "trouble", what: messageOf(thrown) });
      started.isDead = true;
    }
  };

  const kill = (): void => {
    if (life === undefined) return;
    const { state, clock: own } = life;
    life.isDead = true;
    own.kill();
    broker.vanish();
    for (const row of state.proofs.after({ bootCount: 0, seq: 0 }, 1_000_000)) remember(row.envelope);
    state.close();
    life = undefined;
  };

  /** What a supervisor, a router and the bookkeepers do by themselves. */
  const tick = (): void => {
    if (life?.isDead === true) kill();
    if (life === undefined && !isDown) begin();
    if (!isCut) broker.connect();
    for (const { model, isAway } of bookkeepers) if (!isAway) model.tick();
  };

  const loop = async (everyMs: number, work: () => void): Promise<never> => {
    for (;;) {
      work();
      await clock.sleep(everyMs);
    }
  };

  /** Whether all that was asked for is proved, and the agent holds nothing open. */
  const isQuiet = (): boolean => {
    const isProved = bookkeepers.every(({ model }) => [...model.jobs.values()].every((job) => job.accepted > 0));
    const state = life?.state;
    return isProved && state !== undefined && state.tasks.openCount() === 0 && state.proofs.waitingCount() === 0;
  };

  mkdirSync(current, { recursive: true });
  return {
    clock,
    random,
    broker,
    events,
    violations,
    signed,
    key,
    /** The first bookkeeper's model. */
    get bookkeeper(): ModelBookkeeper {
      const first = bookkeepers[0];
      if (first === undefined) throw new Error("a world has a bookkeeper");
      return first.model;
    },
    bookkeepers,
    get life() {
      return life;
    },
    /** Lets the world begin. */
    begin: (): void => {
      void loop(TICK_MS, tick);
      void loop(5_000, () => {
        for (const { model, isAway } of bookkeepers) if (!isAway) model.publishBeacon();
      });
    },
    run: (durationMs: number): Promise<void> => clock.advance(durationMs),
    kill,
    /** Kills the process at a transaction to come. */
    light: (lit: Fuse): void => {
      fuse = lit;
    },
    fillDisk: (forMs: number): void => {
      fullUntilMs = clock.monotonicMs() + forMs;
    },
    /** Starts the process anew with room for so many pages more than its database has now; undefined: with all the room it wants. */
    squeeze: (pages: number | undefined): void => {
      kill();
      const file = join(current, "agent.db");
      maxPages = pages === undefined ? undefined : pages + (existsSync(file) ? Math.ceil(statSync(file).size / 4096) : 16);
    },
    cut: (): void => {
      isCut = true;
      broker.disconnect();
    },
    mend: (): void => {
      isCut = false;
    },
    /** Ends the process and keeps it from being started. */
    turnOff: (): void => {
      isDown = true;
      kill();
    },
    turnOn: (): void => {
      isDown = false;
    },
    /** Ends the process as a service manager does, with time to drain. */
    stop: async (): Promise<void> => {
      isDown = true;
      const stopping = life?.agent?.stop();
      for (let waitedMs = 0; waitedMs < 10_000; waitedMs += TICK_MS) await clock.advance(TICK_MS);
      await stopping;
      kill();
    },
    /** Keeps a copy of the state, as a backup does. The process is killed for it. */
    copyState: (): void => {
      kill();
      rmSync(join(options.directory, "copy"), { recursive: true, force: true });
      cpSync(current, join(options.directory, "copy"), { recursive: true });
    },
    /** Puts the last copy back; without one the state is lost. */
    restoreState: (): void => {
      kill();
      rmSync(current, { recursive: true, force: true });
      mkdirSync(current);
      const copy = join(options.directory, "copy");
      if (existsSync(copy)) cpSync(copy, current, { recursive: true });
    },
    loseState: (): void => {
      kill();
      rmSync(current, { recursive: true, force: true });
      mkdirSync(current);
    },
    /** Nothing goes wrong from now on. */
    heal: (): void => {
      if (maxPages !== undefined) kill();
      [isCut, isDown, fullUntilMs, fuse, maxPages] = [false, false, 0, undefined, undefined];
      for (const each of bookkeepers) each.isAway = false;
      broker.behave(CALM);
    },
    /** The first bookkeeper begins with an empty ledger; it subscribes anew and so is told who the node is. */
    loseLedger: (): void => {
      const { model } = bookkeepers[0] ?? {};
      model?.forgetChain();
      for (const [topic, payload] of broker.retained()) model?.onMessage(topic, payload);
    },
    isQuiet,
    /** Runs until everything is proved and settled; answers the seconds that it took, or undefined when it never came to that. */
    runUntilQuiet: async (maxSeconds = 3_600): Promise<number | undefined> => {
      for (let seconds = 0; seconds < maxSeconds; seconds++) {
        if (isQuiet()) return seconds;
        await clock.advance(1_000);
      }
      return undefined;
    },
    settled,
  };
}
