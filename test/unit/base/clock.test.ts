/** The machine's clock only goes on, and whoever sleeps by it can be woken. Both are watched on the real one; no time is measured. */
import { test } from "tap";
import { makeSystemClock } from "../../../base/index.ts";

const clock = makeSystemClock();

test("the monotonic clock never goes back, and both tell milliseconds", (t) => {
  let last = clock.monotonicMs();
  for (let round = 0; round < 10_000; round++) {
    const now = clock.monotonicMs();
    if (now < last) t.fail(`${now} after ${last}`);
    last = now;
  }
  t.ok(Number.isInteger(clock.wallMs()) && clock.wallMs() > 0);
  t.end();
});

test("a sleep ends by itself, or by its signal and for its reason", async (t) => {
  t.equal(await clock.sleep(1), undefined);
  t.equal(await clock.sleep(0, new AbortController().signal), undefined);
  const stopping = new AbortController();
  const sleeping = clock.sleep(3_600_000, stopping.signal);
  stopping.abort(new Error("enough"));
  await t.rejects(sleeping, { name: "AbortError", cause: { message: "enough" } });
  await t.rejects(clock.sleep(3_600_000, AbortSignal.abort()), { name: "AbortError" });
});
