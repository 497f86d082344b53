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
    // Editors on some systems begin a file with a byte order mark.
    document = plain(TOML.parse(text.replace(/^\ufeff/, "")));
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
  return `${fileName}${line === undefined ? "" : `:${line + 1}`}: not TOML: ${what}`;
}

function describeIssue(issue: v.BaseIssue<unknown>, text: string, fileName: string, schema: v.GenericSchema): TomlProblem {
  const path: Path = (issue.path ?? []).map((part) => part.key as string | number);
  const line = lineOfKey(text, path);
  const where = line === undefined ? fileName : `${fileName}:${line}`;
  const dotted = dottedKey(path);
  if (issue.type === "strict_object" && issue.expected === "never") {
    const word = String(path.at(-1));
    const known = keysAt(schema, path.slice(0, -1)).filter((key) => key !== word);
    const near = nearestWord(word, known);
    const help = near === undefined ? `known here: ${known.join(", ")}` : `did you mean ${near}?`;
    return `${where}: unknown key ${dotted}; ${help}`;
  }
  if (issue.received === "undefined" && issue.kind === "schema") {
    const choice = issue.type === "strict_object" ? "" : ` ${issue.expected}`;
    return `${where}: missing key ${dotted}${choice}`;
  }
  if (issue.type === "picklist") {
    const near =
      typeof issue.input === "string" ? nearestWord(issue.input, issue.expected?.match(/[^"|() ]+/g) ?? []) : undefined;
    return `${where}: ${dotted} is ${found(issue.input)}, not one of ${issue.expected}${near === undefined ? "" : `; did you mean "${near}"?`}`;
  }
  const what = issue.kind === "schema" || issue.message.startsWith("Invalid ") ? `expected ${wanted(issue)}` : issue.message;
  const isPlain = typeof issue.input !== "object";
  return `${where}: ${path.length === 0 ? "" : `${dotted}: `}${what}${issue.kind === "schema" || isPlain ? `, found ${found(issue.input)}` : ""}`;
}

/** What the schema wants in place of a value, where it has no words of its own for it. */
function wanted({ type, expected, requirement, input }: v.BaseIssue<unknown> & { readonly requirement?: unknown }): string {
  const unit = typeof input === "string" ? "characters" : "entries";
  switch (type) {
    case "integer":
      return "a whole number";
    case "min_value":
      return `at least ${requirement}`;
    case "max_value":
      return `at most ${requirement}`;
    case "min_length":
      return requirement === 1 ? "it not to be empty" : `at least ${requirement} ${unit}`;
    case "max_length":
      return `at most ${requirement} ${unit}`;
    case "strict_object":
    case "record":
      return "a table";
    case "array":
      return "a list";
    default:
      return String(expected ?? "something else");
  }
}

/** A value as a person who wrote it knows it again. */
function found(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}...` : value);
  // The parser keeps only the last 64 bits of a longer number.
  if (typeof value === "bigint") return "a number of more than 15 digits";
  if (value instanceof Date) return "a date";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "a table" : String(value);
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
  const consider = (place: Path, line: number): void => {
    const matches = place.length <= path.length && place.every((part, index) => part === path[index]);
    if (matches && (best === undefined || place.length > best.depth)) best = { line, depth: place.length };
  };
  let quotes: string | undefined;
  for (const [index, raw] of text.split("\n").entries()) {
    const isInsideText = quotes !== undefined;
    quotes = openQuotes(raw, quotes);
    if (isInsideText) continue;
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

/** The triple quotes that are still open at the end of a line, given those open at its beginning. */
function openQuotes(line: string, open: string | undefined): string | undefined {
  let quotes = open;
  for (const [token] of line.matchAll(quotes === undefined ? LEXEMES : CLOSERS)) {
    if (quotes === undefined && token.length === 3 && /^("""|''')$/.test(token)) quotes = token;
    else if (token === quotes) quotes = undefined;
  }
  return quotes;
}

/** What may hide quotes in a line of TOML: texts, and the comment at its end. */
const LEXEMES = /"""|'''|"(?:[^"\\]|\\.)*"|'[^']*'|#.*/g;
const CLOSERS = /"""|'''/g;

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
