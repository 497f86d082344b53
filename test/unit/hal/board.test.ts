/** Board profiles as data: what a file may say, what it takes over from another, and that the README explains every key. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { test } from "tap";
import { decodeBoard, defaultBoardsDirectory } from "../../../hal/index.ts";
import { decodeBoards } from "../../../hal/profiles/board.ts";
import { boardSchema } from "../../../hal/profiles/board-schema.ts";
import { printedSeed } from "../../sim/printed-seed.ts";

const GOOD = `schema = 1
id = "acme,box"
sources = ["its device tree"]
[match]
compatible = ["acme,box"]
[board]
name = "Acme Box"
class = "router"
[limits]
max_tier = "Lite"
`;

/** Everything that a file may say. */
const FULL = `schema = 1
id = "acme,box"
sources = ["acme/linux box.dts", "https://acme.example/box.pdf"]

[match]
compatible = ["acme,box"]
dmi = { vendor = "Acme", product = "Box", board = ["BX1", "BX2"], chassis_type = [3, 35] }
container = true
hypervisor = ["Acme Visor"]
virtual = true
os = "openwrt"
gpu = true
arch = ["aarch64"]

[board]
name = "Acme Box"
class = "tv-box"
arch = "aarch64"
soc = "acme,s1"
libc = "musl"

[limits]
max_tier = "Normal"
why = "It is small."
ram_reserve_mb = 128
disk_bench = false
cpu_share = 0.5

[storage]
data = "usb"
kind = "spi-nand"
wear_sensitive = true

[net]
wan = "eth0.2"
metered = "yes"

[thermal]
zone = "cpu-thermal"
soft_c = 85
hard_c = 95

[[bridge.port]]
match = { usb = "10c4:ea60" }
drivers = ["smp-console:115200", "smp-raw", "esp-rom:921600", "stk500v1:57600", "an3155:115200", "gecko-xmodem:115200"]
reset = ["dtr_rts", "baud1200", "none"]
never = ["/dev/ttyS0"]

[[bridge.port]]
match = { path = "/dev/serial/by-path/pci-0000:00:14.0-usb-0:1:1.0" }
drivers = ["stk500v1:57600"]

[[bridge.port]]
match = { tcp = "tcp://[fd00::1]:6638" }
drivers = ["gecko-xmodem"]

[[bridge.port]]
match = { hid = "239a:0013" }
drivers = ["hf2"]
`;

/** What a set of files turns out to be: each profile, or its problems. */
function decoded(files: Readonly<Record<string, string>>, shipped: Readonly<Record<string, string>> = {}): unknown[] {
  const filesOf = (texts: Readonly<Record<string, string>>) => Object.entries(texts).map(([file, text]) => ({ file, text }));
  return decodeBoards(filesOf(files), filesOf(shipped)).map(({ board }) => (board.ok ? board.value : board.error));
}

test("a file that says the least, and one that says everything", (t) => {
  t.match(decodeBoard(GOOD, "acme,box.toml"), { ok: true, value: { id: "acme,box", limits: { max_tier: "Lite" } } });
  const full = decodeBoard(FULL, "acme,box.toml");
  t.match(full, {
    ok: true,
    value: {
      match: { dmi: { board: ["BX1", "BX2"], chassis_type: [3, 35] }, gpu: true },
      limits: { ram_reserve_mb: 128, cpu_share: 0.5 },
      thermal: { zone: "cpu-thermal", soft_c: 85, hard_c: 95 },
      bridge: {
        port: [{ reset: ["dtr_rts", "baud1200", "none"], never: ["/dev/ttyS0"] }, {}, {}, { match: { hid: "239a:0013" } }],
      },
      file: "acme,box.toml",
    },
  });
  if (!full.ok) return t.fail(full.error.message);
  // Whatever the README explains and the schema has, this sample uses.
  t.same(keysIn({ ...full.value, base: "", file: undefined, isOwners: undefined }), schemaKeys(boardSchema));
  t.end();
});

test("a base gives what a file leaves out, key by key", (t) => {
  const child = `schema = 1
id = "acme,mini"
base = "acme,box"
sources = ["its device tree"]
[match]
compatible = ["acme,mini"]
[board]
name = "Acme Mini"
[limits]
max_tier = "Lite"
[net]
metered = "auto"
[thermal]
hard_c = 90
`;
  t.match(decoded({ "acme,mini.toml": child, "acme,box.toml": FULL })[0], {
    id: "acme,mini",
    base: "acme,box",
    sources: ["its device tree"],
    match: { compatible: ["acme,mini"], dmi: undefined, arch: undefined },
    board: { name: "Acme Mini", class: "tv-box", soc: "acme,s1", libc: "musl" },
    limits: { max_tier: "Lite", why: "It is small.", ram_reserve_mb: 128, disk_bench: false, cpu_share: 0.5 },
    storage: { data: "usb", wear_sensitive: true },
    net: { wan: "eth0.2", metered: "auto" },
    thermal: { soft_c: 85, hard_c: 90 },
    bridge: { port: { length: 4 } },
  });
  const ports = `${child}[[bridge.port]]\nmatch = { path = "/dev/ttyS1" }\ndrivers = ["an3155"]\n`;
  t.match(decoded({ "acme,mini.toml": ports, "acme,box.toml": FULL })[0], { bridge: { port: { length: 1 } } });
  t.match(
    decoded({ "acme,mini.toml": child }, { "/ship/acme,box.toml": FULL })[0],
    { board: { class: "tv-box" } },
    "one that ships",
  );
  const own = FULL.replace("tv-box", "sbc");
  const both = decoded({ "acme,mini.toml": child, "acme,box.toml": own }, { "/ship/acme,box.toml": FULL });
  t.match(both[0], { board: { class: "sbc" } }, "one's own before one that ships");

  const hot = child.replace("hard_c = 90", "hard_c = 80");
  t.same(decoded({ "acme,mini.toml": hot, "acme,box.toml": FULL })[0], [
    "acme,mini.toml:13: thermal: soft_c has to be lower than hard_c; what is not given here comes from its base",
  ]);
  t.same(decoded({ "acme,mini.toml": child.replace("[board]", "[bord]"), "acme,box.toml": FULL })[0], [
    "acme,mini.toml:7: unknown key bord; did you mean board?",
  ]);
  t.match(decodeBoard(child, "acme,mini.toml"), { error: { message: 'acme,mini.toml:3: base: there is no profile "acme,box"' } });
  t.end();
});

test("bases that are none", (t) => {
  const standing = (id: string, base: string) => GOOD.replace('id = "acme,box"', `id = "${id}"\nbase = "${base}"`);
  t.same(decoded({ "a.toml": standing("a", "b"), "b.toml": standing("b", "c"), "c.toml": GOOD.replace("acme,box", "c") }), [
    ['a.toml:3: base: "b" has a base itself, and a profile may stand on one only; use "c"'],
    decoded({ "b.toml": standing("b", "c"), "c.toml": GOOD.replace("acme,box", "c") })[0],
    decoded({ "c.toml": GOOD.replace("acme,box", "c") })[0],
  ]);
  t.same(decoded({ "a.toml": standing("a", "a") }), [["a.toml:3: base: a profile cannot be its own base"]]);
  t.same(decoded({ "a.toml": standing("a", "acme,bix"), "acme,box.toml": GOOD })[0], [
    'a.toml:3: base: there is no profile "acme,bix"; did you mean "acme,box"?',
  ]);
  t.same(decoded({ "a.toml": standing("a", "acme,box"), "acme,box.toml": "[" })[0], [
    'a.toml:3: base: the profile "acme,box" is broken itself',
  ]);
  t.same(decoded({ "a.toml": standing("a", "b"), "b.toml": standing("b", "a") }), [
    ['a.toml:3: base: "b" has a base itself, and a profile may stand on one only; use "a"'],
    ['b.toml:3: base: "a" has a base itself, and a profile may stand on one only; use "b"'],
  ]);
  t.end();
});

test("whatever is in a file, the answer is a profile or lines that name the file", (t) => {
  const lines = FULL.split("\n");
  const line = fc.oneof(
    fc.constantFrom(...lines),
    fc.string({ maxLength: 20 }),
    fc.constantFrom('base = "acme,box"', 'base = "x"', "\0"),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 40 }), (chosen) => {
      const [answer] = decoded({ "x.toml": chosen.join("\n"), "acme,box.toml": FULL });
      if (!Array.isArray(answer)) return true;
      return answer.length > 0 && answer.every((problem) => /^x\.toml(:\d+)?: [^\n]+$/.test(problem));
    }),
    { seed: printedSeed(t), numRuns: 300 },
  );
  t.end();
});

test("a file with a line left out is good or refused, and never misunderstood", (t) => {
  const lines = FULL.split("\n");
  for (const [index, left] of lines.entries()) {
    const [answer] = decoded({ "acme,box.toml": lines.filter((_, at) => at !== index).join("\n") });
    if (!Array.isArray(answer)) continue;
    t.ok(answer.length > 0, left);
    for (const problem of answer) t.match(problem, /^acme,box\.toml(:\d+)?: /, left);
  }
  t.end();
});

test("the README explains every key, and no other", (t) => {
  const readme = readFileSync(join(defaultBoardsDirectory(), "README.md"), "utf8");
  const documented = [...readme.matchAll(/^\| `([a-z_.]+)` /gm)].map((row) => row[1]).sort();
  t.same(documented, schemaKeys(boardSchema));
  t.end();
});

/** The dotted name of every key that a schema allows and that holds a value. */
function schemaKeys(schema: unknown, path = ""): string[] {
  type Node = { entries?: Record<string, Node>; wrapped?: Node; item?: Node };
  const node = schema as Node;
  if (node.wrapped !== undefined) return schemaKeys(node.wrapped, path);
  if (node.item?.entries !== undefined) return schemaKeys(node.item, path);
  if (node.entries === undefined) return [path];
  return Object.entries(node.entries)
    .flatMap(([key, value]) => schemaKeys(value, path === "" ? key : `${path}.${key}`))
    .sort();
}

/** The same of a value. */
function keysIn(value: unknown, path = ""): string[] {
  if (value === undefined) return [];
  if (Array.isArray(value) && value.some((item) => typeof item === "object")) {
    return [...new Set(value.flatMap((item) => keysIn(item, path)))].sort();
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [path];
  return [...new Set(Object.entries(value).flatMap(([key, part]) => keysIn(part, path === "" ? key : `${path}.${key}`)))].sort();
}
