/** Board profiles: what a file may say, which profile wins, and that those that ship do what their README says. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "tap";
import { type BoardTraits, boardSchema, matchBoard } from "../../../hal/board.ts";
import { type BoardProfile, decodeBoard, defaultBoardsDirectory, loadBoards } from "../../../hal/index.ts";
import { shippedBoards } from "../../sim/shipped-boards.ts";

const GOOD = `schema = 1
id = "acme,box"
[match]
compatible = ["acme,box"]
[board]
name = "Acme Box"
class = "router"
[limits]
max_tier = "Lite"
`;

const NOTHING: BoardTraits = {
  compatible: [],
  dmiVendor: undefined,
  dmiProduct: undefined,
  chassisType: undefined,
  isOpenwrt: false,
  arch: undefined,
};

function profile(id: string, match: BoardProfile["match"]): BoardProfile {
  return { schema: 1, id, match, board: { name: id, class: "pc" }, limits: { max_tier: "Super" } };
}

function winner(traits: Partial<BoardTraits>, profiles: readonly BoardProfile[]): string | undefined {
  const match = matchBoard({ ...NOTHING, ...traits }, profiles);
  return match.ok ? match.value?.profile.id : match.error.message;
}

test("a good file, and broken ones that are told with their line", (t) => {
  t.match(decodeBoard(GOOD, "acme,box.toml"), { ok: true, value: { id: "acme,box", limits: { max_tier: "Lite" } } });
  const broken: readonly (readonly [change: string, to: string, message: RegExp])[] = [
    ['max_tier = "Lite"', 'max_teir = "Lite"', /x\.toml:9: unknown key limits\.max_teir; did you mean max_tier\?/],
    ['max_tier = "Lite"', 'max_tier = "Hyper"', /x\.toml:9: limits\.max_tier is "Hyper", not one of/],
    ["schema = 1", "schema = 2", /x\.toml:1: schema/],
    ['id = "acme,box"', 'id = "Acme Box"', /x\.toml:2: id: expected lower-case letters/],
    ['class = "router"', 'class = "fridge"', /board\.class is "fridge"/],
    ['compatible = ["acme,box"]', "", /\[match\] is empty/],
    ['compatible = ["acme,box"]', "compatible = []", /x\.toml:4: match\.compatible/],
    ['compatible = ["acme,box"]', "dmi = { chassis_type = [1] }", /match\.dmi/],
    ['name = "Acme Box"\n', "", /missing key board\.name/],
    ["[match]", "[match", /x\.toml:3: not TOML/],
    ["[limits]", "[limits]\nmax_tier_at_night = 1", /unknown key limits\.max_tier_at_night/],
  ];
  for (const [change, to, message] of broken) {
    const decoded = decodeBoard(GOOD.replace(change, to), "x.toml");
    t.match(decoded, { ok: false, error: { code: "board-invalid", message } }, to || `without ${change}`);
  }
  t.end();
});

test("the most specific profile wins, in whatever order they come", (t) => {
  const profiles = [
    profile("any", { arch: ["x86_64", "aarch64"] }),
    profile("openwrt", { os: "openwrt" }),
    profile("rack", { dmi: { chassis_type: [23] } }),
    profile("acme", { dmi: { vendor: "Acme" } }),
    profile("acme-one", { dmi: { vendor: "Acme", product: "One" } }),
    profile("soc", { compatible: ["rockchip,rk3399"] }),
    profile("board", { compatible: ["friendlyarm,nanopi-r4s"] }),
  ];
  const cases: readonly (readonly [Partial<BoardTraits>, string | undefined])[] = [
    [{ arch: "x86_64" }, "any"],
    [{ arch: "x86_64", isOpenwrt: true }, "openwrt"],
    [{ arch: "x86_64", isOpenwrt: true, chassisType: 23 }, "rack"],
    [{ arch: "x86_64", dmiVendor: "Acme", chassisType: 23 }, "acme"],
    [{ arch: "x86_64", dmiVendor: "Acme", dmiProduct: "One" }, "acme-one"],
    [{ arch: "x86_64", dmiVendor: "Other", dmiProduct: "One" }, "any"],
    [{ arch: "aarch64", isOpenwrt: true, compatible: ["friendlyarm,nanopi-r4s", "rockchip,rk3399"] }, "board"],
    [{ arch: "aarch64", compatible: ["pine64,rockpro64", "rockchip,rk3399"] }, "soc"],
    [{ arch: "mips" }, undefined],
    [{}, undefined],
  ];
  for (const [traits, id] of cases) {
    t.equal(winner(traits, profiles), id, JSON.stringify(traits));
    t.equal(winner(traits, [...profiles].reverse()), id, `${JSON.stringify(traits)}, the other way round`);
  }
  t.end();
});

test("two that match equally well are an error that names both", (t) => {
  const twins = [profile("one", { compatible: ["acme,box"] }), profile("two", { compatible: ["acme,box", "acme,other"] })];
  t.match(winner({ compatible: ["acme,box"] }, twins), /one and two match this machine equally well/);
  t.equal(winner({ compatible: ["acme,other"] }, twins), "two");
  t.end();
});

test("a directory of profiles", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "bonusnode-boards-"));
  t.teardown(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, "README.md"), "not a board");
  t.match(await loadBoards(directory), { ok: true, value: [] });
  writeFileSync(join(directory, "acme,box.toml"), GOOD);
  t.match(await loadBoards(directory), { ok: true, value: [{ id: "acme,box" }] });
  writeFileSync(join(directory, "other.toml"), GOOD);
  t.match(await loadBoards(directory), {
    ok: false,
    error: { code: "board-invalid", message: /other\.toml.*rename the file to acme,box\.toml/ },
  });
  writeFileSync(join(directory, "other.toml"), "[");
  t.match(await loadBoards(directory), { ok: false, error: { code: "board-invalid", message: /other\.toml:1/ } });
  rmSync(join(directory, "other.toml"));
  mkdirSync(join(directory, "folder.toml"));
  t.match(await loadBoards(directory), { ok: false, error: { code: "boards-unreadable" } });
  t.match(await loadBoards(join(directory, "none")), { ok: false, error: { code: "boards-unreadable", message: /none/ } });
});

test("the shipped profiles", async (t) => {
  const boards = await shippedBoards();
  t.equal(winner({ arch: "x86_64" }, boards), "generic-pc");
  t.equal(winner({ arch: "x86_64", chassisType: 23 }, boards), "generic-server");
  t.equal(winner({ arch: "x86_64", chassisType: 3 }, boards), "generic-pc");
  t.equal(winner({ arch: "aarch64", isOpenwrt: true }, boards), "generic-openwrt");
  t.equal(winner({ arch: "mips", isOpenwrt: true }, boards), "generic-openwrt");

  const readme = readFileSync(join(defaultBoardsDirectory(), "README.md"), "utf8");
  const { match, limits, board } = boardSchema.entries;
  const keys = [
    ...Object.keys(match.entries)
      .filter((key) => key !== "dmi")
      .map((key) => `match.${key}`),
    ...Object.keys(match.entries.dmi.wrapped.entries).map((key) => `match.dmi.${key}`),
    ...Object.keys(board.entries).map((key) => `board.${key}`),
    ...Object.keys(limits.entries).map((key) => `limits.${key}`),
  ];
  for (const key of keys) t.ok(readme.includes(`\`${key}\``), `the README explains ${key}`);
});
