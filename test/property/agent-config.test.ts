/**
 * No text makes the configuration's reader throw or hang, and every problem that it names begins with the file. Texts are the shipped
 * example with lines cut, doubled, swapped and words put in, and values of every type in the place of every key.
 */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { test } from "tap";
import { isQuiet, parseAgentConfig } from "../../agent/config.ts";
import { printedSeed } from "../unit/agent/measure/seed.ts";

const EXAMPLE = readFileSync(new URL("../../packaging/agent/config.toml", import.meta.url), "utf8").replace(
  /^#([a-z_]+ = )/gm,
  "$1",
);
const LINES = EXAMPLE.split("\n").filter((line) => line !== "" && !line.startsWith("#"));

const value = fc.oneof(
  fc.constantFrom(
    "true",
    "-1",
    "0",
    "1e999",
    "nan",
    "inf",
    '""',
    '"512MiB"',
    '"22:00-07:00"',
    "[]",
    "[[]]",
    "{}",
    "1979-05-27",
    "'''x'''",
  ),
  fc.string({ unit: "binary", maxLength: 30 }),
  fc.integer().map(String),
  fc.double().map(String),
);
const line = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...LINES) },
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom(...LINES), value).map(([text, put]) => text.replace(/=.*/, `= ${put}`)) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("[limits]", "[[limits]]", "[limits.kinds]", "[__proto__]", "constructor = 1", "a.b.c = 1"),
  },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 60 }) },
);

/** What happens to the lines of the full example: one is put in, left out, or put in the place of another. */
const change = fc.tuple(fc.constantFrom("insert", "remove", "replace"), fc.nat(), line);

test("no text makes it throw, and every problem names the file", (t) => {
  const seed = printedSeed(t);
  let good = 0;
  fc.assert(
    fc.property(fc.array(change, { maxLength: 5 }), (changes) => {
      const lines = [...LINES];
      for (const [how, place, text] of changes) {
        const at = place % (lines.length + 1);
        lines.splice(at, how === "insert" ? 0 : 1, ...(how === "remove" ? [] : [text]));
      }
      const parsed = parseAgentConfig(lines.join("\n"), "c.toml");
      if (parsed.ok) good += 1;
      else if (parsed.error.length === 0 || !parsed.error.every((text) => /^c\.toml(:\d+)?: \S/.test(text))) {
        throw new Error(JSON.stringify(parsed.error));
      }
    }),
    { numRuns: 3_000, seed },
  );
  t.ok(good > 100, `${good} of them were configurations`);
  t.end();
});

test("one changed value is refused at its own line, or taken", (t) => {
  const seed = printedSeed(t);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: LINES.length - 1 }), fc.constantFrom("-1", '"?"', "[1]", "{ x = 1 }"), (index, put) => {
      if (LINES[index]?.includes("=") !== true) return;
      const lines = LINES.map((text, at) => (at === index ? text.replace(/=.*/, `= ${put}`) : text));
      const parsed = parseAgentConfig(lines.join("\n"), "c.toml");
      if (!parsed.ok && !parsed.error.every((text) => text.startsWith(`c.toml:${index + 1}: `)))
        throw new Error(parsed.error.join());
    }),
    { numRuns: 500, seed },
  );
  t.pass();
  t.end();
});

test("a day has exactly as many quiet minutes as the hours say", (t) => {
  const minute = fc.integer({ min: 0, max: 1439 });
  fc.assert(
    fc.property(minute, minute, (fromMinute, toMinute) => {
      fc.pre(fromMinute !== toMinute);
      const quiet = Array.from({ length: 1440 }, (_, at) => isQuiet({ fromMinute, toMinute, text: "" }, at)).filter(
        Boolean,
      ).length;
      return quiet === (toMinute - fromMinute + 1440) % 1440;
    }),
    { numRuns: 200, seed: printedSeed(t) },
  );
  t.pass();
  t.end();
});
