import { failure, oneLine, type Result, success } from "../../base/index.ts";
import { HalError } from "../errors.ts";
import type { Host, VolumeSize } from "../host.ts";
import { MAX_CAPTURE_CHARS, MAX_CAPTURE_ENTRIES, MAX_CAPTURE_PATH, MAX_CAPTURE_WHY, MAX_DIRECTORY_ENTRIES } from "../limits.ts";
import { absent, failed, found, type ProbeFailure, type ProbeResult } from "../probe-result.ts";

/*
 * One captured machine in one text file, made to be read and compared by people:
 *
 *     bonusnode-capture 1
 *     data /var/lib/bonusnode
 *
 *     file /sys/block/vda/size
 *     | 2097152
 *     link /sys/block/vda
 *     > ../devices/pci0000:00/block/vda
 *     list /sys/block
 *     | vda
 *     volume /
 *     | /
 *     | 270553522176 194000000000
 *     file /sys/firmware/acpi/tables/FACP denied
 *     > no permission to read /sys/firmware/acpi/tables/FACP
 *
 * Each answer that a probe got is a heading and lines of content: `|` a line with its end, `>` a last line without one. A backslash
 * stands before what is not printed: `\\`, `\u{0}`. Lines that begin with `#`, and empty ones, mean nothing.
 */

/** One answer. */
export interface CaptureEntry {
  readonly ask: "file" | "list" | "link" | "volume";
  readonly path: string;
  readonly outcome: "found" | "absent" | ProbeFailure["code"];
  /** What was found: a file's text, names or a size one a line, where a link leads. Else why there is none. */
  readonly text: string;
}

/** A machine that was captured, to be read like a real one. */
export interface Capture {
  readonly host: Host;
  /** Where its data would lie; other places have no volume. */
  readonly dataDirectory: string;
}

const FIRST_LINE = "bonusnode-capture 1";
const OUTCOMES: readonly CaptureEntry["outcome"][] = ["absent", "denied", "too-large", "malformed", "timeout", "unreadable"];

/** Writes a capture down, sorted by path. `about` stands at its top for people. */
export function formatCapture(dataDirectory: string, entries: readonly CaptureEntry[], about: readonly string[]): string {
  const sorted = [...entries].sort((left, right) => compare(left.path, right.path) || compare(left.ask, right.ask));
  const blocks = sorted.map(({ ask, path, outcome, text }) =>
    [`${ask} ${escapePath(path)}${outcome === "found" ? "" : ` ${outcome}`}`, ...contentLines(text)].join("\n"),
  );
  const comments = about.map((line) => `# ${oneLine(line, MAX_CAPTURE_WHY)}`);
  return `${[FIRST_LINE, `data ${escapePath(dataDirectory)}`, ...comments, "", ...blocks].join("\n")}\n`;
}

/**
 * Reads a capture, which may come from anybody: nothing in it leads anywhere, and what it does not hold is absent. Error:
 * `capture-invalid`, with the line.
 */
export function readCapture(text: string): Result<Capture, HalError> {
  const parsed = parseCapture(text);
  if (!parsed.ok) return parsed;
  const { dataDirectory, entries } = parsed.value;
  return success({ dataDirectory, host: makeHost(new Map(entries.map((entry) => [`${entry.ask} ${entry.path}`, entry]))) });
}

/** The entries in the text of a capture. Error: `capture-invalid`, with the line. */
export function parseCapture(
  text: string,
): Result<{ readonly dataDirectory: string; readonly entries: readonly CaptureEntry[] }, HalError> {
  const wrong = (line: number, what: string): Result<never, HalError> =>
    failure(new HalError("capture-invalid", `capture, line ${line}: ${what}`));
  if (text.length > MAX_CAPTURE_CHARS) return wrong(1, `more than ${MAX_CAPTURE_CHARS} characters in all`);
  const lines = text.split("\n");
  if (lines[0] !== FIRST_LINE) return wrong(1, `expected "${FIRST_LINE}"`);
  const dataDirectory = parsePath(/^data (\S+)$/.exec(lines[1] ?? "")?.[1]);
  if (dataDirectory === undefined) return wrong(2, 'expected "data" and an absolute path');
  const entries = new Map<string, { entry: Omit<CaptureEntry, "text">; line: number; parts: string[]; isOver: boolean }>();
  let current: { parts: string[]; isOver: boolean } | undefined;
  for (const [index, line] of lines.entries()) {
    if (index < 2 || line === "" || line.startsWith("#")) continue;
    if (/^[|>]/.test(line)) {
      const content = /^[|>] /.test(line) ? readEscapes(line.slice(2)) : line.length === 1 ? "" : undefined;
      if (content === undefined)
        return wrong(index + 1, "not a line of content: after | or > comes a space, and \\ only before \\ or u{}");
      if (current === undefined || current.isOver) return wrong(index + 1, "content of nothing");
      current.parts.push(line.startsWith("|") ? `${content}\n` : content);
      current.isOver = line.startsWith(">");
      continue;
    }
    const entry = parseHeading(line);
    if (entry === undefined)
      return wrong(index + 1, "expected file, list, link or volume, an absolute path, and nothing or why not");
    const key = `${entry.ask} ${entry.path}`;
    if (entries.has(key)) return wrong(index + 1, `a second ${key}`);
    if (entries.size === MAX_CAPTURE_ENTRIES) return wrong(index + 1, `more than ${MAX_CAPTURE_ENTRIES} answers`);
    const opened = { entry, line: index + 1, parts: [], isOver: false };
    entries.set(key, opened);
    current = opened;
  }
  const complete: CaptureEntry[] = [];
  for (const { entry, line, parts } of entries.values()) {
    const whole = { ...entry, text: parts.join("") };
    if (whole.outcome === "found" && !hasMeaning(whole)) return wrong(line, `the content is not that of a ${entry.ask}`);
    complete.push(whole);
  }
  return success({ dataDirectory, entries: complete });
}

function parseHeading(line: string): Omit<CaptureEntry, "text"> | undefined {
  const parts = /^(file|list|link|volume) (\S+)(?: ([a-z-]+))?$/.exec(line);
  const path = parsePath(parts?.[2]);
  const outcome = parts?.[3] === undefined ? "found" : OUTCOMES.find((known) => known === parts[3]);
  if (parts === null || path === undefined || outcome === undefined) return undefined;
  return { ask: parts[1] as CaptureEntry["ask"], path, outcome };
}

function hasMeaning(entry: CaptureEntry): boolean {
  if (entry.ask === "list") return namesOf(entry.text) !== undefined;
  if (entry.ask === "link") return entry.text !== "" && entry.text.length <= MAX_CAPTURE_PATH;
  return entry.ask === "file" || volumeOf(entry.text) !== undefined;
}

/** The names in a directory, as a host answers them; undefined where they are none. */
function namesOf(text: string): readonly string[] | undefined {
  if (text !== "" && !text.endsWith("\n")) return undefined;
  const names = text.split("\n").slice(0, -1);
  const isName = (name: string): boolean => name !== "" && name !== "." && name !== ".." && !/[/\0]/.test(name);
  const isList = names.length <= MAX_DIRECTORY_ENTRIES && names.every(isName) && new Set(names).size === names.length;
  return isList ? names.sort() : undefined;
}

function volumeOf(text: string): VolumeSize | undefined {
  const parts = /^(\/[^\n\0]*)\n(\d{1,16}) (\d{1,16})\n$/.exec(text);
  const [totalBytes, freeBytes] = [Number(parts?.[2]), Number(parts?.[3])];
  if (parts?.[1] === undefined || !Number.isSafeInteger(totalBytes) || !Number.isSafeInteger(freeBytes)) return undefined;
  return { realPath: parts[1], totalBytes, freeBytes };
}

function makeHost(entries: ReadonlyMap<string, CaptureEntry>): Host {
  async function answer<Value>(
    ask: CaptureEntry["ask"],
    path: string,
    decode: (text: string) => ProbeResult<Value> | undefined,
  ): Promise<ProbeResult<Value>> {
    const entry = entries.get(`${ask} ${path}`);
    if (entry === undefined) return absent(`${path} is not there`);
    if (entry.outcome === "found") return decode(entry.text) ?? failed("malformed", `${path} is broken in the capture`);
    const why = oneLine(entry.text, MAX_CAPTURE_WHY);
    return entry.outcome === "absent" ? absent(why) : failed(entry.outcome, why);
  }
  const optional = <Value>(value: Value | undefined): ProbeResult<Value> | undefined =>
    value === undefined ? undefined : found(value);
  return {
    readText: (path, maxBytes) =>
      answer("file", path, (text) =>
        Buffer.byteLength(text) > maxBytes ? failed("too-large", `${path} is too large`) : found(text),
      ),
    list: (path) => answer("list", path, (text) => optional(namesOf(text))),
    readLink: (path) => answer("link", path, (text) => found(text)),
    readVolumeSize: (path) => answer("volume", path, (text) => optional(volumeOf(text))),
  };
}

function contentLines(text: string): readonly string[] {
  const lines = text.split("\n");
  const last = lines.pop() ?? "";
  const marked = lines.map((line) => (line === "" ? "|" : `| ${writeEscapes(line)}`));
  return last === "" ? marked : [...marked, `> ${writeEscapes(last)}`];
}

/** Everything that is not printed, but the tab; a backslash itself. */
const HIDDEN = /[\\\p{C}\u2028\u2029]/gu;

function writeEscapes(text: string): string {
  return text.replace(HIDDEN, (char) =>
    char === "\t" ? char : char === "\\" ? "\\\\" : `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

/** Undefined where a backslash stands before anything else, or a character that is not printed stands as it is. */
function readEscapes(text: string): string | undefined {
  if (/[^\P{C}\t]|[\u2028\u2029]/u.test(text)) return undefined;
  let isRight = true;
  const plain = text.replace(/\\(?:(\\)|u\{([0-9a-f]{1,6})\})?/g, (_, backslash?: string, digits?: string) => {
    if (backslash !== undefined) return backslash;
    const code = digits === undefined ? Number.NaN : Number.parseInt(digits, 16);
    isRight &&= code <= 0x10ffff;
    return code <= 0x10ffff ? String.fromCodePoint(code) : "";
  });
  return isRight ? plain : undefined;
}

function escapePath(path: string): string {
  return writeEscapes(path).replace(/\s/g, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
}

function parsePath(text: string | undefined): string | undefined {
  const path = readEscapes(text ?? "");
  return path !== undefined && /^\/[^\0]*$/.test(path) && path.length <= MAX_CAPTURE_PATH ? path : undefined;
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
