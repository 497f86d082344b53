/*
 * Beacons: one chain over all restarts, forward in height and time whatever the system's clock does, on disk before anybody can cite one, and
 * forgotten when nothing that cites them can still come.
 */
import t from "tap";
import { sha256 } from "../../../base/index.ts";
import { type IssuedBeacon, makeBeaconSource } from "../../../bookkeeper/beacon.ts";
import { makeLedgerTime } from "../../../bookkeeper/ledger-time.ts";
import { BEACON_MEMORY_MS, BEACON_MS } from "../../../bookkeeper/limits.ts";
import { beaconMessage, loadEd25519 } from "../../../protocol/index.ts";
import { makeDesk } from "../../sim/bookkeeper-desk.ts";
import { NETWORK } from "../../sim/bookkeeper-node.ts";

const { ed25519 } = await loadEd25519();

t.test("one chain, forward in height and time, over restarts with a clock that was set back", async (t) => {
  const desk = makeDesk(t, ed25519);
  const { key, clock, random } = desk;
  const issued: IssuedBeacon[] = [desk.beacon];
  for (const startMs of [1_790_000_100_000, 1_000, -5_000, 1_790_000_050_000, 1_800_000_000_000]) {
    const ledger = desk.open();
    clock.setWall(startMs);
    const beacons = makeBeaconSource(
      { ledger, key, random, clock: makeLedgerTime(clock, ledger.beacons.last()?.atMs ?? 0) },
      NETWORK,
    );
    for (let count = 0; count < 3; count++) {
      issued.push(beacons.next());
      t.match(
        desk.ledger.beacons.byHash(issued.at(-1)?.hash ?? new Uint8Array()),
        { height: issued.length - 1 },
        "on disk first",
      );
      await clock.advance(BEACON_MS);
      clock.setWall(startMs - 3_600_000);
    }
    ledger.close();
  }
  for (const [index, { body, hash, envelope }] of issued.entries()) {
    const opened = beaconMessage.open(envelope, NETWORK, () => key.publicKey, ed25519);
    t.ok(opened.ok && Buffer.compare(opened.value.hash, hash) === 0, "signed, and known by the hash that nodes cite");
    t.strictSame([body.height, body.issuer], [index, key.publicKey]);
    t.ok(Buffer.compare(hash, sha256(beaconMessage.encode(body))) === 0);
    const before = issued[index - 1];
    t.strictSame(Buffer.from(body.prev), Buffer.from(before?.hash ?? new Uint8Array(32)));
    t.ok(body.issuedAt >= (before?.body.issuedAt ?? 0), `${body.issuedAt} is not before ${before?.body.issuedAt}`);
  }
  const salts = new Set(issued.map(({ body }) => Buffer.from(body.salt).toString("hex")));
  t.equal(salts.size, issued.length, "nobody can tell the next one");
});

t.test("a beacon is known for eight days, and the chain goes on past what was forgotten", async (t) => {
  const desk = makeDesk(t, ed25519);
  const { ledger, clock } = desk;
  const first = desk.beacon;
  await clock.advance(BEACON_MEMORY_MS / 2);
  while (desk.beacon.body.height < 999) desk.beat();
  const last = desk.beacon;
  await clock.advance(BEACON_MEMORY_MS / 2);
  t.equal(desk.beat().body.height, 1_000);
  t.match(ledger.beacons.byHash(first.hash), { height: 0 }, "still known on the eighth day");
  await clock.advance(1);
  while (desk.beacon.body.height < 2_000) desk.beat();
  t.equal(ledger.beacons.byHash(first.hash), undefined);
  t.match(ledger.beacons.byHash(last.hash), { height: 999 });
  await clock.advance(2 * BEACON_MEMORY_MS);
  while (desk.beacon.body.height < 3_000) desk.beat();
  t.equal(ledger.beacons.byHash(last.hash), undefined);
  t.match(ledger.beacons.last(), { height: 3_000 });
});
