import { type Clock, type Random, toHex } from "../../base/index.ts";
import { MAX_INLINE_BYTES, ProtocolError, parseId, TIERS, type Tier, type WireObject } from "../../protocol/index.ts";
import type { Contents } from "../contents-store.ts";
import { BookkeeperError } from "../errors.ts";
import type { Ledger } from "../ledger/ledger-store.ts";
import { ASK_AGAIN_MS, MAX_OPEN_PER_NODE } from "../limits.ts";
import { kindOf, MODULE_ITEM, ORDER_ITEM, type Order, type Plan, type PlanItem } from "../plan.ts";
import type { Issuer } from "./issuer.ts";
import { makeKeeper } from "./keeper.ts";

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
  /** An item of the plan cannot be issued now. */
  readonly onProblem: (what: string, thrown: unknown) => void;
}

/** A node that can be given work. */
export interface ReadyNode {
  readonly key: Uint8Array;
  readonly tier: Tier;
  readonly kinds: readonly string[];
}

type Terms = Pick<PlanItem, "expires" | "max_attempts" | "min_tier">;

/** What is done in the transaction that journals an assignment. */
type Alongside = (id: Uint8Array) => void;

export type Planner = ReturnType<typeof makePlanner>;

/** Decides, a node at a time, what of the plan is due: new work, the modules that it needs first, challenges, and blobs to forget. */
export function makePlanner(needs: PlannerNeeds, plan: Plan) {
  const { ledger, issuer, contents, clock } = needs;
  const modules = new Map<string, Uint8Array>();
  const keeper = makeKeeper(needs, plan);

  const moduleOf = async (name: string): Promise<Uint8Array> => {
    const known = modules.get(name);
    if (known !== undefined && contents.has(known)) return known;
    const hash = await contents.put(await needs.readPlanFile(name));
    modules.set(name, hash);
    return hash;
  };

  /** Places a content on a node, inside the message where it fits. */
  const place = async (
    node: Uint8Array,
    bytes: Uint8Array,
    item: string,
    terms: Terms,
    alongside?: Alongside,
  ): Promise<Uint8Array> => {
    const blob = await contents.put(bytes);
    const url = bytes.length <= MAX_INLINE_BYTES ? undefined : needs.urlOf(blob);
    if (bytes.length > MAX_INLINE_BYTES && url === undefined) {
      throw new BookkeeperError(
        "bad-content",
        `${bytes.length} bytes do not fit into a message; set [blobs] in the configuration`,
      );
    }
    const source: WireObject = url === undefined ? { inline: bytes } : { url };
    return issue(node, item, "store", { op: "put", blob, size: bytes.length, ...source }, terms, alongside);
  };

  const issue = (
    node: Uint8Array,
    item: string,
    kind: string,
    spec: WireObject,
    terms: Terms,
    alongside?: Alongside,
  ): Uint8Array => {
    const limits = { minTier: terms.min_tier, maxAttempts: terms.max_attempts, expiresMs: terms.expires };
    return issuer.assign({ node, item, kind, spec, ...limits }, alongside);
  };

  /** Begins a piece of work on a node. Undefined: the node has to take its module first, which is under way. */
  const begin = async (
    node: Uint8Array,
    name: string,
    item: Order | PlanItem,
    alongside?: Alongside,
  ): Promise<Uint8Array | undefined> => {
    if (item.measure !== undefined) {
      const { method, targets, count, timeout, record_type, resolver } = item.measure;
      const spec = { method, targets, count, timeoutMs: timeout, recordType: record_type, resolver };
      return issue(node, name, "measure", spec, item, alongside);
    }
    if (item.store !== undefined) {
      const { size, file } = item.store;
      const bytes = file === undefined ? needs.random.bytes(size ?? 0) : await needs.readPlanFile(file);
      return place(node, bytes, name, item, alongside);
    }
    if (item.compute === undefined) return undefined;
    const { module, args, stdin, wall, cpu, memory, output, isolation } = item.compute;
    const blob = await moduleOf(module);
    if (ledger.placements.get(node, blob) === undefined) {
      await placeModule(node, blob, item);
      return undefined;
    }
    const limits = { wallMs: wall, cpuMs: cpu, memoryBytes: memory, outputBytes: output };
    const input = stdin === undefined ? {} : { stdin: Buffer.from(stdin) };
    const fixed = { seed: needs.random.bytes(32), epochSeconds: Math.floor(clock.wallMs() / 1000) };
    const spec = { module: blob, args, ...input, ...fixed, limits, isolation };
    return issue(node, name, "compute", spec, item, alongside);
  };

  /** A module is asked for now and then, not at each look: a node may refuse it, or lose it again and again. */
  const placeModule = async (node: Uint8Array, blob: Uint8Array, terms: Terms): Promise<void> => {
    const name = `${MODULE_ITEM}/${toHex(blob).slice(0, 16)}`;
    if (ledger.assignments.isOpen(node, name, blob)) return;
    if (clock.wallMs() - ledger.assignments.lastIssuedMs(node, name) < ASK_AGAIN_MS) return;
    await place(node, await contents.read(blob), name, terms);
  };

  const isDue = (item: PlanItem, node: ReadyNode): boolean =>
    fits(item, node) && clock.wallMs() - ledger.assignments.lastIssuedMs(node.key, item.name) >= item.every;
  const isFull = (node: ReadyNode): boolean => ledger.assignments.openCount(node.key) >= MAX_OPEN_PER_NODE;

  return {
    /** Issues what is due on one node. What one item lacks keeps no other one back. */
    visit: async (node: ReadyNode): Promise<void> => {
      keeper.tend(node.key, () => isFull(node));
      for (const item of plan.items) {
        if (isFull(node)) return;
        try {
          if (isDue(item, node)) await begin(node.key, item.name, item);
        } catch (thrown) {
          needs.onProblem(`item ${item.name}`, thrown);
        }
      }
    },
    /** Carries out the orders that wait, each on the node that it names or on the first that can take it. */
    takeOrders: async (nodes: readonly ReadyNode[], read: (toml: string, fileName: string) => Order): Promise<void> => {
      for (const order of ledger.orders.waiting()) {
        try {
          const wanted = read(order.toml, order.fileName);
          const node = chooseNode(
            wanted,
            nodes.filter((each) => !isFull(each)),
          );
          if (node !== undefined) await begin(node.key, ORDER_ITEM, wanted, (id) => ledger.orders.setIssued(order.id, id));
        } catch (thrown) {
          const isItsOwn = thrown instanceof BookkeeperError || thrown instanceof ProtocolError;
          if (isItsOwn) ledger.transaction(() => ledger.orders.setProblem(order.id, thrown.message));
          else needs.onProblem(`order ${toHex(order.id)}`, thrown);
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
