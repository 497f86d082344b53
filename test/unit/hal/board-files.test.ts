/** Board profiles from files: what every kind of broken one is told, the owner's folder beside those that ship, and those that ship. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { type Test, test } from "tap";
import {
  checkBoards,
  defaultBoardsDirectory,
  loadAllBoards,
  loadBoards,
  makeMachineNeeds,
  probeMachine,
} from "../../../hal/index.ts";
import { canTie } from "../../../hal/profiles/board-match.ts";
import { loadTree, type MachineTree, makeSimHost, makeTree } from "../../sim/machine-tree.ts";
import { shippedBoards } from "../../sim/shipped-boards.ts";
import { makeStillClock } from "../../sim/still-clock.ts";

const BROKEN = fileURLToPath(new URL("../../fixtures/boards-broken", import.meta.url));

const ROUTER = fileURLToPath(new URL("../../fixtures/boards/synthetic-openwrt-router", import.meta.url));

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

/** What `boards check` says of each file under test/fixtures/boards-broken. */
const DRIVERS =
  "expected one of smp-console, smp-raw, esp-rom, stk500v1, an3155, hf2, gecko-xmodem, with a baud rate of at most 4000000 behind a colon or without";
const SOURCES = 'missing key sources; say where match got its names from: sources = ["repository path", "document"]';
const EXPECTED: readonly string[] = [
  'base-broken.toml:2: base: the profile "wrong-type" is broken itself',
  'base-missing.toml:2: base: there is no profile "amlogic,meson-gxx"; did you mean "amlogic,meson-gxl"?',
  'base-of-base.toml:2: base: "phicomm,n1" has a base itself, and a profile may stand on one only; use "amlogic,meson-gxl"',
  "base-self.toml:2: base: a profile cannot be its own base",
  'class-bad.toml:10: board.class is "fridge", not one of ("router" | "sbc" | "tv-box" | "pc" | "pc-gpu" | "server" | "vm" | "container")',
  "cpu-share-over-1.toml:14: limits.cpu_share: expected at most 1, found 1.5",
  "dmi-empty.toml:6: match.dmi: empty; name a vendor, product, board or chassis_type, or leave it out",
  `driver-baud.toml:17: bridge.port[1].drivers[1]: ${DRIVERS}, found "esp-rom:fast"`,
  `driver-unknown.toml:17: bridge.port[1].drivers[2]: ${DRIVERS}, found "smp-consol"`,
  "duplicated-key.toml:11: not TOML: Can't redefine existing key",
  "duplicated-table.toml:15: not TOML: Can't redefine existing key",
  'id-bad.toml:2: id: expected lower-case letters, digits and , . _ -, found "Acme Box"',
  'id-of-another.toml:2: id: "acme,box" is not the file\'s name; rename the file to acme,box.toml',
  "key-unknown.toml:12: missing key limits.max_tier",
  "key-unknown.toml:13: unknown key limits.max_teir; did you mean max_tier?",
  "latin-1.toml: not TOML: not UTF-8; is it a text file?",
  "list-empty.toml:6: match.compatible: expected it not to be empty",
  "many-faults.toml:8: missing key board.name",
  'many-faults.toml:12: limits.max_tier is 3, not one of ("Lite" | "Normal" | "Super")',
  "many-faults.toml:13: limits.cpu_share: expected at least 0.01, found 0",
  "many-faults.toml:14: unknown key limits.speed; known here: max_tier, why, ram_reserve_mb, disk_bench, cpu_share",
  "match-empty.toml:5: match: empty; name what tells this board from others",
  'metered-no.toml:16: net.metered is "no", not one of ("auto" | "yes")',
  "not-toml.toml:5: not TOML: Unexpected character, expected whitespace, . or ]",
  "port-two-ways.toml:16: bridge.port[1].match: expected exactly one of usb, path, tcp and hid",
  "reserve-broken.toml:14: limits.ram_reserve_mb: expected a whole number, found 12.5",
  "reserve-negative.toml:14: limits.ram_reserve_mb: expected at least 0, found -1",
  'reset-unknown.toml:18: bridge.port[1].reset[1] is "dtr-rts", not one of ("dtr_rts" | "baud1200" | "none"); did you mean "dtr_rts"?',
  "schema-2.toml:1: schema: expected 1, found 2",
  "schema-missing.toml: missing key schema",
  "soft-over-bases-hard.toml:16: thermal: soft_c has to be lower than hard_c; what is not given here comes from its base",
  "soft-over-hard.toml:15: thermal: soft_c has to be lower than hard_c",
  `sources-missing-dmi.toml:5: ${SOURCES}`,
  `sources-missing.toml:5: ${SOURCES}`,
  "table-unknown.toml: missing key limits",
  "table-unknown.toml:12: unknown key limit; did you mean limits?",
  'text-too-long.toml:14: limits.why: expected at most 120 characters, found "Because. Because. Because. Because. Because. Because. Becaus..."',
  'tier-bad.toml:13: limits.max_tier is "Hyper", not one of ("Lite" | "Normal" | "Super")',
  'tier-case.toml:13: limits.max_tier is "lite", not one of ("Lite" | "Normal" | "Super"); did you mean "Lite"?',
  'usb-id-bad.toml:16: bridge.port[1].match.usb: expected lower-case hexadecimal such as 10c4:ea60, found "10C4-EA60"',
  "virtual-false.toml:6: match.virtual: expected true, found false",
  "wrong-type.toml:9: board.name: expected string, found 7",
  "zero-byte.toml: not TOML: a zero byte in it; is it a text file?",
];

function makeFolder(t: Test, files: Readonly<Record<string, string | Uint8Array>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), "bonusnode-boards-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

/** What a check says of some paths, with the paths of the files relative to `from`. */
async function problemsOf(paths: readonly string[], from: string): Promise<readonly string[]> {
  const checked = await checkBoards(paths, defaultBoardsDirectory());
  if (!checked.ok) return [checked.error.message];
  return checked.value.flatMap(({ board }) => (board.ok ? [] : board.error)).map((problem) => relative(from, problem));
}

test("broken files, word for word", async (t) => {
  t.same(await problemsOf([BROKEN], BROKEN), EXPECTED);
  for (const name of readdirSync(BROKEN)) {
    t.ok(
      EXPECTED.some((problem) => problem.startsWith(`${name}:`)),
      `${name} is expected to be broken`,
    );
    const alone = await problemsOf([join(BROKEN, name)], BROKEN);
    t.same(
      alone,
      EXPECTED.filter((problem) => problem.startsWith(`${name}:`)),
      `${name} alone`,
    );
  }
});

test("files that are none, or too large", async (t) => {
  const folder = makeFolder(t, { "large.toml": `${GOOD}#${" ".repeat(16 * 1024)}`, "box.txt": GOOD, "acme,box.toml": GOOD });
  mkdirSync(join(folder, "folder.toml"));
  const of = (name: string) => problemsOf([join(folder, name)], folder);
  t.same(await of("large.toml"), ["large.toml: larger than 16384 bytes"]);
  t.same(await of("box.txt"), ["box.txt: a board's file is named ID.toml"]);
  t.same(await of("none.toml"), ["none.toml: no such file"]);
  t.same(await of("acme,box.toml"), []);
  t.same(await of("."), ["folder.toml: not a regular file", "large.toml: larger than 16384 bytes"]);
  t.match(await loadBoards(folder), { ok: false, error: { code: "board-invalid", message: /folder\.toml.*\n.*large\.toml/ } });
  t.match(await loadBoards(join(folder, "none")), { ok: false, error: { code: "boards-unreadable", message: /none/ } });
  t.match(await checkBoards([folder], join(folder, "none")), { ok: false, error: { code: "boards-unreadable" } });
});

test("a base may lie beside a file, or ship with the program", async (t) => {
  const child = (id: string, base: string) => GOOD.replace("acme,box", id).replace("schema = 1", `schema = 1\nbase = "${base}"`);
  const folder = makeFolder(t, {
    "acme,box.toml": GOOD,
    "mine.toml": child("mine", "acme,box").replace('["acme,box"]', '["acme,mine"]'),
    "vm.toml": child("vm", "generic-vm").replace('["acme,box"]', '["acme,vm"]'),
  });
  t.same(await problemsOf([join(folder, "mine.toml")], folder), []);
  t.same(await problemsOf([folder], folder), []);
});

test("two between which nothing decides are told by a check", async (t) => {
  const folder = makeFolder(t, { "acme,box.toml": GOOD, "twin.toml": GOOD.replace("acme,box", "twin") });
  t.same(
    (await problemsOf([folder], folder)).map((problem) => problem.replaceAll(folder, ".")),
    [
      "acme,box.toml: match: as specific as ./twin.toml for the same machines; make one more so",
      "twin.toml: match: as specific as ./acme,box.toml for the same machines; make one more so",
    ],
  );
});

test("the owner's folder", async (t) => {
  const shipped = makeFolder(t, { "acme,box.toml": GOOD });
  const own = makeFolder(t, { "README.md": "mine", "mine.toml": GOOD.replace("acme,box", "mine") });
  t.match(await loadAllBoards(shipped, join(own, "none")), { ok: true, value: { boards: { length: 1 }, problem: undefined } });
  t.match(await loadAllBoards(shipped, own), {
    ok: true,
    value: {
      boards: [
        { id: "acme,box", isOwners: undefined, file: join(shipped, "acme,box.toml") },
        { id: "mine", isOwners: true, file: join(own, "mine.toml") },
      ],
      problem: undefined,
    },
  });
  writeFileSync(join(own, "bad.toml"), "[");
  t.match(await loadAllBoards(shipped, own), {
    ok: true,
    value: { boards: [{ id: "acme,box" }], problem: new RegExp(`^${join(own, "bad.toml")}:1: not TOML`) },
  });
  t.match(await loadAllBoards(own, shipped), { ok: false, error: { code: "board-invalid" } });
  t.match(await loadAllBoards(shipped, join(own, "mine.toml")), {
    ok: true,
    value: { problem: /cannot read the board profiles/ },
  });
});

test("a broken file of the owner's leaves the device running, at Lite, and says so", async (t) => {
  const own = makeFolder(t, { "mine.toml": "schema = 7\n" });
  const needs = await makeMachineNeeds({ ownersBoardsDirectory: own });
  if (!needs.ok) return t.fail(needs.error.message);
  const probeOf = (tree: MachineTree) => {
    const host = makeSimHost(tree);
    return probeMachine({ ...needs.value, host, clock: makeStillClock() }, { dataDirectory: "/", measure: false });
  };
  const router = await probeOf(loadTree(ROUTER));
  t.match(router.board, { kind: "found", value: { profile: { id: "glinet,gl-mt3000", limits: { disk_bench: false } } } });
  t.match(router.decision, { profileTier: "Lite" });
  t.ok(
    router.decision.reasons.some((reason) => reason.includes(`${own}/mine.toml:1: schema: expected 1, found 7`)),
    router.decision.reasons.join("\n"),
  );
  t.match(
    (await probeOf(makeTree({}))).board,
    { kind: "failed", error: { message: /mine\.toml/ } },
    "where none matches, that is why",
  );
});

test("those that ship", async (t) => {
  const boards = await shippedBoards();
  t.ok(boards.filter(({ id }) => !id.startsWith("generic-")).length >= 20, "twenty real ones and more");
  t.same(await problemsOf([defaultBoardsDirectory()], "."), []);
  for (const board of boards) {
    const { id, match, limits, sources = [] } = board;
    if (match.compatible !== undefined) t.ok(match.compatible.includes(id), `${id}: is named as its device tree names it`);
    t.ok(limits.max_tier === "Super" || limits.why !== undefined, `${id}: says why not more`);
    for (const source of sources)
      t.match(source, /^(https:\/\/\S+|[\w.-]+\/[\w.-]+ [\w./-]+\.\w+|[\w.-]+\/[\w.-]+ \S+)/, `${id}: ${source}`);
    const rivals = boards.filter((other) => other !== board && canTie(board, other));
    t.same(
      rivals.map((rival) => rival.id),
      [],
      `${id}: nothing is as specific`,
    );
  }
});
