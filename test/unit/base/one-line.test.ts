/** A stranger's text as one line that cannot play tricks. */
import { test } from "tap";
import { oneLine } from "../../../base/index.ts";

test("control characters and line ends become one space, the ends are trimmed, and no character is cut in half", (t) => {
  t.equal(oneLine(" a\r\n\tb\u0000\u001b[2J ", 100), "a b [2J");
  t.equal(oneLine("ab\u{1f600}", 3), "ab\ufffd");
  t.equal(oneLine("\n", 10), "");
  t.end();
});
