import { type Clock, messageOf, type Random, toHex } from "../../base/index.ts";
import { MAX_INLINE_BYTES, parseId, TIERS, type Tier, type WireObject } from "../../protocol/index.ts";
import type { Contents } from "../contents-store.ts";
import { BookkeeperError } from "../errors.ts";
import type { Ledger, Placement } from "../ledger/ledger-store.ts";
import { MAX_OPEN_PER_NODE } from "../limits.ts";
import { kindOf, type Order, type Plan, type PlanItem } from "../plan.ts";
import type { Issuer } from "./issuer.ts";

/** What the planner needs. */
export interface PlannerNeeds {
  readonly ledger: Ledger;
  readonly issuer: Issuer;
  readonly contents: Contents;
  readonly clock: Clock;
  readonly random: Random;
  /** The bytes of a file that a plan names. Throws BookkeeperError `bad-content`. */
  readonly readPlanFile: (name: string) => Promise<Uint8Array>;
  /** Where nodes can fetch a content that does not fit into a message; undefined where this bookkeeper serves none. */
  readonly urlOf: (blob: Uint8Array) => string | undefined;
}

/** A node that can be given work. */
export interface ReadyNode {
  readonly key: Uint8Array;
  readonly tier: Tier;
  readonly kinds: readonly string[];
}

type Terms = Pick<PlanItem, "expires" | "max_attempts" | "min_tier">;

/** The item name under which modules are placed that compute items need. */
const MODULE_ITEM = "module";

export type Planner = ReturnType<typeof makePlanner>;

/** Decides, a node at a time, what of the plan is due: new work, the modules that it needs first, challenges, and blobs to forget. */
export function makePlanner(needs: PlannerNeeds, plan: Plan) {
  const { ledger, issuer, contents, clock } = needs;
  const modules = new Map<string, Uint8Array>();
  const nextChallengeMs = new Map<string, number>();

  const moduleOf = async (name: string): Promise<Uint8Array> => {
    const known = modules.get(name);
    if (known !== undefined && contents.has(known)) return known;
    const hash = await contents.put(await needs.readPlanFile(name));
    modules.set(name, hash);
    return hash;
  };

  const issue = (node: Uint8Array, item: string, kind: string, spec: WireObject, terms: Terms): Uint8Array =>
    issuer.assign({ node, item, kind, spec, minTier: terms.min_tier, maxAttempts: terms.max_attempts, expiresMs: terms.expires });

  /** Places a content on a node, inside the message where it fits. */
  const place = async (node: Uint8Array, blob: Uint8Array, item: string, terms: Terms): Promise<Uint8Array> => {
    const bytes = await contents.read(blob);
    const url = bytes.length <= MAX_INLINE_BYTES ? undefined : needs.urlOf(blob);
    if (bytes.length > MAX_INLINE_BYTES && url === undefined) {
      throw new BookkeeperError(
        "bad-content",
        `${item}: ${bytes.length} bytes do not fit into a message; set [blobs] in the configuration`,
      );
    }
    const source: WireObject = url === undefined ? { inline: bytes } : { url };
    return issue(node, item, "store", { op: "put", blob, size: bytes.length, ...source }, terms);
  };

  /** Begins a piece of work on a node. Undefined: the node has to take its module first, which is under way. */
  const begin = async (node: Uint8Array, name: string, item: Order | PlanItem): Promise<Uint8Array | undefined> => {
    if (item.measure !== undefined) {
      const { method, targets, count, timeout, record_type, resolver } = item.measure;
      return issue(
        node,
        name,
        "measure",
        { method, targets, count, timeoutMs: timeout, recordType: record_type, resolver },
        item,
      );
    }
    if (item.store !== undefined) {
      const { size, file } = item.store;
      const bytes = file === undefined ? needs.random.bytes(size ?? 0) : await needs.readPlanFile(file);
      return place(node, await contents.put(bytes), name, item);
    }
    if (item.compute === undefined) return undefined;
    const { module, args, stdin, wall, cpu, memory, output, isolation } = item.compute;
    const blob = await moduleOf(module);
    if (ledger.placements.get(node, blob) === undefined) {
      if (ledger.assignments.openOfItem(node, MODULE_ITEM) === undefined) await place(node, blob, MODULE_ITEM, item);
      return undefined;
    }
    const limits = { wallMs: wall, cpuMs: cpu, memoryBytes: memory, outputBytes: output };
    const input = stdin === undefined ? {} : { stdin: Buffer.from(stdin) };
    const fixed = { seed: needs.random.bytes(32), epochSeconds: Math.floor(clock.wallMs() / 1000) };
    return issue(node, name, "compute", { module: blob, args, ...input, ...fixed, limits, isolation }, item);
  };

  const dueItems = (node: ReadyNode): PlanItem[] =>
    plan.items.filter(
      (item) => fits(item, node) && clock.wallMs() - ledger.assignments.lastIssuedMs(node.key, item.name) >= item.every,
    );

  /** Challenges a blob when its time has come, and tells the node to forget it when its time is over. */
  const tend = (placement: Placement): void => {
    const item = plan.items.find((each) => each.name === placement.item);
    if (item?.store === undefined) return;
    const name = `${toHex(placement.node)}/${toHex(placement.blob)}`;
    const now = clock.wallMs();
    if (now - placement.placedMs >= item.store.keep) {
      nextChallengeMs.delete(name);
      const forget = `${item.name}/forget`;
      if (ledger.assignments.openOfItem(placement.node, forget) !== undefined) return;
      issue(placement.node, forget, "store", { op: "delete", blob: placement.blob }, item);
      return;
    }
    const due = nextChallengeMs.get(name);
    if (due !== undefined && now < due) return;
    nextChallengeMs.set(name, now + waitWithMean(item.store.challenge_every, needs.random));
    if (due !== undefined) issuer.challenge(placement, `${item.name}/challenge`);
  };

  return {
    /** Issues what is due on one node. Throws what a missing file of the plan throws. */
    visit: async (node: ReadyNode): Promise<void> => {
      for (const placement of ledger.placements.ofNode(node.key)) {
        if (ledger.assignments.openCount(node.key) < MAX_OPEN_PER_NODE) tend(placement);
      }
      for (const item of dueItems(node)) {
        if (ledger.assignments.openCount(node.key) >= MAX_OPEN_PER_NODE) return;
        await begin(node.key, item.name, item);
      }
    },
    /** Carries out the orders that wait, each on the node that it names or on the first that can take it. */
    takeOrders: async (nodes: readonly ReadyNode[], read: (toml: string, fileName: string) => Order): Promise<void> => {
      for (const order of ledger.orders.waiting()) {
        try {
          const wanted = read(order.toml, order.fileName);
          const node = chooseNode(wanted, nodes);
          const assignment = node === undefined ? undefined : await begin(node.key, "order", wanted);
          if (assignment !== undefined) ledger.transaction(() => ledger.orders.setIssued(order.id, assignment));
        } catch (thrown) {
          ledger.transaction(() => ledger.orders.setProblem(order.id, messageOf(thrown)));
        }
      }
    },
  };
}

function fits(item: Order | PlanItem, node: ReadyNode): boolean {
  return TIERS.indexOf(node.tier) >= TIERS.indexOf(item.min_tier) && node.kinds.includes(kindOf(item));
}

/** The node that an order names, or the first that can take it; undefined while there is none. */
function chooseNode(order: Order, nodes: readonly ReadyNode[]): ReadyNode | undefined {
  if (order.node === undefined) return nodes.find((node) => fits(order, node));
  const key = parseId(order.node);
  if (!key.ok) throw key.error;
  return nodes.find((node) => Buffer.compare(node.key, key.value) === 0);
}

/** A random wait with the given mean, exponentially distributed: how long it has lasted says nothing about how long it still will. */
function waitWithMean(meanMs: number, random: Random): number {
  return -Math.log(1 - random.fraction()) * meanMs;
}
