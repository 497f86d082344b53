/** The verb `boards`: a check of files and folders, the list, and their exit codes. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Test, test } from "tap";
import { runBoardsCheck, runBoardsList } from "../../../cli/boards.ts";
import { makeTerminal, type Terminal } from "../../../cli/terminal.ts";
import { defaultBoardsDirectory } from "../../../hal/index.ts";

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
const BAD = GOOD.replace("acme,box", "bad").replace("max_tier", "max_teir");

function makeFolder(t: Test, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), "bonusnode-boards-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

async function told(run: (terminal: Terminal) => Promise<number>) {
  const written = { stdout: "", stderr: "" };
  const stream = (name: "stdout" | "stderr") => ({ write: (text: string) => (written[name] += text) });
  const code = await run(makeTerminal({ stdout: stream("stdout"), stderr: stream("stderr"), env: {} }));
  return { code, ...written };
}

test("a check of a file and of a folder", async (t) => {
  const folder = makeFolder(t, { "acme,box.toml": GOOD, "bad.toml": BAD });
  const good = join(folder, "acme,box.toml");
  const bad = join(folder, "bad.toml");
  const problems = `${bad}:9: missing key limits.max_tier\n${bad}:10: unknown key limits.max_teir; did you mean max_tier?\n`;
  const check = (paths: readonly string[], json = false) => told((terminal) => runBoardsCheck(paths, { json }, terminal));
  t.same(await check([good]), { code: 0, stdout: `${good}: ok\n`, stderr: "" });
  t.same(await check([bad]), { code: 78, stdout: "", stderr: problems });
  t.same(await check([folder]), { code: 78, stdout: `${good}: ok\n`, stderr: problems });
  t.same(await check([join(folder, "none.toml")]), { code: 78, stdout: "", stderr: `${folder}/none.toml: no such file\n` });
  t.same(await check([makeFolder(t, {})]).then(({ code, stderr }) => [code, /^no \*\.toml in /.test(stderr)]), [78, true]);

  const { code, stdout, stderr } = await check([folder], true);
  t.equal(code, 78);
  t.equal(stderr, problems);
  t.same(JSON.parse(stdout), [
    { file: good, ok: true, id: "acme,box", problems: [] },
    { file: bad, ok: false, problems: problems.trim().split("\n") },
  ]);
  const needs = { shippedDirectory: join(folder, "none"), ownersDirectory: folder };
  t.match(await told((terminal) => runBoardsCheck([good], {}, terminal, needs)), { code: 78, stderr: /cannot read/ });
});

test("those that ship are good, each of them", async (t) => {
  const { code, stdout, stderr } = await told((terminal) => runBoardsCheck([defaultBoardsDirectory()], {}, terminal));
  t.same({ code, stderr }, { code: 0, stderr: "" });
  t.ok(stdout.split("\n").length > 25);
});

test("the list", async (t) => {
  const shipped = makeFolder(t, {
    "acme,box.toml": GOOD,
    "zero.toml": GOOD.replaceAll("acme,box", "zero").replace("Acme Box", "Zero").replace("Lite", "Super"),
  });
  const own = makeFolder(t, { "mine.toml": GOOD.replace("acme,box", "mine").replace("Acme Box", "My Box") });
  const list = (ownersDirectory: string, json = false) =>
    told((terminal) => runBoardsList({ json }, terminal, { shippedDirectory: shipped, ownersDirectory }));
  t.same(await list(own), {
    code: 0,
    stdout: `id        name      class   at most
acme,box  Acme Box  router  Lite
mine      My Box    router  Lite     yours
zero      Zero      router  Super
`,
    stderr: "",
  });
  t.match(JSON.parse((await list(own, true)).stdout), [
    {
      id: "acme,box",
      name: "Acme Box",
      class: "router",
      max_tier: "Lite",
      from: "program",
      file: join(shipped, "acme,box.toml"),
    },
    { id: "mine", from: "owner", file: join(own, "mine.toml") },
    { id: "zero", max_tier: "Super" },
  ]);
  writeFileSync(join(own, "bad.toml"), BAD);
  const broken = await list(own);
  t.match(broken, { code: 78, stdout: /acme,box.*\nzero/, stderr: /bad\.toml:10: unknown key/ });
  t.match(await list(join(own, "none")), { code: 0, stderr: "" });
  const nothing = { shippedDirectory: own, ownersDirectory: shipped };
  t.match(await told((terminal) => runBoardsList({}, terminal, nothing)), { code: 78, stdout: "", stderr: /bad\.toml/ });
});
