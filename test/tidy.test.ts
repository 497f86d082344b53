import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, sep } from "node:path";
import { fileURLToPath } from "node:url";
import t from "tap";

/*
 * The house rules that a program can check: who imports whom, where the outside world may enter, names, docstrings, dead files, unused
 * dependencies. Each rule reads the sources as text and lists what breaks it, so that a failure says which line to change.
 */

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** The rooms, and which rooms each may import. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  base: [],
  protocol: ["base"],
  mqtt: ["base", "protocol"],
  sandbox: ["base"],
  hal: ["base"],
  agent: ["base", "protocol", "mqtt", "sandbox", "hal"],
  bookkeeper: ["base", "protocol", "mqtt", "sandbox"],
  cli: ["base", "protocol", "mqtt", "sandbox", "hal", "agent", "bookkeeper"],
};
const ROOMS = Object.keys(MAY_IMPORT);
const BESIDE_THE_ROOMS = ["test", "hardware-tests", "bench", "packaging"].filter((folder) => existsSync(join(ROOT, folder)));

interface Source {
  /** Path from the repository's root. */
  readonly path: string;
  readonly room: string;
  readonly text: string;
  /** The text without comments. */
  readonly code: string;
}

/** Paths of the files below a folder; links are not followed, because captured machines hold circles of them. */
function filesBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === "node_modules" ? [] : filesBelow(path);
    return entry.isFile() ? [path] : [];
  });
}

function read(path: string): Source {
  const text = readFileSync(join(ROOT, path), "utf8");
  const code = text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|[^:"'`])\/\/.*$/gm, "$1");
  return { path, room: path.split(sep)[0] ?? "", text, code };
}

const SOURCES = ROOMS.flatMap(filesBelow)
  .filter((path) => /\.(ts|js)$/.test(path))
  .map(read);
const TYPESCRIPT = SOURCES.filter((source) => source.path.endsWith(".ts"));
const EVERYTHING = [
  ...SOURCES,
  ...BESIDE_THE_ROOMS.flatMap(filesBelow)
    .filter((path) => /\.(ts|js)$/.test(path))
    .map(read),
];

/** What a file imports, as written: static, dynamic, re-exported, and types named by import(). */
function importsOf(source: Source): string[] {
  const found = source.code.matchAll(/(?:\bfrom\s+|\bimport\s*\(\s*|^import\s+)["']([^"']+)["']/gm);
  return [...new Set([...found].map((match) => match[1] ?? ""))];
}

/** The path from the root that a relative import means. */
function resolveFrom(source: Source, specifier: string): string {
  return normalize(join(dirname(source.path), specifier));
}

/** The lines that break a rule, each named so that it can be found. */
function listBreaches(sources: readonly Source[], breaches: (source: Source) => readonly string[]): string[] {
  return sources.flatMap((source) => breaches(source).map((what) => `${source.path}: ${what}`));
}

t.test("the rules look at every room", async (t) => {
  for (const room of ROOMS)
    t.ok(TYPESCRIPT.some((source) => source.path === join(room, "index.ts")) || room === "cli", `${room} has a door`);
  t.ok(TYPESCRIPT.length > 100, `${TYPESCRIPT.length} sources`);
});

t.test("rooms import only the rooms below them, and only by their door", async (t) => {
  const breaches = listBreaches(SOURCES, (source) =>
    importsOf(source)
      .filter((specifier) => specifier.startsWith("."))
      .flatMap((specifier) => {
        const target = resolveFrom(source, specifier);
        const room = target.split(sep)[0] ?? "";
        if (room === source.room) return [];
        if (!(MAY_IMPORT[source.room] ?? []).includes(room)) return [`imports ${target}`];
        return target === join(room, "index.ts") ? [] : [`imports ${target}, past the door`];
      }),
  );
  t.strictSame(breaches, []);
});

t.test("a main.ts is imported by its own room's door alone", async (t) => {
  const breaches = listBreaches(SOURCES, (source) =>
    importsOf(source)
      .map((specifier) => resolveFrom(source, specifier))
      .filter((target) => /(^|\/)main\.ts$/.test(target) && source.path !== join(dirname(target), "index.ts"))
      .map((target) => `imports ${target}`),
  );
  t.strictSame(breaches, []);
});

/** Where the outside world may be touched. */
function isEdge(path: string): boolean {
  return /-linux\.ts$|-store\.ts$|(^|\/)main\.ts$|\/(transports|link)\/|^cli\/bonusnode\.js$/.test(path);
}

const OUTSIDE_WORLD = [
  /\bDate\.now\b/,
  /\bnew Date\(\)/,
  /\bMath\.random\b/,
  /\bperformance\.now\b/,
  /\bprocess\.(env|argv|stdout|stderr|stdin|exit|hrtime|cpuUsage|memoryUsage|kill|on|cwd|chdir)\b/,
  /\b(setTimeout|setInterval)\b/,
  /(?<![.\w])fetch\(/,
  /["']node:(fs|fs\/promises|child_process|dgram|http|http2|https|tls|dns|dns\/promises|worker_threads|os|timers|timers\/promises|sqlite)["']/,
];

t.test("the outside world enters by argument, or at the named edges", async (t) => {
  const breaches = listBreaches(
    TYPESCRIPT.filter((source) => !isEdge(source.path)),
    (source) =>
      source.code.split("\n").flatMap((line, index) => {
        // Types and pure functions of node:net (what an address is) touch nothing.
        const isPureNet = /^import (type )?\{[ ]*((BlockList|isIP|isIPv4|isIPv6|SocketAddress),? ?)+\} from "node:net"/.test(
          line,
        );
        const touchesNet = /["']node:net["']/.test(line) && !isPureNet && !/^import type /.test(line);
        const isTypeOnly = /^import type /.test(line);
        const touches = !isTypeOnly && OUTSIDE_WORLD.some((pattern) => pattern.test(line));
        return touches || touchesNet ? [`line ${index + 1}: ${line.trim()}`] : [];
      }),
  );
  t.strictSame(breaches, []);
});

t.test("files have kebab-case names, tests end in .test.ts, and nothing is called utils", async (t) => {
  const names = EVERYTHING.map((source) => source.path);
  const isKebab = (part: string): boolean => /^[a-z0-9]+(-[a-z0-9]+)*$/.test(part.replace(/(\.test)?\.(ts|js)$/, ""));
  t.strictSame(
    names.filter((path) => !path.split(sep).every(isKebab)),
    [],
  );
  t.strictSame(
    names.filter((path) => /(^|\/)(utils?|helpers?|common|lib|misc)(\/|\.)/.test(path)),
    [],
  );
});

t.test("every exported function and class says what it does", async (t) => {
  const breaches = listBreaches(TYPESCRIPT, (source) => {
    const lines = source.text.split("\n");
    return lines.flatMap((line, index) => {
      const name = /^export (?:async )?(?:function\*? |class |const (?=\w+ = (?:async )?\())(\w+)/.exec(line)?.[1];
      return name !== undefined && !/\*\/\s*$/.test(lines[index - 1] ?? "") ? [`${name} has no docstring`] : [];
    });
  });
  t.strictSame(breaches, []);
});

t.test("every door begins with a paragraph on its room", async (t) => {
  const doors = TYPESCRIPT.filter((source) => /^[a-z]+\/index\.ts$/.test(source.path));
  t.strictSame(
    doors.filter((door) => !door.text.startsWith(`/**\n * ${door.room}: `)).map((door) => door.path),
    [],
  );
});

t.test("nothing is left to be done later, and no file outgrew its room", async (t) => {
  const marker = new RegExp(`\\b(${["TO", "DO"].join("")}|${["FIX", "ME"].join("")}|${["X", "XX"].join("")})\\b`);
  t.strictSame(
    listBreaches(EVERYTHING, (source) => (marker.test(source.text) ? ["has a mark of unfinished work"] : [])),
    [],
  );
  const long = TYPESCRIPT.filter((source) => source.text.split("\n").length > 300).map((source) => source.path);
  t.strictSame(long, []);
});

/** Files that are started rather than imported. */
const ENTRANCES =
  /(^|\/)main\.ts$|^cli\/bonusnode\.js$|-worker(-linux)?\.ts$|\.test\.ts$|^(bench|packaging|hardware-tests)\/|^test\/fixtures\/|-child\.ts$/;

t.test("every file is used", async (t) => {
  const byPath = new Map(EVERYTHING.map((source) => [source.path, source]));
  const reached = new Set<string>();
  const visit = (path: string): void => {
    const source = byPath.get(path);
    if (source === undefined || reached.has(path)) return;
    reached.add(path);
    for (const specifier of importsOf(source)) if (specifier.startsWith(".")) visit(resolveFrom(source, specifier));
  };
  for (const { path } of EVERYTHING) if (ENTRANCES.test(path)) visit(path);
  t.strictSame(
    [...byPath.keys()].filter((path) => !reached.has(path)),
    [],
  );
});

t.test("every dependency is used, and everything used is a dependency", async (t) => {
  const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as Record<string, Record<string, string>>;
  const packageOf = (specifier: string): string =>
    specifier
      .split("/")
      .slice(0, specifier.startsWith("@") ? 2 : 1)
      .join("/");
  const usedIn = (sources: readonly Source[]): Set<string> =>
    new Set(
      sources
        .flatMap(importsOf)
        .filter((specifier) => !/^[./]|^node:/.test(specifier))
        .map(packageOf),
    );
  const runtime = Object.keys({ ...manifest["dependencies"], ...manifest["optionalDependencies"] });
  const inRooms = usedIn(SOURCES);
  t.strictSame(
    [...inRooms].filter((name) => !runtime.includes(name)),
    [],
    "imported by a room, but no dependency",
  );
  t.strictSame(
    runtime.filter((name) => !inRooms.has(name)),
    [],
    "a dependency that no room imports",
  );
  const everywhere = usedIn(EVERYTHING);
  const tools = ["typescript", "@types/node"];
  const development = Object.keys(manifest["devDependencies"] ?? {});
  t.strictSame(
    development.filter((name) => !everywhere.has(name) && !tools.includes(name)),
    [],
    "a development dependency that nothing imports",
  );
});
