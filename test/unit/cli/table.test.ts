/** Tables and amounts as people see them. */
import { test } from "tap";
import { formatTable, wrapText } from "../../../cli/table.ts";
import { formatBitsPerSecond, formatBytes, formatCount, formatDurationMs, formatPlural } from "../../../cli/units.ts";

test("columns line up, colours or not, and no line ends in a space", (t) => {
  const rows = [["name", "size"], ["\u001b[32ma\u001b[39m", "1"], ["longer", "100", "more"], []];
  t.equal(
    formatTable(rows, { alignRight: [1], indent: 1 }),
    [" name    size", " \u001b[32ma\u001b[39m          1", " longer   100  more", ""].join("\n"),
  );
  t.equal(formatTable([]), "");
  t.end();
});

test("the last column is broken to the width, and goes on below itself", (t) => {
  t.equal(
    formatTable([["key", "one two three four five six seven"]], { width: 25 }),
    ["key  one two three four", "     five six seven"].join("\n"),
  );
  t.same(wrapText("a".repeat(30), 20), ["a".repeat(30)], "a long word stays whole");
  t.same(wrapText("one two", 5), ["one two"], "too narrow to help");
  t.same(wrapText("one two", undefined), ["one two"]);
  t.end();
});

test("bytes, in binary units, never rounded up", (t) => {
  const cases: readonly (readonly [number, string])[] = [
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1 KiB"],
    [1536, "1.5 KiB"],
    [2 ** 30 - 1, "1023 MiB"],
    [25_276_502_016, "23.5 GiB"],
    [2 ** 60, "1024 PiB"],
  ];
  for (const [bytes, text] of cases) t.equal(formatBytes(bytes), text);
  t.end();
});

test("rates, times and counts", (t) => {
  t.equal(formatBitsPerSecond(999), "999 bit/s");
  t.equal(formatBitsPerSecond(2_500_000_000), "2.5 Gbit/s");
  t.equal(formatBitsPerSecond(100_000_000), "100 Mbit/s");
  const times: readonly (readonly [number, string])[] = [
    [0, "0 ms"],
    [850.4, "850 ms"],
    [1_500, "1.5 s"],
    [59_499, "59 s"],
    [60_000, "1 min"],
    [61_000, "1 min 1 s"],
    [3 * 3_600_000 + 5 * 60_000 + 7_000, "3 h 5 min"],
    [86_400_000, "1 d"],
    [86_400_000 + 60_000, "1 d"],
    [2 * 86_400_000 + 4 * 3_600_000, "2 d 4 h"],
  ];
  for (const [durationMs, text] of times) t.equal(formatDurationMs(durationMs), text);
  t.equal(formatCount(1_234_567), "1 234 567");
  t.equal(formatCount(-1234), "-1 234");
  t.equal(formatPlural(1, "core"), "1 core");
  t.equal(formatPlural(2, "proxy", "proxies"), "2 proxies");
  t.end();
});
