/**
 * Whoever mistypes a configuration must be told the file, the line and what to write instead. Broken documents of every kind are read, and
 * the words of each complaint compared; random text must never do more harm than that.
 */
import fc from "fast-check";
import { test } from "tap";
import * as v from "valibot";
import { decodeToml, MAX_TOML_BYTES } from "../../../base/index.ts";
import { lineOfKey } from "../../../base/toml.ts";
import { printedSeed } from "../../sim/printed-seed.ts";

const schema = v.strictObject({
  name: v.pipe(v.string(), v.minLength(1), v.maxLength(20)),
  count: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(9)), 3),
  share: v.optional(v.pipe(v.number(), v.minValue(0.01, "at least 0.01"))),
  level: v.optional(v.picklist(["debug", "info", "warn"])),
  network: v.strictObject({
    host: v.string(),
    port: v.number(),
    tags: v.optional(v.pipe(v.array(v.string()), v.maxLength(2)), []),
  }),
  item: v.optional(
    v.array(v.strictObject({ id: v.string(), weight: v.number(), inner: v.optional(v.strictObject({ deep: v.boolean() })) })),
    [],
  ),
  rates: v.optional(v.record(v.string(), v.number())),
  mode: v.optional(
    v.variant("kind", [
      v.strictObject({ kind: v.literal("file"), path: v.string() }),
      v.strictObject({ kind: v.literal("url"), url: v.string() }),
    ]),
  ),
  wait: v.optional(
    v.pipe(
      v.string(),
      v.check((text) => /^\d+s$/.test(text), "expected a number with s, such as 30s"),
    ),
  ),
});

const GOOD = 'name = "x"\n[network]\nhost = "h"\nport = 1\n';

/** What the reader says of a document. */
function problems(text: string): readonly string[] {
  const read = decodeToml(text, "f.toml", schema);
  return read.ok ? [] : read.error;
}

test("a good document is read, with its defaults", (t) => {
  t.strictSame(decodeToml(GOOD, "f.toml", schema), {
    ok: true,
    value: { name: "x", count: 3, network: { host: "h", port: 1, tags: [] }, item: [] },
  });
  t.same(problems(`\ufeff${GOOD}`), [], "a byte order mark is no fault");
  t.same(problems(GOOD.replaceAll("\n", "\r\n")), [], "nor are the line ends of other systems");
  t.same(problems(`# only a comment\n${GOOD}# and another`), []);
  t.end();
});

test("broken TOML: the line, and what the parser stumbled over", (t) => {
  const cases: readonly (readonly [text: string, problem: RegExp])[] = [
    ['name = "x\n', /^f\.toml:1: not TOML: Unterminated string$/],
    ['name = """x\n\n', /^f\.toml:\d: not TOML: Unterminated/],
    ["name\n", /^f\.toml:1: not TOML: .*expected "="$/],
    ["name = \n", /^f\.toml:1: not TOML: /],
    ["name = hello\n", /^f\.toml:1: not TOML: .*expecting string, number/],
    ["name = 1.2.3\n", /^f\.toml:1: not TOML: /],
    ["name = 01\n", /^f\.toml:1: not TOML: /],
    ['name = "a" "b"\n', /^f\.toml:1: not TOML: .*till end of line$/],
    ["name = 'it's'\n", /^f\.toml:1: not TOML: /],
    ['name = "a\u0001"\n', /^f\.toml:1: not TOML: Control characters/],
    ['name = "\\x"\n', /^f\.toml:1: not TOML: /],
    ['\nname = "a"\nname = "b"\n', /^f\.toml:3: not TOML: Can't redefine existing key$/],
    [`${GOOD}[network]\nport = 2\n`, /^f\.toml:5: not TOML: Can't redefine existing key$/],
    [`${GOOD}[[network]]\n`, /^f\.toml:5: not TOML: /],
    ["[network\n", /^f\.toml:1: not TOML: /],
    ["[]\n", /^f\.toml:1: not TOML: /],
    ["[network]]\n", /^f\.toml:1: not TOML: /],
    ["a = [1, 2\n", /^f\.toml:\d: not TOML: /],
    ["a = {x = 1\n", /^f\.toml:\d: not TOML: /],
    ["a = {x = 1, }\n", /^f\.toml:1: not TOML: /],
    ["= 1\n", /^f\.toml:1: not TOML: /],
    ["a.b. = 1\n", /^f\.toml:1: not TOML: /],
    ["\u0000", /^f\.toml:1: not TOML: /],
    ["name: x\n", /^f\.toml:1: not TOML: /],
    ['{"name": "x"}', /^f\.toml:1: not TOML: /],
    ["a = 2026-13-45\n", /^f\.toml: not TOML: Invalid Datetime$/],
  ];
  for (const [text, problem] of cases) {
    const found = problems(text);
    t.equal(found.length, 1, JSON.stringify(text));
    t.match(found[0] ?? "", problem, JSON.stringify(text));
    t.notMatch(found[0] ?? "", /\n|undefined|\[object/, "one line that reads well");
  }
  t.end();
});

test("a good document of the wrong content: file, line, key, and what would be right", (t) => {
  const cases: readonly (readonly [text: string, ...problems: string[]])[] = [
    ["", "f.toml: missing key name", "f.toml: missing key network"],
    ['[network]\nhost="h"\nport=1\n', "f.toml: missing key name"],
    ['name="x"\n[network]\nhost="h"\n', "f.toml:2: missing key network.port"],
    [GOOD.replace('"x"', "5"), "f.toml:1: name: expected string, found 5"],
    [GOOD.replace("port = 1", 'port = "1"'), 'f.toml:4: network.port: expected number, found "1"'],
    [GOOD.replace("port = 1", "port = [1]"), "f.toml:4: network.port: expected number, found a list"],
    [GOOD.replace('"x"', "1979-05-27T07:32:00Z"), "f.toml:1: name: expected string, found a date"],
    [GOOD.replace('"x"', "{a = 1}"), "f.toml:1: name: expected string, found a table"],
    ['name = "x"\nnetwork = 1\n', "f.toml:2: network: expected a table, found 1"],
    [GOOD.replace('"x"', '""'), 'f.toml:1: name: expected it not to be empty, found ""'],
    [
      GOOD.replace('"x"', '"123456789012345678901"'),
      'f.toml:1: name: expected at most 20 characters, found "123456789012345678901"',
    ],
    [
      GOOD.replace("port = 1", "prot = 1"),
      "f.toml:2: missing key network.port",
      "f.toml:4: unknown key network.prot; did you mean port?",
    ],
    [`${GOOD}[netwrok]\na = 1\n`, "f.toml:5: unknown key netwrok; did you mean network?"],
    [`${GOOD}user = 1\n`, "f.toml:5: unknown key network.user; known here: host, port, tags"],
    [`level = "inf"\n${GOOD}`, 'f.toml:1: level is "inf", not one of ("debug" | "info" | "warn"); did you mean "info"?'],
    [`level = "loud"\n${GOOD}`, 'f.toml:1: level is "loud", not one of ("debug" | "info" | "warn")'],
    [`level = 5\n${GOOD}`, 'f.toml:1: level is 5, not one of ("debug" | "info" | "warn")'],
    [`count = 0\n${GOOD}`, "f.toml:1: count: expected at least 1, found 0"],
    [`count = 10\n${GOOD}`, "f.toml:1: count: expected at most 9, found 10"],
    [`count = 1.5\n${GOOD}`, "f.toml:1: count: expected a whole number, found 1.5"],
    [`count = nan\n${GOOD}`, "f.toml:1: count: expected number, found NaN"],
    [`count = 99999999999999999999\n${GOOD}`, "f.toml:1: count: expected number, found a number of more than 15 digits"],
    [`share = 0\n${GOOD}`, "f.toml:1: share: at least 0.01, found 0"],
    [`wait = "5m"\n${GOOD}`, 'f.toml:1: wait: expected a number with s, such as 30s, found "5m"'],
    [`${GOOD}tags = ["a", 5]\n`, "f.toml:5: network.tags[2]: expected string, found 5"],
    [`${GOOD}tags = ["a", "b", "c"]\n`, "f.toml:5: network.tags: expected at most 2 entries"],
    [`${GOOD}tags = "a"\n`, 'f.toml:5: network.tags: expected a list, found "a"'],
    [`${GOOD}[rates]\na = 1\nb = "2"\n`, 'f.toml:7: rates.b: expected number, found "2"'],
    [`${GOOD}[mode]\nkind = "fil"\n`, 'f.toml:6: mode.kind: expected ("file" | "url"), found "fil"'],
    [`${GOOD}[mode]\npath = "x"\n`, 'f.toml:5: missing key mode.kind ("file" | "url")'],
    [
      `${GOOD}[mode]\nkind = "file"\nurl = "x"\n`,
      "f.toml:5: missing key mode.path",
      "f.toml:7: unknown key mode.url; known here: kind, path",
    ],
    [
      `${GOOD}[__proto__]\na = 1\n`,
      "f.toml:5: unknown key __proto__; known here: name, count, share, level, network, item, rates, mode, wait",
    ],
  ];
  for (const [text, ...expected] of cases) t.same(problems(text), expected, JSON.stringify(text));
  t.end();
});

test("the line is found in arrays of tables, dotted and quoted keys, inline tables and long texts", (t) => {
  const items = `${GOOD}[[item]]\nid = "a"\nweight = 1\n[item.inner]\ndeep = true\n[[item]]\nid = "b"\nwieght = 2\n[item.inner]\ndeep = 1\n`;
  t.same(problems(items), [
    "f.toml:10: missing key item[2].weight",
    "f.toml:14: item[2].inner.deep: expected boolean, found 1",
    "f.toml:12: unknown key item[2].wieght; did you mean weight?",
  ]);
  t.same(problems('name="x"\nnetwork.host="h"\nnetwork.port=true\n'), ["f.toml:3: network.port: expected number, found true"]);
  t.same(problems('name="x"\n["network"]\n"host" = 5\n\'port\' = 1\n'), ["f.toml:3: network.host: expected string, found 5"]);
  t.same(problems('name="x"\n\nnetwork = {host = "h", port = "1"}\n'), ['f.toml:3: network.port: expected number, found "1"']);
  t.same(
    problems(`name = """\n[network]\nport = 5\n"""\n[network]\nhost = "h"\nport = "1"\n`),
    ['f.toml:7: network.port: expected number, found "1"'],
    "not in a text that looks like it",
  );
  t.same(problems(`name = '''\n[network] # """\n'''\n[network]\nhost = "h"\nport = "1"\n`), [
    'f.toml:6: network.port: expected number, found "1"',
  ]);
  t.same(problems(`name = "\\"\\"\\"" # """\n[network]\nhost = "h"\nport = "1"\n`), [
    'f.toml:4: network.port: expected number, found "1"',
  ]);
  t.same(problems(`# [network]\n# port = "5"\nname="x"\n  [ network ]\n  host="h"\n\tport="1"\n`), [
    'f.toml:6: network.port: expected number, found "1"',
  ]);
  t.equal(lineOfKey("a = 1\n", ["b"]), undefined);
  t.equal(lineOfKey("", []), undefined);
  t.end();
});

test("a document that is too large is not parsed", (t) => {
  t.same(problems(`${GOOD}#${"x".repeat(MAX_TOML_BYTES)}`), [`f.toml: larger than ${MAX_TOML_BYTES} bytes; no such file is`]);
  t.same(problems(`${GOOD}#${"x".repeat(MAX_TOML_BYTES - GOOD.length - 1)}`), []);
  t.match(problems(`${GOOD}#${"ü".repeat(MAX_TOML_BYTES / 2)}`), [/larger/], "bytes are counted, not characters");
  t.end();
});

test("what it names never runs over a line or a screen", (t) => {
  t.match(problems(`name = "${"y".repeat(500)}"\n[network]\nhost="h"\nport=1\n`), [
    /^f\.toml:1: name: expected at most 20 characters, found "y{60}\.\.\."$/,
  ]);
  t.match(problems(`${GOOD}tags = ["\\u001b[2J", 5]\n`), [/tags\[2\]/]);
  t.match(problems(`name = "\\u001b[2J\\n12345678901234567890"\n[network]\nhost="h"\nport=1\n`), [/found "\\u001b\[2J\\n/]);
  t.end();
});

test("no text breaks the reader", (t) => {
  const word = fc.oneof(
    fc.constantFrom(
      "name",
      "network",
      "port",
      "item",
      "[",
      "[[",
      "]",
      "]]",
      "=",
      ".",
      "{",
      "}",
      ",",
      "\n",
      "\r\n",
      '"',
      "'",
      '"""',
      "'''",
      "#",
      " ",
      "\\u00",
    ),
    fc.constantFrom(
      "1",
      "-1",
      "+0",
      "1e9",
      "0x",
      "inf",
      "nan",
      "true",
      "1979-05-27",
      "__proto__",
      "constructor",
      "\ufeff",
      "\u0000",
    ),
    fc.string({ unit: "binary", maxLength: 6 }),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 40 }), (words) => {
      const found = problems(words.join(""));
      return found.every((problem) => problem.startsWith("f.toml") && !/\n/.test(problem));
    }),
    { numRuns: 5_000, seed: printedSeed(t) },
  );
  t.pass("each was read or refused");
  t.end();
});

test("deep and long documents end soon", { timeout: 30_000 }, (t) => {
  for (const text of [
    `a = ${"[".repeat(50_000)}`,
    `a = ${"[".repeat(2_000)}${"]".repeat(2_000)}`,
    `a = ${"{b = ".repeat(2_000)}1${"}".repeat(2_000)}`,
    `[${"a.".repeat(10_000)}a]\n`,
    `${"a.".repeat(5_000)}a = 1\n`,
    "[[a]]\n".repeat(20_000),
    Array.from({ length: 20_000 }, (_, index) => `k${index} = 1\n`).join(""),
    '"'.repeat(100_000),
    "#".repeat(100_000),
    "\n".repeat(200_000),
  ])
    t.ok(problems(text).length > 0);
  t.end();
});
