/**
 * Log lines are read by collectors and by people, and a value in one must not break it or fool its reader. A process writes one line of each
 * kind in both formats, and each is compared.
 */
import { test } from "tap";
import { LOG_LEVELS, silentLog } from "../../../base/index.ts";
import { startChild } from "./child-process.ts";

async function written(...args: readonly string[]): Promise<string[]> {
  const child = startChild("log", args);
  await child.ended();
  return child.errors().split("\n").slice(0, -1);
}

test("JSON: one object a line, with level, time, program and message", async (t) => {
  const lines = (await written("json")).map((line) => JSON.parse(line) as Record<string, unknown>);
  t.same(
    lines.map(({ level, msg, program }) => [level, msg, program]),
    [
      ["debug", "no fields", "tester"],
      ["info", "values", "tester"],
      ["warn", "texts", "tester"],
      ["error", "trouble", "tester"],
      ["info", "from a child", "tester"],
    ],
  );
  for (const { time } of lines) t.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  const { level, msg, time, program, ...fields } = lines[1] ?? {};
  t.same(fields, { count: 3, big: Number(2n ** 60n), none: null, list: [1, "a"], inner: { a: 1 } });
  t.match(lines[2], { broken: "line\nbreak \u001b[2J \u202e" });
  t.match(lines[4], { part: "inner", more: true });
  const raw = await written("json");
  t.match(raw[1] ?? "", /"big":1152921504606846976[,}]/, "a BigInt is written to its last digit");
});

test("text: a line that a person reads, and that nothing in it can break", async (t) => {
  const lines = await written("text");
  t.equal(lines.length, 5);
  for (const line of lines) t.match(line, /^\d\d:\d\d:\d\d (debug|info |warn |error) /);
  const after = lines.map((line) => line.slice(9));
  t.equal(after[0], "debug no fields");
  t.match(after[1] ?? "", /^info {2}values {2}count=3 big=1152921504606846976 none=null list=\[1,"a"\] inner=\{"a":1\}$/);
  t.equal(after[2], 'warn  texts  text=a b broken="line\\nbreak \\u001b[2J \\u202e"');
  t.equal(after[3], "error trouble  error=why");
  t.equal(after[4], "info  from a child  part=inner more=true");
});

test("only what is as grave as asked for, or nothing", async (t) => {
  const counts = await Promise.all(LOG_LEVELS.map(async (level) => (await written("json", level)).length));
  t.same(counts, [5, 4, 2, 1, 0]);
  silentLog.child({}).error({}, "nothing");
});
