/**
 * A bookkeeper's time comes from its beacons and goes on by the monotonic clock: no jump of this device's own clock moves it. Beacons that
 * are older, repeated or of another bookkeeper change nothing for it, and a proof never cites one older than its assignment.
 */
import { test } from "tap";
import { makeNetworkTime } from "../../../agent/network-time.ts";
import { sha256 } from "../../../base/index.ts";
import { type Beacon, beaconMessage } from "../../../protocol/index.ts";
import { BOOKKEEPER_KEY, ISSUED_AT } from "../../sim/agent-samples.ts";
import { makeTestKey } from "../../sim/agent-world.ts";
import { makeSteppingClock } from "../../sim/stepping-clock.ts";

const TEN_YEARS_MS = 3_653 * 86_400_000;
const OTHER = makeTestKey("bookkeeper 1").publicKey;

function beacon(height: number, issuedAt: number, issuer = BOOKKEEPER_KEY.publicKey): Beacon {
  return { issuer, issuedAt, height, prev: new Uint8Array(32), salt: new Uint8Array(16) };
}

const hashOf = (body: Beacon): Uint8Array => sha256(beaconMessage.encode(body));

test("before the first beacon there is no bookkeeper's time, and the system's is believed only where it can be true", (t) => {
  const clock = makeSteppingClock(1_000_000);
  const time = makeNetworkTime(clock);
  t.equal(time.secondsOf(BOOKKEEPER_KEY.publicKey), undefined);
  t.equal(time.latestBeacon(), undefined);
  t.same(time.now(), { seconds: 1_000, quality: "unset" });
  clock.setWall(1_790_000_000_000);
  t.same(time.now(), { seconds: 1_790_000_000, quality: "system" });
  clock.setWall(-5_000);
  t.same(time.now(), { seconds: 0, quality: "unset" }, "a clock before 1970");
  t.end();
});

test("own clock at 1970, ten years ahead and back: the bookkeeper's time only goes on", async (t) => {
  const clock = makeSteppingClock(0);
  const time = makeNetworkTime(clock);
  t.ok(time.onBeacon(beacon(1, ISSUED_AT), new Uint8Array(32)));
  await clock.advance(10_000);
  for (const wallMs of [0, ISSUED_AT * 1000 + TEN_YEARS_MS, ISSUED_AT * 1000 - TEN_YEARS_MS]) {
    clock.setWall(wallMs);
    t.equal(time.secondsOf(BOOKKEEPER_KEY.publicKey), ISSUED_AT + 10);
    t.same(time.now(), { seconds: ISSUED_AT + 10, quality: "beacon" });
  }
});

test("an older beacon, the same one again, and another bookkeeper's change nothing", async (t) => {
  const clock = makeSteppingClock();
  const time = makeNetworkTime(clock);
  const third = beacon(3, ISSUED_AT);
  t.ok(time.onBeacon(third, hashOf(third)));
  await clock.advance(60_000);
  for (const late of [third, beacon(2, ISSUED_AT + 9_999), beacon(0, 0)]) t.notOk(time.onBeacon(late, hashOf(late)));
  t.equal(time.secondsOf(BOOKKEEPER_KEY.publicKey), ISSUED_AT + 60, "time is not set back by what is played back");
  const foreign = beacon(1, 5_000, OTHER);
  t.ok(time.onBeacon(foreign, hashOf(foreign)));
  t.equal(time.secondsOf(OTHER), 5_000);
  t.equal(time.secondsOf(BOOKKEEPER_KEY.publicKey), ISSUED_AT + 60);
  t.same(time.latestBeacon(), hashOf(foreign));
});

test("a proof cites its bookkeeper's latest beacon, but never one older than the one its assignment cites", (t) => {
  const time = makeNetworkTime(makeSteppingClock());
  const first = beacon(1, ISSUED_AT);
  const later = beacon(2, ISSUED_AT + 5);
  const own = sha256(Buffer.from("the assignment's own"));
  const command = (issuedAt: number) => ({ bookkeeper: BOOKKEEPER_KEY.publicKey, issuedAt, beacon: own });
  t.equal(time.beaconFor(command(ISSUED_AT)), undefined, "nothing to cite yet");
  time.onBeacon(beacon(1, ISSUED_AT + 100, OTHER), hashOf(later));
  t.equal(time.beaconFor(command(ISSUED_AT)), undefined, "another bookkeeper's is none of its");
  time.onBeacon(first, hashOf(first));
  t.same(time.beaconFor(command(ISSUED_AT - 1)), hashOf(first));
  t.same(time.beaconFor(command(ISSUED_AT)), own, "it may be the newer one: the beacon after it was lost");
  t.same(time.beaconFor(command(ISSUED_AT + 60)), own);
  time.onBeacon(later, hashOf(later));
  t.same(time.beaconFor(command(ISSUED_AT)), hashOf(later));
  t.end();
});
