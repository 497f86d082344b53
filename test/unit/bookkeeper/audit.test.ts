/*
 * The audit finds every way in which a ledger can have been tampered with. A good ledger is copied, its triggers are taken away, one thing is
 * changed, and the audit has to name it: never a throw, whatever the copy holds.
 */
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import t from "tap";
import { auditLedger } from "../../../bookkeeper/ledger/audit.ts";
import { openLedger } from "../../../bookkeeper/ledger/ledger-store.ts";
import { decodeRecord, encodeRecord, hashRecord, type LedgerRecord } from "../../../bookkeeper/ledger/records.ts";
import { loadEd25519 } from "../../../protocol/index.ts";
import { type Desk, makeDesk, POLICY_TOML } from "../../sim/bookkeeper-desk.ts";
import { makeFastFolder } from "../../sim/bookkeeper-folder.ts";
import { COMPUTE, MEASURE } from "../../sim/bookkeeper-work.ts";

const { ed25519 } = await loadEd25519();

/** Ten records: two policies, presence, four proofs of two nodes, a refused one, a reversal. */
async function makeBooks(t: Parameters<typeof makeDesk>[0]): Promise<Desk> {
  const desk = makeDesk(t, ed25519);
  const { ledger } = desk;
  const nodes = [desk.join(), desk.join()];
  const { take } = desk.openIntake();
  for (const node of nodes) {
    await desk.clock.advance(10_000);
    const tasks = [desk.assign(node, MEASURE), desk.assign(node, COMPUTE)];
    await desk.clock.advance(10_000);
    await take(node, ...tasks.map((task) => node.prove(desk.answerTo(task)).envelope));
    const presence = { type: "presence", atMs: 1, node: node.key.publicKey, durationMs: 60_000, tier: "Super" } as const;
    ledger.transaction(() => ledger.records.append(presence));
    const toml = POLICY_TOML.replace("version = 1", "version = 2").replace("compute = 2_000", "compute = 7_000");
    if (node === nodes[0]) ledger.transaction(() => ledger.records.append({ type: "policy", atMs: 2, toml }));
  }
  const [first] = nodes;
  if (first !== undefined) {
    await take(first, first.prove(desk.answerTo(desk.assign(first, MEASURE), { evidence: {} })).envelope);
    const reversal = { type: "reversal", atMs: 3, node: first.key.publicKey, height: 3, detail: "another output" } as const;
    ledger.transaction(() => ledger.records.append(reversal));
  }
  ledger.transaction(() => ledger.beacons.insert(99, new Uint8Array(32), 1));
  return desk;
}

/** The problems that the audit finds in a copy after `tamper`. */
function auditTampered(
  t: Parameters<typeof makeDesk>[0],
  desk: Desk,
  tamper: (database: DatabaseSync) => void,
): readonly string[] {
  const path = join(makeFastFolder(t), "copy.db");
  new DatabaseSync(desk.path).exec("PRAGMA wal_checkpoint(TRUNCATE)");
  copyFileSync(desk.path, path);
  const database = new DatabaseSync(path);
  database.exec("PRAGMA foreign_keys = OFF");
  const triggers = database.prepare("SELECT name FROM sqlite_master WHERE type = 'trigger'").all();
  for (const trigger of triggers) database.exec(`DROP TRIGGER ${trigger["name"]}`);
  tamper(database);
  database.close();
  const copy = openLedger(path, { readOnly: true });
  const { problems } = auditLedger(copy);
  copy.close();
  return problems;
}

t.test("an untouched ledger has no problems, and its sums are what its records say", async (t) => {
  const desk = await makeBooks(t);
  const { issued, ...report } = auditLedger(desk.ledger);
  t.strictSame(report, { records: 10, proofs: 4, transfers: 12, problems: [] });
  const balances = desk.ledger.accounts.all();
  t.equal(
    balances.reduce((sum, { balance }) => sum + balance, 0n),
    0n,
    "all accounts together, the network's included",
  );
  t.equal(
    balances.filter(({ node }) => node.length === 0).reduce((sum, { balance }) => sum + balance, 0n),
    -issued,
  );
  t.strictSame(
    auditTampered(t, desk, () => undefined),
    [],
  );
});

t.test("each single change is found", async (t) => {
  const desk = await makeBooks(t);
  const sql = (statement: string) => auditTampered(t, desk, (database) => database.exec(statement));
  const cases: readonly (readonly [statement: string, expected: RegExp])[] = [
    ["UPDATE records SET attachment = zeroblob(length(attachment)) WHERE height = 2", /record 2 was altered/],
    ["UPDATE records SET attachment = zeroblob(length(attachment)) WHERE height = 2", /record 2 makes no sense/],
    ["UPDATE records SET attachment = x'' WHERE height = 2", /record 2 makes no sense/],
    ["UPDATE records SET claims = x'ff' WHERE height = 4", /record 4 makes no sense/],
    ["UPDATE records SET at_ms = at_ms + 1 WHERE height = 6", /record 6 was altered/],
    ["UPDATE records SET at_ms = -1 WHERE height = 6", /record 6 was altered/],
    ["UPDATE records SET type = 'node' WHERE height = 2", /record 2: its transfers are not as booked/],
    ["UPDATE records SET type = 'proof' WHERE height = 9", /record 9: its transfers are not as booked/],
    ["UPDATE records SET node = zeroblob(32) WHERE height = 2", /record 2: the proof is another node's/],
    ["UPDATE records SET node = zeroblob(70000) WHERE height = 2", /record 2 was altered/],
    ["UPDATE records SET hash = zeroblob(32) WHERE height = 10", /record 10 was altered/],
    ["DELETE FROM records WHERE height = 9", /record 9 is missing/],
    ["DELETE FROM records WHERE height IN (8, 9)", /record 8 to 9 is missing/],
    ["DELETE FROM records WHERE height = 2", /1 transfers without a record|record 3: its transfers/],
    ["DELETE FROM records WHERE height = 1", /record 2 comes before any policy/],
    ["DELETE FROM records WHERE height = 10", /transfers without a record/],
    ["UPDATE records SET attachment = CAST('version = 1' AS BLOB) WHERE height = 1", /record 1 makes no sense/],
    ["UPDATE transfers SET work = work + 1 WHERE height = 2", /record 2: its transfers are not as booked/],
    ["UPDATE transfers SET node = zeroblob(32) WHERE height = 4", /record 4: its transfers are not as booked/],
    ["DELETE FROM transfers WHERE height = 4", /record 4: its transfers are not as booked/],
    ["UPDATE transfers SET height = 40 WHERE height = 8", /there are 1 transfers without a record/],
    ["INSERT INTO transfers VALUES (9, zeroblob(32), 5, 0, 0)", /record 9: its transfers are not as booked/],
    ["UPDATE accounts SET balance = balance + 1 WHERE part = 'work' AND length(owner) = 32", /account .*\/work holds/],
    ["UPDATE accounts SET balance = balance - 1 WHERE length(owner) = 0", /account \/\w+ holds/],
    ["INSERT INTO accounts VALUES (zeroblob(32), 'work', 1)", /account 0+\/work holds 1, its records say 0/],
    ["DELETE FROM accounts WHERE part = 'bonus'", /account .*\/bonus is missing/],
  ];
  for (const [statement, expected] of cases) t.match(sql(statement).join("\n"), expected, statement);
});

t.test("a proof, a place or a reversal that comes twice is found even where all hashes and sums agree", async (t) => {
  const desk = await makeBooks(t);
  const append = (copyOf: number, change: (record: LedgerRecord) => LedgerRecord = (record) => record) =>
    auditTampered(t, desk, (database) => {
      const rows = database.prepare("SELECT * FROM records ORDER BY height").all();
      const last = rows.at(-1);
      const row = rows[copyOf - 1];
      if (last === undefined || row === undefined) return;
      const stored = {
        type: row["type"] as string,
        node: row["node"] as Uint8Array,
        atMs: Number(row["at_ms"]),
        claims: row["claims"] as Uint8Array,
        attachment: row["attachment"] as Uint8Array,
      };
      const next = encodeRecord(change(decodeRecord(stored)));
      const hash = hashRecord(last["hash"] as Uint8Array, next);
      database
        .prepare("INSERT INTO records VALUES (11, ?, ?, ?, ?, ?, ?)")
        .run(next.type, next.node, next.atMs, next.claims, next.attachment, hash);
      database.exec(`INSERT INTO transfers SELECT 11, node, online, work, bonus FROM transfers WHERE height = ${copyOf}`);
      for (const part of ["online", "work", "bonus"]) {
        const moved = `coalesce((SELECT ${part} FROM transfers WHERE height = 11), 0)`;
        database.exec(`UPDATE accounts SET balance = balance + ${moved} WHERE part = '${part}'
          AND owner = (SELECT node FROM transfers WHERE height = 11)`);
        database.exec(`UPDATE accounts SET balance = balance - ${moved} WHERE part = '${part}' AND length(owner) = 0`);
      }
    });
  const again = await append(6);
  t.match(again.join("\n"), /record 11: place 1\.\d of \w+ was proved or passed before/);
  t.match(again.join("\n"), /record 11: assignment \w+ was proved before/);
  t.equal(again.length, 2, "nothing else is wrong with it");
  t.match(await append(10), ["record 11: record 3 was taken back before"]);
  const pointless = await append(10, (record) => ({ ...record, type: "reversal", height: 1 }) as LedgerRecord);
  t.match(pointless.join("\n"), /record 11 makes no sense: .*only a proof's credit/);
});

t.test("a ledger that is wrong from end to end is reported within bounds", async (t) => {
  const desk = makeDesk(t, ed25519);
  const node = new Uint8Array(32);
  desk.ledger.transaction(() => {
    for (let index = 0; index < 1_200; index++)
      desk.ledger.records.append({ type: "presence", atMs: index, node, durationMs: 60_000, tier: "Lite" });
  });
  const problems = auditTampered(t, desk, (database) => database.exec("UPDATE records SET hash = zeroblob(32)"));
  t.equal(problems.length, 1_001);
  t.match(problems.at(-1), /^and \d+ more$/);
});
