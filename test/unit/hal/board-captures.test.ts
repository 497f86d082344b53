/**
 * Every captured machine in one file (`npm run capture-board -- FILE` makes one) matches the board profile that its name begins with.
 * A new one needs no code here.
 */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "tap";
import { defaultBoardsDirectory, loadBoards, loadCapture, readFacts } from "../../../hal/index.ts";
import { findBoard } from "../../../hal/machine.ts";
import { makeStillClock } from "../../sim/still-clock.ts";

const FIXTURES = fileURLToPath(new URL("../../fixtures/boards", import.meta.url));
const files = readdirSync(FIXTURES).filter((name) => name.endsWith(".capture"));

test("captures are there", (t) => {
  t.ok(files.length > 0);
  t.end();
});

for (const file of files) {
  test(file, async (t) => {
    const capture = await loadCapture(join(FIXTURES, file));
    const boards = await loadBoards(defaultBoardsDirectory());
    if (!capture.ok) throw capture.error;
    if (!boards.ok) throw boards.error;
    const { host, dataDirectory } = capture.value;
    const facts = await readFacts({ host, clock: makeStillClock() }, { dataDirectory });
    for (const fact of ["cpu", "memory", "volume", "interfaces", "platform"] as const) t.equal(facts[fact].kind, "found", fact);
    const board = findBoard(facts, boards.value);
    const id = board.kind === "found" ? board.value.profile.id : "";
    t.not(id, "", "a profile matches");
    t.ok(basename(file, ".capture").startsWith(id), `the file's name begins with ${id}`);
  });

  test(`${file} holds nothing that tells one machine from another`, (t) => {
    const text = readFileSync(join(FIXTURES, file), "utf8");
    t.match(text, /^# .{20}/m, "says what it is");
    t.notMatch(text, /\b(?!(00:){4})[0-9a-f]{2}(:[0-9a-f]{2}){5}\b/i, "no hardware address");
    t.notMatch(text, /serial number|^file .*\/(serial|\w*uuid|address|wwid|machine-id)$/im, "no serial number");
    t.notMatch(text, /\b(10|192\.168|172\.(1[6-9]|2\d|3[01]))(\.\d{1,3}){2,3}\b/, "no address of a network");
    t.end();
  });
}
