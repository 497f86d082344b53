import { basename } from "node:path/posix";
import * as v from "valibot";
import { decodeToml, failure, lineOfKey, nearestWord, type Result, success } from "../../base/index.ts";
import { HalError } from "../errors.ts";
import { type BoardProfile, boardSchema, childSchema } from "./board-schema.ts";

/** A board's file: its text, or why it has none. */
export type BoardFile = { readonly file: string; readonly text: string } | { readonly file: string; readonly problem: string };

/** What a file turned out to be: the profile with what it inherits, or every problem as `file:line: key: message`. */
export interface DecodedBoard {
  readonly file: string;
  readonly board: Result<BoardProfile, readonly string[]>;
}

/** A file that keeps to the schema, before it inherits. */
interface BoardDocument {
  readonly file: string;
  readonly text: string;
  readonly value: v.InferOutput<typeof childSchema>;
}

/**
 * Reads board files that may be based on one another, or on `shipped` ones. A base is looked for among the files first. A broken base
 * breaks those that stand on it. Pure.
 */
export function decodeBoards(files: readonly BoardFile[], shipped: readonly BoardFile[] = []): readonly DecodedBoard[] {
  const parse = (file: BoardFile) => ({ file: file.file, document: parseBoard(file) });
  const parsed = files.map(parse);
  const bases = new Map<string, Result<BoardDocument, readonly string[]>>();
  for (const { file, document } of [...shipped.map(parse), ...parsed]) {
    bases.set(basename(file, ".toml"), document);
  }
  return parsed.map(({ file, document }) => ({ file, board: document.ok ? inherit(document.value, bases) : document }));
}

/** Reads one board file that stands for itself; `fileName` names it in messages. The error lists every problem, with the line. */
export function decodeBoard(text: string, fileName: string): Result<BoardProfile, HalError> {
  const document = checkDocument(text, fileName);
  const board = document.ok ? inherit(document.value, new Map()) : document;
  return board.ok ? board : failure(new HalError("board-invalid", board.error.join("\n")));
}

function parseBoard(source: BoardFile): Result<BoardDocument, readonly string[]> {
  if ("problem" in source) return failure([source.problem]);
  const { file, text } = source;
  const document = checkDocument(text, file);
  if (!document.ok) return document;
  const { id } = document.value.value;
  if (`${id}.toml` === basename(file)) return document;
  return failure([problemAt(document.value, ["id"], `id: "${id}" is not the file's name; rename the file to ${id}.toml`)]);
}

function checkDocument(text: string, file: string): Result<BoardDocument, readonly string[]> {
  // The parser's own words about a zero byte show nothing.
  if (text.includes("\0")) return failure([`${file}: not TOML: a zero byte in it; is it a text file?`]);
  // Most have none, and reading twice costs a router its time.
  const hasBase = /^[ \t]*["']?base\b/m.test(text) && decodeToml(text, file, v.looseObject({ base: v.unknown() })).ok;
  const decoded: Result<v.InferOutput<typeof childSchema>, readonly string[]> = hasBase
    ? decodeToml(text, file, childSchema)
    : decodeToml(text, file, boardSchema);
  if (!decoded.ok) return decoded;
  const document = { file, text, value: decoded.value };
  const { match, sources } = decoded.value;
  if ((match.compatible !== undefined || match.dmi !== undefined) && sources === undefined) {
    const which = match.compatible === undefined ? "dmi" : "compatible";
    const message = 'missing key sources; say where match got its names from: sources = ["repository path", "document"]';
    return failure([problemAt(document, ["match", which], message)]);
  }
  return success(document);
}

/** The document with what its base gives it. Whom a profile is for, and who says so, is never inherited. */
function inherit(
  document: BoardDocument,
  bases: ReadonlyMap<string, Result<BoardDocument, readonly string[]>>,
): Result<BoardProfile, readonly string[]> {
  const { file, value } = document;
  const base = value.base === undefined ? success(undefined) : findBase(document, value.base, bases);
  if (!base.ok) return base;
  const given: Partial<BoardDocument["value"]> = base.value?.value ?? {};
  const merged: Record<string, unknown> = { ...value };
  for (const key of ["board", "limits", "storage", "net", "thermal"] as const) {
    if (given[key] !== undefined) merged[key] = { ...given[key], ...value[key] };
  }
  if (value.bridge === undefined && given.bridge !== undefined) merged["bridge"] = given.bridge;
  const checked = v.safeParse(boardSchema, merged);
  if (checked.success) return success({ ...checked.output, file });
  // Each half was good, so what is wrong is how they fit together.
  return failure(
    checked.issues.map(({ path, message }) => {
      const key = (path ?? []).map((part) => String(part.key));
      return problemAt(document, key, `${key.join(".")}: ${message}; what is not given here comes from its base`);
    }),
  );
}

function findBase(
  document: BoardDocument,
  id: string,
  bases: ReadonlyMap<string, Result<BoardDocument, readonly string[]>>,
): Result<BoardDocument, readonly string[]> {
  const refuse = (message: string) => failure([problemAt(document, ["base"], `base: ${message}`)]);
  if (id === document.value.id) return refuse("a profile cannot be its own base");
  const base = bases.get(id);
  if (base === undefined) {
    const near = nearestWord(id, [...bases.keys()]);
    return refuse(`there is no profile "${id}"${near === undefined ? "" : `; did you mean "${near}"?`}`);
  }
  if (!base.ok) return refuse(`the profile "${id}" is broken itself`);
  const further = base.value.value.base;
  if (further === undefined) return base;
  return refuse(`"${id}" has a base itself, and a profile may stand on one only; use "${further}"`);
}

/** `file:line: message`, with the line on which `key` stands, or the nearest table around it. */
function problemAt({ file, text }: BoardDocument, key: readonly string[], message: string): string {
  const line = lineOfKey(text, key);
  return `${file}${line === undefined ? "" : `:${line}`}: ${message}`;
}
