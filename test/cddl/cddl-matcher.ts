import type { Assignment, Operator, Property, PropertyType } from "cddl";
import { parse } from "cddl";

/** A tagged CBOR item, which no message holds but the envelope is. */
export class Tagged {
  readonly tag: number;
  readonly value: CborItem;

  constructor(tag: number, value: CborItem) {
    this.tag = tag;
    this.value = value;
  }
}

export type CborItem =
  | number
  | bigint
  | string
  | boolean
  | null
  | Uint8Array
  | Tagged
  | readonly CborItem[]
  | ReadonlyMap<unknown, CborItem>;

/** A CDDL document (RFC 8610) that decoded CBOR can be held against. */
export interface Cddl {
  readonly rules: ReadonlyMap<string, Assignment>;
  /** The first thing wrong with the item as one of this rule, after the path to it; undefined when it matches. */
  mismatch(rule: string, item: CborItem): string | undefined;
}

type Reference = { readonly Type: string; readonly Value?: unknown; readonly Operator?: Operator };
type Group = { readonly Properties: readonly (Property | readonly Property[])[] };
type List = { readonly Values: readonly (Property | readonly Property[])[] };

/**
 * Reads a document with the `cddl` package and matches items against its tree: the part of RFC 8610 that the protocol uses, and an Error
 * for anything else, so that a rule cannot go unchecked.
 */
export function loadCddl(path: string): Cddl {
  const rules = new Map(parse(path).map((rule) => [rule.Name, rule]));

  const matchRule = (name: string, item: CborItem, at: string): string | undefined => {
    const rule = rules.get(name);
    if (rule === undefined) return matchNative(name, item, at);
    if (rule.Type === "group") return matchMap(rule, item, at);
    if (rule.Type === "array") return matchList(rule, item, at);
    if (rule.Operator !== undefined) throw new Error(`rule ${name}: an operator after a choice is not understood`);
    return matchAny(rule.PropertyType, item, at, name);
  };

  const matchAny = (types: PropertyType | readonly PropertyType[], item: CborItem, at: string, name: string) => {
    const choices = Array.isArray(types) ? (types as readonly PropertyType[]) : [types as PropertyType];
    const misses = choices.map((type) => matchType(type, item, at));
    if (misses.includes(undefined)) return undefined;
    return misses.length === 1 ? misses[0] : `${at}: none of the choices of ${name}`;
  };

  const matchType = (type: PropertyType, item: CborItem, at: string): string | undefined => {
    if (typeof type === "string") return matchRule(type, item, at);
    const { Type, Value, Operator } = type as Reference;
    if (Operator !== undefined) {
      const miss = typeof Type === "string" && Value === undefined ? matchRule(Type, item, at) : matchType(bare(type), item, at);
      return miss ?? matchOperator(Operator, item, at);
    }
    if (Type === "literal") return isSame(item, Value) ? undefined : `${at}: not ${JSON.stringify(Value)}`;
    if (Type === "range") return matchRange(Value as Parameters<typeof matchRange>[0], item, at);
    if (Type === "tag") return matchTag(Value as { NumericPart: number; TypePart: PropertyType }, item, at);
    if (Type === "group" && typeof Value === "string") return matchRule(Value, item, at);
    if (Type === "group") return matchMap(type as unknown as Group, item, at);
    if (Type === "array") return matchList(type as unknown as List, item, at);
    throw new Error(`${at}: ${JSON.stringify(type)} is not understood`);
  };

  const matchTag = (tag: { NumericPart: number; TypePart: PropertyType }, item: CborItem, at: string): string | undefined => {
    const number = Number(String(tag.NumericPart).replace("6.", ""));
    if (!(item instanceof Tagged) || item.tag !== number) return `${at}: not tag ${number}`;
    return matchType(tag.TypePart, item.value, at);
  };

  /** The members of a group, those of the groups that it includes in their place. */
  const membersOf = ({ Properties }: Group): Property[] =>
    Properties.flatMap((property) => {
      const member = single(property);
      if (member.Name !== "") return [member];
      const [included] = [member.Type].flat() as Reference[];
      const rule = rules.get(String(included?.Value));
      if (rule?.Type !== "group") throw new Error(`${JSON.stringify(property)} includes no group`);
      return membersOf(rule);
    });

  const matchMap = (group: Group, item: CborItem, at: string): string | undefined => {
    if (!(item instanceof Map)) return `${at}: not a map`;
    const left = new Map(item as ReadonlyMap<unknown, CborItem>);
    for (const member of membersOf(group)) {
      const keys = member.HasCut ? [member.Name] : keysOf(member.Name, left);
      const found = keys.filter((key) => left.has(key));
      if (found.length < member.Occurrence.n) return `${at}: ${member.Name} is missing`;
      for (const key of found.slice(0, member.Occurrence.m)) {
        const miss = matchAny(member.Type, left.get(key) as CborItem, `${at}.${String(key)}`, member.Name);
        if (miss !== undefined) return miss;
        left.delete(key);
      }
    }
    return left.size === 0 ? undefined : `${at}: ${String([...left.keys()][0])} is unknown`;
  };

  /** The keys that a member's key type means: the one that its rule names, or all that are of a type. */
  const keysOf = (name: string, map: ReadonlyMap<unknown, CborItem>): unknown[] => {
    const rule = rules.get(name);
    if (rule === undefined) return [...map.keys()].filter((key) => matchNative(name, key as CborItem, "") === undefined);
    const [literal] = rule.Type === "variable" ? ([rule.PropertyType].flat() as Reference[]) : [];
    if (literal?.Type !== "literal") throw new Error(`${name} is no key`);
    return [literal.Value];
  };

  const matchList = ({ Values }: List, item: CborItem, at: string): string | undefined => {
    if (!Array.isArray(item)) return `${at}: not a list`;
    let next = 0;
    for (const member of Values.map(single)) {
      let taken = 0;
      let miss: string | undefined;
      while (taken < member.Occurrence.m && next < item.length) {
        miss = matchAny(member.Type, item[next], `${at}.${next}`, member.Name);
        if (miss !== undefined) break;
        taken += 1;
        next += 1;
      }
      if (taken < member.Occurrence.n) return miss ?? `${at}: fewer than ${member.Occurrence.n} items`;
      if (miss !== undefined && Values.length === 1) return miss;
    }
    return next === item.length ? undefined : `${at}: more items than allowed`;
  };

  return { rules, mismatch: (rule, item) => matchRule(rule, item, rule) };
}

function single(property: Property | readonly Property[]): Property {
  if (Array.isArray(property)) throw new Error("a choice of groups is not understood");
  return property as Property;
}

/** A type without its operator. */
function bare(type: PropertyType): PropertyType {
  const { Type } = type as { Type: PropertyType };
  return Type;
}

function isInteger(item: unknown): item is number | bigint {
  return typeof item === "bigint" || Number.isSafeInteger(item);
}

function isSame(item: CborItem, literal: unknown): boolean {
  return isInteger(item) && isInteger(literal) ? BigInt(item) === BigInt(literal) : item === literal;
}

const NATIVE: Readonly<Record<string, (item: CborItem) => boolean>> = {
  any: () => true,
  bool: (item) => typeof item === "boolean",
  int: isInteger,
  uint: (item) => isInteger(item) && item >= 0,
  nint: (item) => isInteger(item) && item < 0,
  bstr: (item) => item instanceof Uint8Array,
  bytes: (item) => item instanceof Uint8Array,
  tstr: (item) => typeof item === "string",
  text: (item) => typeof item === "string",
  nil: (item) => item === null,
  null: (item) => item === null,
};

function matchNative(name: string, item: CborItem, at: string): string | undefined {
  const matches = NATIVE[name];
  if (matches === undefined) throw new Error(`${name} is neither a rule nor a type`);
  return matches(item) ? undefined : `${at}: not ${name}`;
}

function matchRange(range: { Min: unknown; Max: unknown; Inclusive: boolean }, item: CborItem, at: string): string | undefined {
  const [min, max] = [range.Min, range.Max].map((bound) => {
    const value = typeof bound === "object" && bound !== null ? (bound as Reference).Value : bound;
    if (!isInteger(value)) throw new Error(`${at}: the bound ${String(value)} is not exact`);
    return BigInt(value);
  }) as [bigint, bigint];
  const holds = isInteger(item) && item >= min && (range.Inclusive ? item <= max : item < max);
  return holds ? undefined : `${at}: not within ${min}..${max}`;
}

function matchOperator({ Type, Value }: Operator, item: CborItem, at: string): string | undefined {
  const value = (Value as Reference).Value;
  switch (Type) {
    case "size": {
      if (!(item instanceof Uint8Array)) throw new Error(`${at}: .size of what is no byte string`);
      const size = item.length;
      if (typeof value === "object") return matchRange(value as Parameters<typeof matchRange>[0], size, `${at}: its size`);
      return size === value ? undefined : `${at}: not of ${String(value)} bytes`;
    }
    case "regexp":
      return new RegExp(`^(?:${String(value)})$`, "u").test(String(item)) ? undefined : `${at}: not like ${String(value)}`;
    // A power of two past 2^53 is exact as a number, which is all that the parser gives.
    case "lt":
      return isInteger(item) && item < BigInt(value as number) ? undefined : `${at}: not less than ${String(value)}`;
    case "gt":
      return isInteger(item) && item > BigInt(value as number) ? undefined : `${at}: not more than ${String(value)}`;
    default:
      throw new Error(`${at}: the operator .${Type} is not understood`);
  }
}
