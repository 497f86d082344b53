/** Diagnostic notation is what people see of a message, in samples and on terminals. Each type is written and compared with RFC 8949 section 8. */
import { test } from "tap";
import { toDiagnostic } from "../../../protocol/index.ts";

test("each type in its notation", (t) => {
  t.equal(toDiagnostic(-8), "-8");
  t.equal(toDiagnostic(2n ** 63n), "9223372036854775808");
  t.equal(toDiagnostic('a "b"\u001b[2J'), '"a \\"b\\"\\u001b[2J"', "and no text plays tricks on a terminal");
  t.equal(toDiagnostic(Uint8Array.of(0, 255)), "h'00ff'");
  t.equal(toDiagnostic([true, false, null]), "[true, false, null]");
  t.equal(toDiagnostic([]), "[]");
  t.equal(toDiagnostic(new Map()), "{}");
  t.end();
});

test("maps have an entry a line, and long lists an item a line", (t) => {
  const map = new Map<number | string, number | number[]>([
    [1, 2],
    ["list", [1, 2]],
  ]);
  t.equal(toDiagnostic(map), '{\n  1: 2,\n  "list": [1, 2]\n}');
  t.equal(toDiagnostic([map]), '[\n  {\n    1: 2,\n    "list": [1, 2]\n  }\n]');
  const long = toDiagnostic(Array.from({ length: 60 }, () => "x"));
  t.equal(long.split("\n").length, 62);
  t.equal(toDiagnostic(map, "    "), '{\n      1: 2,\n      "list": [1, 2]\n    }', "inside something indented");
  t.end();
});
