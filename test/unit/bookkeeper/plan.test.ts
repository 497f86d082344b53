/*
 * Plans, orders and the bookkeeper's configuration, as people mistype them: each mistake is refused with the file, the line, the key and what
 * is allowed there, and each amount is taken up to its bounds and not a step beyond.
 */
import t from "tap";
import { parseBookkeeperConfig } from "../../../bookkeeper/config.ts";
import { kindOf, type Order, type Plan, parseOrder, parsePlan } from "../../../bookkeeper/plan.ts";

const PLAN = `version = 1

[[items]]
name = "reach"
every = "10m"
[items.measure]
method = "tcp"
targets = ["a.example:443"]

[[items]]
name = "keep"
every = "6h"
[items.store]
size = "64KiB"

[[items]]
name = "primes"
every = "30m"
[items.compute]
module = "primes.wasm"
`;
const CONFIG = `[network]
name = "main"

[broker]
url = "mqtts://broker.example"

[plan]
file = "plan.toml"

[verify]
recheck_share = 0.5

[blobs]
port = 8080
`;

const KNOWN_OF_AN_ITEM = "known here: name, min_tier, expires, max_attempts, measure, store, compute, every";
const DURATION = "expected a number with ms, s, m, h or d, such as 30s";
const BYTES = "expected a number with B, kB, MB, GB, TB, KiB, MiB, GiB or TiB, such as 512MiB";

function planOf(text: string): Plan {
  const parsed = parsePlan(text, "p.toml");
  if (!parsed.ok) throw new Error(parsed.error.join("\n"));
  return parsed.value;
}

function orderOf(text: string): Order {
  const parsed = parseOrder(text, "o.toml");
  if (!parsed.ok) throw new Error(parsed.error.join("\n"));
  return parsed.value;
}

type Mistake = readonly [from: string | RegExp, to: string, ...problems: string[]];

t.test("a plan says what it says, and the rest is as the documentation has it", async (t) => {
  const [reach, keep, primes] = planOf(PLAN).items;
  const usual = { min_tier: "Lite", expires: 300_000, max_attempts: 3 };
  const measure = { method: "tcp", targets: ["a.example:443"], count: 3, timeout: 3_000 };
  t.strictSame(reach, { name: "reach", ...usual, every: 600_000, measure });
  const store = { size: 65_536, keep: 86_400_000, challenge_every: 600_000 };
  t.strictSame(keep, { name: "keep", ...usual, every: 21_600_000, store });
  const limits = { wall: 60_000, cpu: 30_000, memory: 67_108_864, output: 65_536 };
  const compute = { module: "primes.wasm", args: [], ...limits, isolation: "namespaces" };
  t.strictSame(primes, { name: "primes", ...usual, every: 1_800_000, compute });
  t.strictSame(
    planOf(PLAN).items.map((item) => kindOf(item)),
    ["measure", "store", "compute"],
  );
});

t.test("each mistake in a plan is refused by file, line and key, with what is allowed", async (t) => {
  const nine = JSON.stringify(Array.from({ length: 9 }, () => "a"));
  const mistakes: readonly Mistake[] = [
    ["version = 1", "version = 2", "p.toml:1: version: expected 1, found 2"],
    ["version = 1\n", "", "p.toml: missing key version"],
    ["[[items]]", "[[items", "p.toml:3: not TOML: Unexpected character, expected whitespace, . or ]"],
    [/\[\[items[\s\S]*/, "", "p.toml: missing key items"],
    [/\[\[items[\s\S]*/, "items = []", "p.toml:3: items: expected it not to be empty"],
    [/\[\[items[\s\S]*/, "items = 3", "p.toml:3: items: expected a list, found 3"],
    ['every = "6h"\n', "", "p.toml:10: missing key items[2].every"],
    [
      'every = "6h"',
      'evry = "6h"',
      "p.toml:10: missing key items[2].every",
      "p.toml:12: unknown key items[2].evry; did you mean every?",
    ],
    ['"6h"', '"soon"', `p.toml:12: items[2].every: ${DURATION}, found "soon"`],
    ['"6h"', "6", "p.toml:12: items[2].every: expected string, found 6"],
    ['"6h"', '"6h"\nmin_tier = "normal"', 'is "normal", not one of ("Lite" | "Normal" | "Super"); did you mean "Normal"?'],
    ['"6h"', '"6h"\nnode = "x"', `p.toml:13: unknown key items[2].node; ${KNOWN_OF_AN_ITEM}`],
    ['name = "keep"\n', "", "p.toml:10: missing key items[2].name"],
    ['"keep"', '"reach"', 'p.toml:11: items[2].name: another item has this name, found "reach"'],
    ['"keep"', '"Keep it"', 'p.toml:11: items[2].name: lower-case letters, digits and dashes, at most 48, found "Keep it"'],
    ['"keep"', '"module"', "p.toml:10: items[2]: module and order are names for other work"],
    ['"keep"', '"order"', "p.toml:10: items[2]: module and order are names for other work"],
    ["[items.store]", "[items.stroe]", "p.toml:13: unknown key items[2].stroe; did you mean store?"],
    ["[items.store]", "[items.shop]", `p.toml:13: unknown key items[2].shop; ${KNOWN_OF_AN_ITEM}`],
    ['[items.store]\nsize = "64KiB"\n', "", "p.toml:10: items[2]: give exactly one of measure, store and compute"],
    [
      "[items.store]",
      'measure = { method = "dns", targets = ["a"] }\n[items.store]',
      "p.toml:10: items[2]: give exactly one of measure, store and compute",
    ],
    ['size = "64KiB"\n', "", "p.toml:10: items[2]: a store item has either size or file"],
    ['size = "64KiB"', 'size = "64KiB"\nfile = "a"', "p.toml:10: items[2]: a store item has either size or file"],
    ["size =", "siez =", "p.toml:14: unknown key items[2].store.siez; did you mean size?"],
    ['"64KiB"', '"64 KB"', `p.toml:14: items[2].store.size: ${BYTES}, found "64 KB"`],
    ["method =", "methd =", "p.toml:6: missing key items[1].measure.method", "did you mean method?"],
    [
      '"tcp"',
      '"tpc"',
      'p.toml:7: items[1].measure.method is "tpc", not one of ("ping" | "dns" | "tcp" | "http"); did you mean "tcp"?',
    ],
    ['"tcp"', '"smtp"', 'p.toml:7: items[1].measure.method is "smtp", not one of ("ping" | "dns" | "tcp" | "http")'],
    ['"tcp"', '"dns"\nrecord_type = "AAA"', 'p.toml:8: items[1].measure.record_type is "AAA"', 'did you mean "AAAA"?'],
    ['"tcp"', '"tcp"\ncount = 1.5', "p.toml:8: items[1].measure.count: expected a whole number, found 1.5"],
    ['["a.example:443"]', "[]", "p.toml:8: items[1].measure.targets: expected it not to be empty"],
    ['["a.example:443"]', '["a", ""]', 'p.toml:8: items[1].measure.targets[2]: expected it not to be empty, found ""'],
    ['["a.example:443"]', nine, "p.toml:8: items[1].measure.targets: expected at most 8 entries"],
    ['["a.example:443"]', '"a"', 'p.toml:8: items[1].measure.targets: expected a list, found "a"'],
    ['module = "primes.wasm"', "args = []", "p.toml:19: missing key items[3].compute.module"],
    ['"primes.wasm"', '"p"\nargs = [1]', "p.toml:21: items[3].compute.args[1]: expected string, found 1"],
    ['"primes.wasm"', '"p"\nisolation = "namespace"', "p.toml:21: ", 'did you mean "namespaces"?'],
  ];
  t.equal(planOf(PLAN).items.length, 3, "without a mistake it is a plan");
  for (const [from, to, ...problems] of mistakes) {
    const parsed = parsePlan(PLAN.replace(from, to), "p.toml");
    const told = parsed.ok ? "" : parsed.error.join("\n");
    for (const problem of problems) t.ok(told.includes(problem), `${from} -> ${to}: ${problem}`, { told });
  }
});

t.test("amounts reach from bound to bound and no further", async (t) => {
  const day = 86_400_000;
  type Bounds = readonly [least: string, leastValue: number, most: string, mostValue: number, below: string, above: string];
  const bounds: Readonly<Record<string, Bounds>> = {
    every: ["1s", 1_000, "30d", 30 * day, "999ms", "2592000.001s"],
    expires: ["1s", 1_000, "24h", day, "999ms", "86400001ms"],
    "measure.timeout": ["100ms", 100, "30s", 30_000, "99ms", "30001ms"],
    "store.size": ["1B", 1, "256MiB", 2 ** 28, "0B", "268435457B"],
    "store.keep": ["1s", 1_000, "365d", 365 * day, "0s", "8760.1h"],
    "store.challenge_every": ["1s", 1_000, "1440m", day, "0.999s", "1441m"],
    "compute.wall": ["10ms", 10, "1h", 3_600_000, "9ms", "3600001ms"],
    "compute.cpu": ["10ms", 10, "60m", 3_600_000, "0s", "61m"],
    "compute.memory": ["64KiB", 65_536, "4GiB", 2 ** 32, "65535B", "4294967297B"],
    "compute.output": ["0B", 0, "16MiB", 2 ** 24, "-1B", "17MiB"],
  };
  const usual: Readonly<Record<string, string>> = {
    measure: 'method = "tcp", targets = ["a"]',
    store: 'size = "1B"',
    compute: 'module = "m.wasm"',
  };
  const itemWith = (path: string, amount: string): string => {
    const [section = "", key] = path.includes(".") ? path.split(".") : ["store"];
    const inside = `{ ${(usual[section] ?? "").replace(/^size.*$/, key === "size" ? "" : "$&")}`;
    const rest = key === undefined ? "" : `${inside.endsWith("{ ") ? "" : ", "}${key} = "${amount}"`;
    const top = key === undefined ? `${path} = "${amount}"` : "";
    const every = path === "every" ? "" : 'every = "1h"';
    return ["version = 1", "[[items]]", 'name = "x"', top, every, `${section} = ${inside}${rest} }`].join("\n");
  };
  for (const [path, [least, leastValue, most, mostValue, below, above]] of Object.entries(bounds)) {
    const read = (amount: string): unknown =>
      path
        .split(".")
        .reduce<unknown>((table, key) => (table as Record<string, unknown>)[key], planOf(itemWith(path, amount)).items[0]);
    t.equal(read(least), leastValue, `${path} = ${least}`);
    t.equal(read(most), mostValue, `${path} = ${most}`);
    const unit = /size|memory|output/.test(path) ? "B" : "ms";
    const told = (amount: string): string => {
      const parsed = parsePlan(itemWith(path, amount), "p.toml");
      return parsed.ok ? "" : parsed.error.join("\n");
    };
    const isNegative = below.startsWith("-");
    t.match(told(below), `items[1].${path}: ${isNegative ? BYTES : `at least ${leastValue} ${unit}`}, found `, below);
    t.match(told(above), `items[1].${path}: at most ${mostValue} ${unit}, found `, above);
  }
});

t.test("counts and lists reach from bound to bound and no further", async (t) => {
  const withMore = (line: string, more: string): boolean => parsePlan(PLAN.replace(line, `${line}\n${more}`), "p.toml").ok;
  const fits = (line: string, key: string, good: readonly unknown[], bad: readonly unknown[]): void => {
    for (const value of good) t.ok(withMore(line, `${key} = ${JSON.stringify(value)}`), `${key} ${JSON.stringify(value).length}`);
    for (const value of bad)
      t.notOk(withMore(line, `${key} = ${JSON.stringify(value)}`), `no ${key} ${JSON.stringify(value).length}`);
  };
  const [every, method, module] = ['every = "6h"', 'method = "tcp"', 'module = "primes.wasm"'];
  const many = (count: number): string[] => Array.from({ length: count }, () => "a");
  fits(every, "max_attempts", [1, 10], [0, 11, 2.5, "3"]);
  fits(method, "count", [1, 10], [0, 11]);
  fits(module, "args", [[], many(32), ["x".repeat(1024)]], [many(33), ["x".repeat(1025)]]);
  fits(module, "stdin", ["", "x".repeat(16_384)], ["x".repeat(16_385)]);
  const items = (count: number): string =>
    Array.from({ length: count }, (_, n) => `[[items]]\nname = "n${n}"\nevery = "1h"\nstore = { size = "1B" }\n`).join("");
  t.equal(planOf(`version = 1\n${items(256)}`).items.length, 256);
  t.notOk(parsePlan(`version = 1\n${items(257)}`, "p.toml").ok);
  const named = (name: string): boolean => parsePlan(PLAN.replace('"keep"', JSON.stringify(name)), "p.toml").ok;
  t.ok(named("a".repeat(48)) && named("0") && named("a-1"));
  t.notOk(named("a".repeat(49)) || named("") || named("-a") || named("a/challenge") || named("A"));
});

t.test("an order is an item without a name or a turn, for one node", async (t) => {
  const store = { size: 1, keep: 86_400_000, challenge_every: 600_000 };
  const usual = { min_tier: "Lite", expires: 300_000, max_attempts: 3 };
  t.strictSame(orderOf('store = { size = "1B" }'), { name: "order", ...usual, store });
  t.equal(orderOf('node = "bonus1x"\nstore = { file = "a" }').node, "bonus1x");
  const problems = (text: string): unknown => {
    const parsed = parseOrder(text, "o.toml");
    return parsed.ok ? "no problem" : parsed.error;
  };
  const known = "name, min_tier, expires, max_attempts, measure, store, compute, node";
  t.strictSame(problems(""), ["o.toml: give exactly one of measure, store and compute"]);
  t.strictSame(problems("store = {}"), ["o.toml: a store item has either size or file"]);
  t.strictSame(problems('store = { size = "1B" }\nevery = "1m"'), [`o.toml:2: unknown key every; known here: ${known}`]);
  t.strictSame(problems('nod = "x"\nstore = { size = "1B" }'), ["o.toml:1: unknown key nod; did you mean node?"]);
  t.strictSame(problems('store = { size = "1B" }\nnode = ""'), ['o.toml:2: node: expected it not to be empty, found ""']);
  t.strictSame(problems('store = { size = "1B" }\ncompute = { module = "m" }'), [
    "o.toml: give exactly one of measure, store and compute",
  ]);
});

t.test("each mistake in a configuration is refused by file, line and key, with what is allowed", async (t) => {
  const config = parseBookkeeperConfig(CONFIG, "c.toml");
  t.strictSame(config.ok && config.value.blobs, { host: "127.0.0.1", port: 8080 });
  const group = (value: string): string => `url = "x"\nshare_group = ${value}`;
  const letters = "lower-case letters, digits and dashes, at most 32 of them";
  const mistakes: readonly Mistake[] = [
    ["[broker]", "[borker]", "c.toml: missing key broker", "c.toml:4: unknown key borker; did you mean broker?"],
    [/url.*\n/, "", "c.toml:4: missing key broker.url"],
    [/url.*/, group('"Group"'), `c.toml:6: broker.share_group: ${letters}, found "Group"`],
    [/url.*/, group('""'), `c.toml:6: broker.share_group: ${letters}, found ""`],
    [/url.*/, group('"a/#"'), `c.toml:6: broker.share_group: ${letters}, found "a/#"`],
    [/url.*/, group(`"${"a".repeat(33)}"`), `c.toml:6: broker.share_group: ${letters}, found "aaa`],
    [/url.*/, group("1"), "c.toml:6: broker.share_group: expected string, found 1"],
    ["8080", "65536", "c.toml:14: blobs.port: expected at most 65535, found 65536"],
    ["8080", "-1", "c.toml:14: blobs.port: expected at least 0, found -1"],
    ["8080", "80.5", "c.toml:14: blobs.port: expected a whole number, found 80.5"],
    ["8080", '"80"', 'c.toml:14: blobs.port: expected number, found "80"'],
    ["port = 8080", 'host = "::"', "c.toml:13: missing key blobs.port"],
    ["8080", '1\nhots = "x"', "c.toml:15: unknown key blobs.hots; did you mean host?"],
    ["8080", '1\npublic_url = ""', 'c.toml:15: blobs.public_url: expected it not to be empty, found ""'],
    ["0.5", "1.1", "c.toml:11: verify.recheck_share: expected at most 1, found 1.1"],
    ["0.5", "-0.1", "c.toml:11: verify.recheck_share: expected at least 0, found -0.1"],
    ["recheck_share", "recheck_shre", "c.toml:11: unknown key verify.recheck_shre; did you mean recheck_share?"],
    ['"main"', '"Main!"', "c.toml:2: network.name: lower-case letters, digits, dot and dash, at most 63 of them"],
    ["[network]", 'log_level = "inf"\n[network]', "c.toml:1: log_level is ", 'did you mean "info"?'],
    ['[plan]\nfile = "plan.toml"\n', "", "c.toml: missing key plan"],
    ["[plan]\nfile", "[plan]\nflie", "c.toml:8: unknown key plan.flie; did you mean file?"],
  ];
  for (const [from, to, ...problems] of mistakes) {
    const parsed = parseBookkeeperConfig(CONFIG.replace(from, to), "c.toml");
    const told = parsed.ok ? "" : parsed.error.join("\n");
    for (const problem of problems) t.ok(told.includes(problem), `${from} -> ${to}: ${problem}`, { told });
  }
  const fine = [group('"a"'), group(`"${"a-1".padEnd(32, "b")}"`)];
  for (const lines of fine) t.ok(parseBookkeeperConfig(CONFIG.replace(/url.*/, lines), "c.toml").ok, lines);
  for (const port of ["0", "65535"]) t.ok(parseBookkeeperConfig(CONFIG.replace("8080", port), "c.toml").ok, port);
  for (const share of ["0", "1"]) t.ok(parseBookkeeperConfig(CONFIG.replace("0.5", share), "c.toml").ok, share);
});
