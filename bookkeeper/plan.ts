import * as v from "valibot";
import { decodeToml, parseByteCount, parseDurationMs, QUANTITY_FORMS, type Result, type TomlProblem } from "../base/index.ts";
import { ISOLATION_LEVELS, MEASURE_METHODS, TIERS } from "../protocol/index.ts";

/** A way to write amounts: how one is read, what it may look like, and the unit that it is counted in. */
interface AmountForm {
  readonly parse: (text: string) => number | undefined;
  readonly form: string;
  readonly unit: string;
}
const DURATION: AmountForm = { parse: parseDurationMs, form: QUANTITY_FORMS.duration, unit: "ms" };
const BYTES: AmountForm = { parse: parseByteCount, form: QUANTITY_FORMS.bytes, unit: "B" };

/** Amounts with units, as the plan's author writes them. */
function amountOf({ parse, form, unit }: AmountForm, min: number, max: number) {
  return v.pipe(
    v.string(),
    v.check((text) => parse(text) !== undefined, `expected ${form}`),
    v.transform((text) => parse(text) ?? 0),
    v.minValue(min, `at least ${min} ${unit}`),
    v.maxValue(max, `at most ${max} ${unit}`),
  );
}
const duration = (minMs: number, maxMs: number) => amountOf(DURATION, minMs, maxMs);
const byteCount = (min: number, max: number) => amountOf(BYTES, min, max);
const shortText = v.pipe(v.string(), v.minLength(1), v.maxLength(1024));

const measureItem = v.strictObject({
  method: v.picklist(MEASURE_METHODS),
  targets: v.pipe(v.array(shortText), v.minLength(1), v.maxLength(8)),
  count: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(10)), 3),
  timeout: v.optional(duration(100, 30_000), "3s"),
  record_type: v.optional(v.picklist(["A", "AAAA", "CNAME", "MX", "NS", "TXT"])),
  resolver: v.optional(shortText),
});

const storeItem = v.strictObject({
  /** Random bytes of this size, new each time; or `file`. */
  size: v.optional(byteCount(1, 256 * 2 ** 20)),
  /** A file beside the plan. */
  file: v.optional(shortText),
  /** How long a node keeps it before it is told to forget it. */
  keep: v.optional(duration(1_000, 365 * 86_400_000), "24h"),
  /** Mean time between challenges; the times themselves are random. */
  challenge_every: v.optional(duration(1_000, 86_400_000), "10m"),
});

const computeItem = v.strictObject({
  /** A WASI module beside the plan. */
  module: shortText,
  args: v.optional(v.pipe(v.array(v.pipe(v.string(), v.maxLength(1024))), v.maxLength(32)), []),
  stdin: v.optional(v.pipe(v.string(), v.maxLength(16_384))),
  wall: v.optional(duration(10, 3_600_000), "60s"),
  cpu: v.optional(duration(10, 3_600_000), "30s"),
  memory: v.optional(byteCount(65_536, 2 ** 32), "64MiB"),
  output: v.optional(byteCount(0, 16 * 2 ** 20), "64KiB"),
  isolation: v.optional(v.picklist(ISOLATION_LEVELS), "namespaces"),
});

const itemEntries = {
  name: v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9-]{0,47}$/, "lower-case letters, digits and dashes, at most 48")),
  /** Nodes of this tier and better. */
  min_tier: v.optional(v.picklist(TIERS), "Lite"),
  /** How long a node may take to accept it. */
  expires: v.optional(duration(1_000, 86_400_000), "5m"),
  max_attempts: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(10)), 3),
  measure: v.optional(measureItem),
  store: v.optional(storeItem),
  compute: v.optional(computeItem),
};

type Kinds = {
  readonly measure?: unknown;
  readonly store?: { readonly size?: unknown; readonly file?: unknown } | undefined;
  readonly compute?: unknown;
};
/** Names under which work is issued that is no item of the plan: modules that items need, and orders. */
export const MODULE_ITEM = "module";
export const ORDER_ITEM = "order";

const ONE_KIND = "give exactly one of measure, store and compute";
const ONE_SOURCE = "a store item has either size or file";

function hasOneKind(item: Kinds): boolean {
  return [item.measure, item.store, item.compute].filter((part) => part !== undefined).length === 1;
}

function hasOneSource(item: Kinds): boolean {
  return item.store === undefined || (item.store.size === undefined) !== (item.store.file === undefined);
}

const planItem = v.pipe(
  v.strictObject({ ...itemEntries, every: duration(1_000, 30 * 86_400_000) }),
  v.check((item) => hasOneKind(item), ONE_KIND),
  v.check((item) => hasOneSource(item), ONE_SOURCE),
  v.check((item) => item.name !== MODULE_ITEM && item.name !== ORDER_ITEM, "module and order are names for other work"),
);
const planSchema = v.strictObject({
  version: v.literal(1),
  items: v.pipe(
    v.array(planItem),
    v.minLength(1),
    v.maxLength(256),
    v.rawCheck(({ dataset: { typed, value: items }, addIssue }) => {
      if (!typed) return;
      for (const [index, item] of items.entries()) {
        if (items.findIndex((other) => other.name === item.name) === index) continue;
        const element = { type: "array", origin: "value", input: items, key: index, value: item } as const;
        const name = { type: "object", origin: "value", input: item, key: "name", value: item.name } as const;
        addIssue({ message: "another item has this name", input: item.name, path: [element, name] });
      }
    }),
  ),
});

const orderSchema = v.pipe(
  v.strictObject({ ...itemEntries, name: v.optional(itemEntries.name, "order"), node: v.optional(shortText) }),
  v.check((item) => hasOneKind(item), ONE_KIND),
  v.check((item) => hasOneSource(item), ONE_SOURCE),
);

/** What to measure, store and compute, how often, and for which tiers. */
export type Plan = v.InferOutput<typeof planSchema>;
export type PlanItem = Plan["items"][number];
/** One piece of work for one node, now: what `bonusnode assign` takes. */
export type Order = v.InferOutput<typeof orderSchema>;

/** Reads a plan file's text; each problem names the file, the line and the key. */
export function parsePlan(text: string, fileName: string): Result<Plan, readonly TomlProblem[]> {
  return decodeToml(text, fileName, planSchema);
}

/** Reads an order's text; each problem names the file, the line and the key. */
export function parseOrder(text: string, fileName: string): Result<Order, readonly TomlProblem[]> {
  return decodeToml(text, fileName, orderSchema);
}

/** The kind of an item. */
export function kindOf(item: Pick<PlanItem, "measure" | "store" | "compute">): "measure" | "store" | "compute" {
  if (item.measure !== undefined) return "measure";
  return item.store !== undefined ? "store" : "compute";
}
