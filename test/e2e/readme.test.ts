import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import t from "tap";
import { EXIT_CODE_HELP } from "../../cli/exit-codes.ts";
import { firstDifference, README, shapeOf, shownCommands } from "./readme-blocks.ts";

/*
 * The README's tour is what the commands print today: each is run by the shell, in the order of the tour and in a home of its own, and what it
 * prints is held against what the README shows, numbers, ids and names of this machine taken for the same. Its map and its tables are complete.
 */

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

t.setTimeout(300_000);

t.test("the tour", async (t) => {
  const env = { PATH: process.env["PATH"], HOME: t.testdir(), LC_ALL: "C.UTF-8" };
  const commands = shownCommands();
  t.ok(commands.length >= 6);
  for (const { command, output } of commands) {
    const ran = spawnSync("sh", ["-c", command], { cwd: ROOT, env, encoding: "utf8" });
    const difference = firstDifference(output, ran.stdout.trimEnd().split("\n"));
    if (difference === undefined) t.pass(command);
    else t.fail(`${command}\n  the README shows: ${difference}`, { printed: ran.stdout, stderr: ran.stderr });
    t.equal(ran.status, command.includes("tampered") ? 65 : 0, `its exit code; ${ran.stderr}`);
  }
});

t.test("what is compared, and what is not", async (t) => {
  t.equal(firstDifference(["a 1", "...", "c 3"], ["a 9", "b", "b", "c 7"]), undefined);
  t.equal(firstDifference(["a", "c"], ["a", "b", "c"]), "c");
  t.equal(firstDifference(["a", "..."], ["a", "b"]), undefined);
  t.equal(firstDifference(["a"], ["a", "b"]), "after the last line: b");
  t.equal(firstDifference(["...", "a", "...", "b"], ["b", "a"]), "b");
  t.not(shapeOf("verified compute a6dc0d53d4a6: +0.1 points"), shapeOf("refused compute a6dc0d53d4a6: +0.1 points"));
});

t.test("its map names every room, its links lead somewhere, its exit codes are those of the help", async (t) => {
  const folders = readdirSync(ROOT, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !/^(\.|node_modules$|dist$|docs$)/.test(entry.name))
    .map((entry) => entry.name);
  for (const folder of folders) t.match(README, `[${folder}](${folder})`);
  for (const [, link = ""] of README.matchAll(/\]\(([^)]+)\)/g)) t.ok(existsSync(`${ROOT}${link}`), link);
  const codes = [...README.matchAll(/^\| (\d+) \| (.*) \|$/gm)].map(([, code, meaning]) => [code, meaning]);
  t.strictSame(codes, EXIT_CODE_HELP);
});
