/*
 * The ledger's file: nothing recorded is ever changed, whoever asks; balances are there while a transaction still runs; a full disk or a
 * damaged file loses nothing. Real databases, and a second plain connection as the one who asks.
 */
import { copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import t from "tap";
import { BaseError } from "../../../base/index.ts";
import { auditLedger } from "../../../bookkeeper/ledger/audit.ts";
import { type Ledger, openLedger } from "../../../bookkeeper/ledger/ledger-store.ts";
import { decodeRecord, encodeRecord, hashRecord, type LedgerRecord } from "../../../bookkeeper/ledger/records.ts";
import { MAX_POSTING_MICRO_POINTS } from "../../../bookkeeper/limits.ts";
import { loadEd25519, MAX_MESSAGE_BYTES } from "../../../protocol/index.ts";
import { type Desk, makeDesk, POLICY_TOML } from "../../sim/bookkeeper-desk.ts";
import { MEASURE } from "../../sim/bookkeeper-work.ts";

const { ed25519 } = await loadEd25519();
const NODE = new Uint8Array(32).fill(7);

function presence(durationMs: number, node = NODE): LedgerRecord {
  return { type: "presence", atMs: 1_790_000_000_000, node, durationMs, tier: "Normal" };
}

/** A ledger with a policy, presence and an accepted proof. */
async function makeBooks(t: Parameters<typeof makeDesk>[0]): Promise<Desk> {
  const desk = makeDesk(t, ed25519);
  const node = desk.join();
  const { take } = desk.openIntake();
  desk.ledger.transaction(() => desk.ledger.records.append(presence(3_600_000)));
  await take(node, node.prove(desk.answerTo(desk.assign(node, MEASURE))).envelope);
  return desk;
}

t.test("records and transfers can neither be changed, taken out nor replaced", async (t) => {
  const { path, ledger } = await makeBooks(t);
  const other = new DatabaseSync(path);
  const before = ledger.records.tip();
  for (const sql of [
    "UPDATE records SET attachment = x'00' WHERE height = 2",
    "DELETE FROM records WHERE height = 3",
    "INSERT OR REPLACE INTO records SELECT height, type, node, at_ms, x'a0', attachment, hash FROM records WHERE height = 2",
    "INSERT INTO records SELECT 0, type, node, at_ms, claims, attachment, hash FROM records WHERE height = 2",
    "UPDATE transfers SET work = work + 1",
    "DELETE FROM transfers",
    "INSERT OR REPLACE INTO transfers SELECT height, node, online, work + 1, bonus FROM transfers WHERE height = 3",
    "INSERT INTO transfers VALUES (1, x'00', 1, 1, 1)",
  ]) {
    t.throws(() => other.exec(sql), { message: /append-only/ }, sql);
  }
  other.close();
  t.strictSame(ledger.records.tip(), before);
  t.strictSame(auditLedger(ledger).problems, []);
});

t.test("every kind of record is read back as it was written, and any change of it changes its hash", async (t) => {
  const envelope = new Uint8Array(MAX_MESSAGE_BYTES).fill(5);
  const samples: LedgerRecord[] = [
    { type: "policy", atMs: 1, toml: `${POLICY_TOML}\n# ${"ü".repeat(70_000)}` },
    { type: "node", atMs: 2, node: NODE, envelope },
    { type: "proof", atMs: 3, node: NODE, envelope },
    { type: "refused-proof", atMs: 4, node: NODE, envelope, reason: "wrong-answer", detail: "x".repeat(200) },
    { type: "equivocation", atMs: 5, node: NODE, first: new Uint8Array(32), envelope },
    presence(2 ** 40),
    { type: "reversal", atMs: 7, node: NODE, height: 2 ** 40, detail: "y" },
  ];
  const hashes = new Set<string>();
  const hash = (record: LedgerRecord): string =>
    Buffer.from(hashRecord(new Uint8Array(32), encodeRecord(record))).toString("hex");
  for (const record of samples) {
    t.same(decodeRecord(encodeRecord(record)), record, record.type);
    hashes.add(hash(record)).add(hash({ ...record, atMs: record.atMs + 1 }));
    if ("envelope" in record) hashes.add(hash({ ...record, envelope: envelope.with(70, 6) }));
    if ("node" in record) hashes.add(hash({ ...record, node: NODE.with(3, 1) }));
  }
  t.equal(hashes.size, samples.length * 2 + 4 + 6);
});

t.test("the largest message that a node can send is recorded and audited like any other", async (t) => {
  const desk = makeDesk(t, ed25519);
  const node = desk.join();
  const { take } = desk.openIntake();
  const evidence = { padding: new Uint8Array(MAX_MESSAGE_BYTES - 700) };
  const proof = node.prove({ ...desk.answerTo(desk.assign(node, MEASURE)), evidence });
  t.ok(proof.envelope.length > MAX_MESSAGE_BYTES - 200 && proof.envelope.length <= MAX_MESSAGE_BYTES, `${proof.envelope.length}`);
  t.match(await take(node, proof.envelope), [{ status: "refused", reason: "bad-evidence" }]);
  t.match(auditLedger(desk.ledger), { records: 2, problems: [] });
});

t.test("balances are exact while their transaction still runs, and gone with it when it fails", async (t) => {
  const { ledger } = makeDesk(t, ed25519);
  ledger.transaction(() => {
    t.strictSame(ledger.records.append(presence(3_600_000)), { height: 2, credited: 40_000n });
    t.equal(ledger.accounts.total(NODE), 40_000n);
    ledger.records.append(presence(1_800_000));
    t.strictSame(ledger.accounts.of(NODE), { online: 60_000n, work: 0n, bonus: 0n });
  });
  const failing = (): void =>
    ledger.transaction(() => {
      ledger.records.append(presence(3_600_000));
      throw new Error("broken off");
    });
  t.throws(failing, { message: "broken off" });
  t.equal(ledger.accounts.total(NODE), 60_000n);
  t.equal(ledger.records.tip().height, 3);
  ledger.transaction(() => ledger.records.append(presence(3_600_000)));
  t.match(auditLedger(ledger), { records: 4, transfers: 3, issued: 100_000n, problems: [] });
});

t.test("two connections write in turns without losing or repeating a record", async (t) => {
  const { ledger, open } = makeDesk(t, ed25519);
  const ledgers = [ledger, open()];
  for (let round = 0; round < 20; round++) {
    for (const each of ledgers) each.transaction(() => each.records.append(presence(60_000)));
  }
  t.equal(ledger.records.tip().height, 41);
  t.equal(ledger.accounts.total(NODE), 40n * 666n);
  t.strictSame(auditLedger(ledger).problems, []);
});

t.test("an account that would not fit 64 bits refuses the whole transaction and stays as it was", async (t) => {
  const { ledger, path } = makeDesk(t, ed25519);
  ledger.transaction(() => ledger.records.append(presence(3_600_000)));
  const other = new DatabaseSync(path);
  other.exec(`UPDATE accounts SET balance = 9223372036854775807 WHERE length(owner) = 32`);
  other.close();
  t.throws(() => ledger.transaction(() => ledger.records.append(presence(3_600_000))), BaseError);
  t.equal(ledger.records.tip().height, 2);
  t.equal(ledger.accounts.total(NODE), 9_223_372_036_854_775_807n);
  t.ok(MAX_POSTING_MICRO_POINTS < 2n ** 40n, "it would take millions of the largest postings to come there");
});

t.test("a full disk leaves the ledger whole, and there is room again when it was made", async (t) => {
  const desk = makeDesk(t, ed25519, { maxPages: 60 });
  const { ledger, path } = desk;
  const fill = (): void => {
    for (;;)
      ledger.transaction(() =>
        ledger.records.append({ type: "node", atMs: 1_790_000_000_000, node: NODE, envelope: new Uint8Array(9_000) }),
      );
  };
  t.throws(fill, { code: "database-full" });
  t.throws(fill, { code: "database-full" }, "again and again");
  t.match(auditLedger(ledger), { problems: [] });
  const { height } = ledger.records.tip();
  const roomier = openLedger(path);
  roomier.transaction(() => roomier.records.append(presence(3_600_000)));
  t.equal(roomier.records.tip().height, height + 1);
  t.match(auditLedger(roomier), { problems: [], issued: 40_000n });
  roomier.close();
});

t.test("a file that is no ledger is refused and left as it is", async (t) => {
  const { path, ledger } = await makeBooks(t);
  ledger.close();
  const good = readFileSync(path);
  const refused = (bytes: Uint8Array, code: string): void => {
    for (const side of ["-wal", "-shm"]) rmSync(`${path}${side}`, { force: true });
    writeFileSync(path, bytes);
    const opening = (): Ledger => openLedger(path);
    t.throws(opening, { code }, `${bytes.length} bytes`);
    t.ok(readFileSync(path).equals(bytes), "nothing was replaced");
  };
  refused(Buffer.from("this is no database, but long enough to be looked at as one. ".repeat(40)), "database-corrupt");
  refused(Buffer.concat([Buffer.from("SQLite format 4\0"), good.subarray(16)]), "database-corrupt");
  refused(Buffer.concat([good.subarray(0, 100), Buffer.alloc(good.length - 100, 0xff)]), "database-corrupt");
  refused(good.subarray(0, 4_096 * 2 + 100), "database-corrupt");
  for (const side of ["-wal", "-shm"]) rmSync(`${path}${side}`, { force: true });
  copyFileSync("/dev/null", path);
  t.match(auditLedger(openLedger(path)), { records: 0 }, "an empty file is an empty ledger");
});

t.test("no statement of the hot paths reads a whole table", async (t) => {
  const { path } = makeDesk(t, ed25519);
  const database = new DatabaseSync(path, { readOnly: true });
  const planOf = (sql: string): string =>
    database
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map((row) => row["detail"])
      .join("; ");
  for (const sql of [
    "SELECT * FROM records WHERE type = 'policy' AND height <= 5 ORDER BY height DESC LIMIT 1",
    "SELECT height, hash FROM records ORDER BY height DESC LIMIT 1",
    "SELECT * FROM transfers JOIN records USING (height) WHERE transfers.node = x'00' ORDER BY height DESC LIMIT 5",
    "SELECT * FROM assignments WHERE id = x'00'",
    "SELECT * FROM assignments JOIN commands USING (id) WHERE state = 'issued' AND next_send <= 1 ORDER BY next_send LIMIT 2",
    "SELECT count(*) FROM assignments WHERE node = x'00' AND state = 'issued'",
    "SELECT max(issued_at) FROM assignments WHERE node = x'00' AND item = 'x'",
    "SELECT 1 FROM assignments WHERE node = x'00' AND item = 'x' AND blob = x'00' AND state = 'issued' LIMIT 1",
    "SELECT * FROM assignments WHERE recheck = 'pending' ORDER BY proof_height LIMIT 1",
    "SELECT * FROM placements INDEXED BY placements_held_of WHERE node = x'00' AND held = 1",
    "SELECT 1 FROM placements WHERE blob = x'00' AND held = 1 LIMIT 1",
    "SELECT * FROM beacons WHERE hash = x'00'",
    "SELECT * FROM nodes LEFT JOIN heads ON heads.node = nodes.key WHERE key = x'00'",
    "SELECT hash, id, envelope FROM proofs JOIN receipts ON receipts.id = proofs.receipt WHERE node = x'00' AND boot_count = 1 AND seq = 1",
  ]) {
    const plan = planOf(sql);
    t.notMatch(plan, /TEMP B-TREE/, sql);
    const scans = plan.split("; ").filter((step) => step.startsWith("SCAN"));
    // The first entry of an index, or the last of a table in the order of its key, is one look.
    const isOneLook = (step: string): boolean => / LIMIT 1$/.test(sql) && /^SCAN records$| USING INDEX /.test(step);
    t.ok(scans.every(isOneLook), `${sql}: ${plan}`);
  }
  database.close();
});
