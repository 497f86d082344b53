import TOML from "@iarna/toml";
import * as v from "valibot";
import { MAX_TOML_BYTES } from "./limits.ts";
import { nearestWord } from "./nearest.ts";
import { failure, type Result, success } from "./result.ts";

/** One thing wrong with a TOML file, ready to be shown: `file:line: what is wrong; what to do`. */
export type TomlProblem = string;

type Path = readonly (string | number)[];

/**
 * Reads a TOML document strictly: a key that the schema does not name, a missing one and a wrong type are each refused with the
 * file, the line and the nearest valid key. `fileName` only names the document in messages. Never throws.
 */
export function decodeToml<Schema extends v.GenericSchema>(
  text: string,
  fileName: string,
  schema: Schema,
): Result<v.InferOutput<Schema>, readonly TomlProblem[]> {
  if (Buffer.byteLength(text) > MAX_TOML_BYTES)
    return failure([`${fileName}: larger than ${MAX_TOML_BYTES} bytes; no such file is`]);
  let document: unknown;
  try {
    document = plain(TOML.parse(text));
  } catch (thrown) {
    return failure([syntaxProblem(thrown, fileName)]);
  }
  const checked = v.safeParse(schema, document);
  if (checked.success) return success(checked.output);
  return failure(checked.issues.map((issue) => describeIssue(issue, text, fileName, schema)));
}

/** The parser's tables carry its own prototype and symbols; the rooms see objects without any. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  const result: Record<string, unknown> = Object.create(null);
  for (const key of Object.keys(value)) result[key] = plain((value as Record<string, unknown>)[key]);
  return result;
}

function syntaxProblem(thrown: unknown, fileName: string): TomlProblem {
  const { line, message } = thrown as { line?: number; message?: string };
  const what = (message ?? "cannot be read as TOML").split(/ at row \d+|\n/)[0];
  return line === undefined ? `${fileName}: ${what}` : `${fileName}:${line + 1}: not TOML: ${what}`;
}

function describeIssue(issue: v.BaseIssue<unknown>, text: string, fileName: string, schema: v.GenericSchema): TomlProblem {
  const path: Path = (issue.path ?? []).map((part) => part.key as string | number);
  const line = lineOfKey(text, path);
  const where = line === undefined ? fileName : `${fileName}:${line}`;
  const dotted = dottedKey(path);
  const parents = path.slice(0, -1);
  if (issue.type === "strict_object" && issue.expected === "never") {
    const known = keysAt(schema, parents);
    const near = nearestWord(String(path.at(-1)), known);
    const help = near === undefined ? `known here: ${known.join(", ")}` : `did you mean ${near}?`;
    return `${where}: unknown key ${dotted}; ${help}`;
  }
  if (issue.received === "undefined" && issue.kind === "schema") return `${where}: missing key ${dotted} (${issue.expected})`;
  if (issue.type === "picklist") {
    const near = nearestWord(String(issue.input), issue.expected?.match(/[^"|() ]+/g) ?? []);
    return `${where}: ${dotted} is ${issue.received}, not one of ${issue.expected}${near === undefined ? "" : `; did you mean "${near}"?`}`;
  }
  const detail = issue.kind === "schema" ? `expected ${issue.expected}, found ${issue.received}` : issue.message;
  return `${where}: ${dotted}: ${detail}`;
}

function dottedKey(path: Path): string {
  return path.map((part, index) => (typeof part === "number" ? `[${part + 1}]` : index === 0 ? part : `.${part}`)).join("");
}

/** The keys that the schema allows in the table at `path`; none where the path leads out of the schema. */
function keysAt(schema: v.GenericSchema, path: Path): string[] {
  type Node = { entries?: Record<string, Node>; item?: Node; wrapped?: Node; value?: Node; options?: Node[] };
  let nodes: Node[] = [schema as unknown as Node];
  const opened = (node: Node): Node[] => {
    if (node.wrapped !== undefined) return opened(node.wrapped);
    return node.entries === undefined && node.options !== undefined ? node.options.flatMap(opened) : [node];
  };
  for (const part of path) {
    nodes = nodes
      .flatMap(opened)
      .map((node) => (typeof part === "number" ? node.item : (node.entries?.[part] ?? node.value)))
      .filter((node) => node !== undefined);
  }
  return [...new Set(nodes.flatMap(opened).flatMap((node) => Object.keys(node.entries ?? {})))];
}

/**
 * The line, counted from 1, on which the key at `path` stands, or that of the nearest table around it. The parser keeps no
 * positions, so this reads the table headers and keys of the text again; keys inside inline tables answer with the table's line.
 */
export function lineOfKey(text: string, path: Path): number | undefined {
  const counters = new Map<string, number>();
  let table: Path = [];
  let best: { line: number; depth: number } | undefined;
  const consider = (found: Path, line: number): void => {
    const matches = found.length <= path.length && found.every((part, index) => part === path[index]);
    if (matches && (best === undefined || found.length > best.depth)) best = { line, depth: found.length };
  };
  for (const [index, raw] of text.split("\n").entries()) {
    const header = /^\s*(\[{1,2})([^\]]+)\]/.exec(raw);
    if (header?.[1] !== undefined && header[2] !== undefined) {
      table = resolveTable(splitKey(header[2]), header[1] === "[[", counters);
      consider(table, index + 1);
      continue;
    }
    const key = /^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=/.exec(raw);
    if (key?.[1] !== undefined) {
      const parts = splitKey(key[1]);
      for (let depth = 1; depth <= parts.length; depth++) consider([...table, ...parts.slice(0, depth)], index + 1);
    }
  }
  return best?.line;
}

function splitKey(key: string): string[] {
  return (key.match(/"[^"]*"|'[^']*'|[^.\s]+/g) ?? []).map((part) => part.replace(/^["']|["']$/g, ""));
}

/** The path of a table header, with the index of the element wherever a part names an array of tables. */
function resolveTable(parts: readonly string[], isArray: boolean, counters: Map<string, number>): Path {
  const resolved: (string | number)[] = [];
  for (const [index, part] of parts.entries()) {
    resolved.push(part);
    const name = JSON.stringify(resolved);
    const isLast = index === parts.length - 1;
    if (isLast && isArray) counters.set(name, (counters.get(name) ?? -1) + 1);
    const element = counters.get(name);
    if (element !== undefined) resolved.push(element);
  }
  return resolved;
}
