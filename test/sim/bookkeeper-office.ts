import { join } from "node:path";
import type { Test } from "tap";
import { sha256, toHex } from "../../base/index.ts";
import { makeContents } from "../../bookkeeper/contents-store.ts";
import { type Issuer, makeIssuer } from "../../bookkeeper/dispatch/issuer.ts";
import { makePlanner, type Planner, type ReadyNode } from "../../bookkeeper/dispatch/planner.ts";
import { BookkeeperError } from "../../bookkeeper/errors.ts";
import type { Ledger } from "../../bookkeeper/ledger/ledger-store.ts";
import { parseOrder, parsePlan } from "../../bookkeeper/plan.ts";
import {
  type Assignment,
  assignmentMessage,
  challengeMessage,
  type Ed25519,
  parseTopic,
  type Tier,
  type WireObject,
} from "../../protocol/index.ts";
import { type Desk, type IntakeView, makeDesk } from "./bookkeeper-desk.ts";
import { makeFastFolder } from "./bookkeeper-folder.ts";
import { type ModelNode, NETWORK } from "./bookkeeper-node.ts";
import { PUT, type SampleWork } from "./bookkeeper-work.ts";

/** A command as it went out. */
export interface SentCommand {
  /** Since the office was opened, in milliseconds. */
  readonly atMs: number;
  /** The node's id, as the topic spells it. */
  readonly to: string;
  readonly role: "assignment" | "challenge";
  readonly id: Uint8Array;
  readonly kind: string;
  readonly spec: WireObject;
  /** Absent in a challenge, as are the attempts. */
  readonly minTier?: Tier;
  readonly maxAttempts?: number;
  readonly expiresAt: number;
  readonly envelope: Uint8Array;
}

export type Office = ReturnType<typeof makeOffice>;

/** A planner and an issuer as they run. */
export interface Dispatch {
  readonly planner: Planner;
  readonly issuer: Issuer;
}

const KINDS = ["measure", "store", "compute"];

/** A ready node of the planner. */
export function ready(node: ModelNode, more: Partial<ReadyNode> = {}): ReadyNode {
  return { key: node.key.publicKey, tier: "Super", kinds: KINDS, ...more };
}

/** A desk where a plan is carried out: planner and issuer as the bookkeeper composes them, and all that they sent, opened. */
export function makeOffice(
  t: Test,
  ed25519: Ed25519,
  planToml: string,
  options: { readonly seed?: number; readonly url?: string } = {},
) {
  const desk: Desk = makeDesk(t, ed25519, options);
  const { key, clock, random } = desk;
  const contents = makeContents(join(makeFastFolder(t), "contents"));
  const view: IntakeView = desk.openIntake(desk.ledger, { readContent: contents.readRange });
  const openedMs = clock.wallMs();
  const sent: SentCommand[] = [];
  const problems: string[] = [];
  const files = new Map<string, Uint8Array>();
  const absent = new Set<string>();
  const onRead: (() => Promise<void>)[] = [];

  const publish = (topic: string, envelope: Uint8Array): void => {
    const parsed = parseTopic(topic);
    if (parsed?.kind !== "node" || parsed.channel !== "cmd") throw new Error(`a command on ${topic}`);
    const at = { atMs: clock.wallMs() - openedMs, to: parsed.nodeId, envelope };
    const assignment = assignmentMessage.open(envelope, NETWORK, () => key.publicKey, ed25519);
    if (assignment.ok) {
      const body: Assignment = assignment.value.body;
      sent.push({ ...at, role: "assignment", ...body });
      return;
    }
    const challenge = challengeMessage.open(envelope, NETWORK, () => key.publicKey, ed25519);
    if (!challenge.ok) throw challenge.error;
    const { id, expiresAt, blob, offset, length, salt } = challenge.value.body;
    const asked = { kind: "store", spec: { op: "prove", blob, offset, length, salt } };
    sent.push({ ...at, role: "challenge", id, expiresAt, ...asked });
  };

  const open = (ledger: Ledger = desk.ledger, toml = planToml): Dispatch => {
    const plan = parsePlan(toml, "plan.toml");
    if (!plan.ok) throw new Error(plan.error.join("\n"));
    const issuer = makeIssuer({ ledger, key, clock, random, publish, emit: () => undefined }, NETWORK);
    const readPlanFile = async (name: string): Promise<Uint8Array> => {
      await onRead.shift()?.();
      const bytes = files.get(name);
      if (bytes === undefined) throw new BookkeeperError("bad-content", `${name}: no such file`);
      return bytes;
    };
    const urlOf = (blob: Uint8Array) => (options.url === undefined ? undefined : `${options.url}/${toHex(blob)}`);
    const onProblem = (what: string, thrown: unknown) => problems.push(`${what}: ${(thrown as Error).message}`);
    return {
      issuer,
      planner: makePlanner({ ledger, issuer, contents, clock, random, readPlanFile, urlOf, onProblem }, plan.value),
    };
  };
  let dispatch = open();

  const tick = async (nodes: readonly ReadyNode[]): Promise<void> => {
    await takeOrders(nodes);
    for (const node of nodes) await dispatch.planner.visit(node);
    dispatch.issuer.resend((node) => !absent.has(toHex(node)));
  };
  const takeOrders = (nodes: readonly ReadyNode[], planner = dispatch.planner): Promise<void> =>
    planner.takeOrders(nodes, (toml, fileName) => {
      const order = parseOrder(toml, fileName);
      if (!order.ok) throw new BookkeeperError("bad-config", order.error.join("\n"));
      return order.value;
    });

  return {
    ...{ desk, ledger: desk.ledger, contents, view, sent, problems, files, open, tick, takeOrders },
    /** Nodes that have gone, by their keys as hexadecimal. */
    absent,
    /** Run one after the other, each when a file of the plan is read next. */
    onRead,
    /** Ends it and starts again on the same ledger, with another plan perhaps. */
    restart: (toml?: string): void => {
      dispatch = open(desk.ledger, toml);
    },
    get issuer(): Issuer {
      return dispatch.issuer;
    },
    /** Lets time pass, and looks after the nodes at each step. */
    run: async (nodes: readonly ReadyNode[], durationMs: number, stepMs = 500): Promise<void> => {
      for (let passed = 0; passed < durationMs; passed += stepMs) {
        await clock.advance(stepMs);
        await tick(nodes);
      }
    },
    /** What went out since the last call, first sends and others. */
    take: (): SentCommand[] => sent.splice(0),
    /** The node proves a store assignment honestly. */
    prove: async (node: ModelNode, { id, spec }: SentCommand): Promise<void> => {
      const { op, blob, size } = spec;
      const evidence = op === "put" ? { op, blob, size } : { op, blob, existed: true };
      const work: SampleWork = { ...PUT, spec, evidence, usage: { ...PUT.usage, downBytes: 0n } };
      const receipts = await view.take(node, node.prove(desk.answerTo({ id, node, work })).envelope);
      if (receipts[0]?.status !== "accepted") throw new Error(`not accepted: ${receipts[0]?.reason} ${receipts[0]?.detail}`);
    },
    /** As if the node had been given bytes and had proved to have them. */
    placed: async (node: ModelNode, item: string, bytes: Uint8Array): Promise<Uint8Array> => {
      const blob = await contents.put(bytes);
      const placing = { node: node.key.publicKey, blob, size: bytes.length, placedMs: clock.wallMs(), item };
      desk.ledger.transaction(() => desk.ledger.placements.place(placing));
      return sha256(bytes);
    },
  };
}
