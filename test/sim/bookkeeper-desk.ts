import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Test } from "tap";
import { makeSeededRandom, type Random, silentLog } from "../../base/index.ts";
import { type IssuedBeacon, makeBeaconSource } from "../../bookkeeper/beacon.ts";
import type { BookkeeperEvent } from "../../bookkeeper/events.ts";
import { makeDescriptors } from "../../bookkeeper/intake/descriptors.ts";
import { type IntakeNeeds, makeIntake } from "../../bookkeeper/intake/intake.ts";
import { type Ledger, openLedger } from "../../bookkeeper/ledger/ledger-store.ts";
import {
  assignmentMessage,
  type Ed25519,
  makeSigningKey,
  type Proof,
  type Receipt,
  receiptMessage,
  type SigningKey,
} from "../../protocol/index.ts";
import { makeFastFolder } from "./bookkeeper-folder.ts";
import { type Answer, type ModelNode, makeModelNode, NETWORK, type Signed } from "./bookkeeper-node.ts";
import { readSampleContent, type SampleWork } from "./bookkeeper-work.ts";
import { makeSteppingClock, type SteppingClock, settled } from "./stepping-clock.ts";

/** The policy that ships, as text. */
export const POLICY_TOML = readFileSync(new URL("../../bookkeeper/policies/contribution-1.toml", import.meta.url), "utf8");

/** An assignment of the tests. */
export interface Task {
  readonly id: Uint8Array;
  readonly node: ModelNode;
  readonly work: SampleWork;
}

/** How a task differs from the usual one. */
export interface TaskTerms {
  readonly item?: string;
  readonly maxAttempts?: number;
  readonly kind?: string;
}

export type Desk = ReturnType<typeof makeDesk>;

/** What one intake said and told. */
export interface IntakeView {
  readonly intake: ReturnType<typeof makeIntake>;
  readonly receipts: Receipt[];
  /** The same receipts, signed. */
  readonly envelopes: Uint8Array[];
  readonly events: BookkeeperEvent[];
  readonly others: Uint8Array[];
  readonly disbelieved: string[];
  /** Hands messages to intake in one burst, and answers the receipts that this set off. */
  take(node: ModelNode, ...envelopes: readonly Uint8Array[]): Promise<readonly Receipt[]>;
}

/** A ledger with a policy, a bookkeeper's key, a clock that a test moves, and nodes that it registers. */
export function makeDesk(t: Test, ed25519: Ed25519, options: { readonly seed?: number; readonly maxPages?: number } = {}) {
  const random: Random = makeSeededRandom(options.seed ?? 1);
  const clock: SteppingClock = makeSteppingClock();
  const path = join(makeFastFolder(t), "ledger.db");
  const key: SigningKey = makeSigningKey(random.bytes(32), ed25519);
  const open = (more: { readonly maxPages?: number } = {}): Ledger => {
    const opened = openLedger(path, more);
    t.teardown(() => {
      try {
        opened.close();
      } catch {
        // The test has closed it.
      }
    });
    return opened;
  };
  const ledger = open(options.maxPages === undefined ? {} : { maxPages: options.maxPages });
  ledger.transaction(() => ledger.records.append({ type: "policy", atMs: clock.wallMs(), toml: POLICY_TOML }));
  const beacons = makeBeaconSource({ ledger, key, clock, random }, NETWORK);
  let current: IssuedBeacon = beacons.next();

  const register = (node: ModelNode, more: Parameters<ModelNode["describe"]>[0] = {}): void => {
    const { envelope, hash } = node.describe(more);
    ledger.transaction(() => ledger.nodes.register(node.key.publicKey, envelope, hash));
  };

  return {
    ...{ path, open, ledger, key, ed25519, clock, random, register },
    /** Publishes the next beacon, which proofs cite from now on. */
    beat: (): IssuedBeacon => {
      current = beacons.next();
      return current;
    },
    get beacon(): IssuedBeacon {
      return current;
    },
    /** A registered node. */
    join: (more: Parameters<ModelNode["describe"]>[0] = {}): ModelNode => {
      const node = makeModelNode({ ed25519, random });
      register(node, more);
      return node;
    },
    /** A node that nobody knows. */
    stranger: (): ModelNode => makeModelNode({ ed25519, random }),
    /** Journals an assignment as issued now. */
    assign: (node: ModelNode, work: SampleWork, terms: TaskTerms = {}): Task => {
      const id = random.bytes(16);
      const { item = "item", maxAttempts = 3, kind = work.kind } = terms;
      const nowMs = clock.wallMs();
      const times = { issuedAt: Math.floor(nowMs / 1000), expiresAt: Math.floor(nowMs / 1000) + 300 };
      const who = { issuer: key.publicKey, nonce: current.hash, id, node: node.key.publicKey };
      const command = { ...who, ...times, kind, spec: work.spec, minTier: "Lite" as const, maxAttempts };
      const envelope = assignmentMessage.seal(command, NETWORK, key);
      const dates = { issuedAtMs: nowMs, expiresAtMs: nowMs + 300_000, nextSendMs: nowMs + 5_000 };
      const issued = { spec: work.spec, maxAttempts };
      const row = { id, node: node.key.publicKey, role: "assignment" as const, kind, item, envelope, issued };
      ledger.transaction(() => ledger.assignments.insert({ ...row, ...dates, beaconHeight: current.body.height }));
      return { id, node, work };
    },
    /** What an honest node says of a task; `more` is where a test lets it lie. */
    answerTo: ({ id, work, node }: Task, more: Partial<Proof> = {}): Answer => ({
      bookkeeper: key.publicKey,
      assignment: id,
      kind: work.kind,
      nonce: current.hash,
      usage: work.usage,
      interval: { bootCount: node.place.bootCount, fromMs: 5_000, toMs: 5_000 + work.ranMs },
      evidence: work.evidence,
      ...more,
    }),
    /** An intake on this ledger, or on another connection to it. */
    openIntake: (own: Ledger = ledger, more: Partial<IntakeNeeds> & { readonly recheckShare?: number } = {}): IntakeView =>
      makeView(own, { ledger: own, key, ed25519, clock, random }, more),
  };
}

function makeView(
  ledger: Ledger,
  needs: Pick<IntakeNeeds, "ledger" | "key" | "ed25519" | "clock" | "random">,
  { recheckShare = 0, ...more }: Partial<IntakeNeeds> & { readonly recheckShare?: number },
): IntakeView {
  const receipts: Receipt[] = [];
  const envelopes: Uint8Array[] = [];
  const events: BookkeeperEvent[] = [];
  const others: Uint8Array[] = [];
  const disbelieved: string[] = [];
  const publish = (_topic: string, payload: Uint8Array): void => {
    const { key, ed25519 } = needs;
    const opened = receiptMessage.open(payload, NETWORK, () => key.publicKey, ed25519);
    if (!opened.ok) throw opened.error;
    envelopes.push(payload);
    receipts.push(opened.value.body);
  };
  const intake = makeIntake(
    {
      ...needs,
      ...{ log: silentLog, descriptors: makeDescriptors(ledger), readContent: readSampleContent, publish },
      emit: (event) => events.push(event),
      onOther: (_sender, payload) => others.push(payload),
      disbelieve: (_topic, reason) => disbelieved.push(reason),
      onAnswered: () => undefined,
      onContradicted: () => undefined,
      ...more,
    },
    { network: NETWORK, recheckShare },
  );
  const take: IntakeView["take"] = async (node, ...messages) => {
    const before = receipts.length;
    await Promise.all(messages.map((envelope) => intake.take(node.sender, envelope, needs.clock.wallMs())));
    await settled();
    return receipts.slice(before);
  };
  return { intake, receipts, envelopes, events, others, disbelieved, take };
}

/** The signed bytes of several proofs. */
export function envelopesOf(proofs: readonly Signed<Proof>[]): Uint8Array[] {
  return proofs.map(({ envelope }) => envelope);
}
