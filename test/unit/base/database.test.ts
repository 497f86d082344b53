/**
 * What a transaction returned from is on disk, and what is wrong with a file is said by name. Processes are killed in the middle of their
 * commits, files are damaged and filled, and schemas of other versions are opened.
 */
import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "tap";
import { type Database, makeSeededRandom, openDatabase, setDatabaseAside } from "../../../base/index.ts";
import { printedSeed } from "../../sim/printed-seed.ts";
import { killAtOnce, startChild } from "./child-process.ts";

const MIGRATIONS = ["CREATE TABLE numbers (value INTEGER PRIMARY KEY, filler BLOB)"];

function open(path: string, options: Partial<Parameters<typeof openDatabase>[0]> = {}): Database {
  return openDatabase({ path, migrations: MIGRATIONS, ...options });
}

function valuesIn(database: Database): unknown[] {
  return database
    .prepare("SELECT value FROM numbers ORDER BY value")
    .all()
    .map((row) => row["value"]);
}

test("a process killed in the middle of its commits loses none that it was told of, and leaves no half", {
  timeout: 120_000,
}, async (t) => {
  const random = makeSeededRandom(printedSeed(t));
  const path = join(t.testdir(), "rows.db");
  for (let round = 0; round < 30; round++) {
    const child = startChild("database", [path]);
    const waitFor = 1 + Math.floor(random.fraction() * 40);
    let committed = 0;
    for (let line = 0; line < waitFor; line++) committed = Number(await child.nextLine());
    await killAtOnce(child);
    const database = openDatabase({ path, migrations: ["CREATE TABLE rows (x)"], checkIntegrity: true });
    const torn = database.prepare("SELECT batch FROM rows GROUP BY batch HAVING count(*) <> 3").all();
    const { batches, last } =
      database.prepare("SELECT count(DISTINCT batch) AS batches, max(batch) AS last FROM rows").get() ?? {};
    if (torn.length > 0 || batches !== last || Number(last) < committed)
      t.fail(`round ${round}: ${last} of ${committed}, ${torn.length} torn`);
    database.close();
  }
  t.pass("30 lives");
});

test("a transaction happens as a whole or not at all", (t) => {
  const database = open(join(t.testdir(), "a.db"));
  const insert = database.prepare("INSERT INTO numbers VALUES (?, NULL)");
  t.equal(
    database.transaction(() => insert.run(1).changes),
    1n,
  );
  const trouble = new Error("trouble");
  t.throws(
    () =>
      database.transaction(() => {
        insert.run(2);
        throw trouble;
      }),
    trouble,
  );
  t.throws(() => database.transaction(() => [insert.run(3), insert.run(1)]), {
    code: "database-failed",
    message: /UNIQUE constraint failed/,
  });
  t.same(valuesIn(database), [1n]);
  t.throws(
    () => database.transaction(() => database.transaction(() => insert.run(4))),
    { code: "database-failed" },
    "nor inside another",
  );
  database.transaction(() => insert.run(5));
  t.same(valuesIn(database), [1n, 5n], "and it can still be used");
  database.close();
  t.end();
});

test("integers are BigInt, rows come one by one where asked, and statements say what failed on which file", (t) => {
  const path = join(t.testdir(), "a.db");
  const database = open(path);
  database.prepare("INSERT INTO numbers VALUES (?, ?)").run(2n ** 62n, Uint8Array.of(1));
  database.prepare("INSERT INTO numbers VALUES (?, ?)").run(7, null);
  t.same(valuesIn(database), [7n, 2n ** 62n]);
  t.same(
    [...database.prepare("SELECT value FROM numbers WHERE value > ?").iterate(7)].map((row) => row["value"]),
    [2n ** 62n],
  );
  for (const row of database.prepare("SELECT * FROM numbers").iterate()) {
    t.equal(row["value"], 7n);
    break;
  }
  t.equal(database.prepare("SELECT * FROM numbers WHERE value = 0").get(), undefined);
  t.throws(() => database.prepare("SELECT 1 FROM nowhere"), {
    code: "database-failed",
    message: new RegExp(`^${path}: no such table`),
  });
  t.throws(() => database.prepare("INSERT INTO numbers VALUES (7, NULL)").run(), { code: "database-failed" });
  t.throws(() => [...database.prepare("SELECT abs(-9223372036854775808)").iterate()], {
    code: "database-failed",
    message: /integer overflow/,
  });
  database.close();
  t.end();
});

test("empty bytes stay bytes, wherever they lie", (t) => {
  const database = open(join(t.testdir(), "a.db"));
  const outside = new Uint8Array(0);
  t.equal(outside.buffer.byteLength, 0, "which moves it out of the heap, where it has no address");
  for (const empty of [new Uint8Array(0), outside, Buffer.alloc(0)]) {
    t.equal(database.prepare("SELECT typeof(?) AS type").get(empty)?.["type"], "blob");
  }
  t.end();
});

test("migrations run once, in order, each as a whole", (t) => {
  const path = join(t.testdir(), "deep", "er", "a.db");
  const first = "CREATE TABLE one (x)";
  const second = "CREATE TABLE two (x); INSERT INTO two VALUES (1)";
  openDatabase({ path, migrations: [first] }).close();
  openDatabase({ path, migrations: [first, second] }).close();
  const database = openDatabase({ path, migrations: [first, second] });
  t.same(database.prepare("SELECT x FROM two").all(), [{ x: 1n }], "not again");
  database.close();
  t.throws(() => openDatabase({ path, migrations: [first, second, "CREATE TABLE three (x); CREATE TABLE one (x)"] }), {
    code: "database-failed",
  });
  const after = openDatabase({ path, migrations: [first, second, "CREATE TABLE three (y)"] });
  t.same(
    after.prepare("SELECT name FROM pragma_table_info('three')").all(),
    [{ name: "y" }],
    "the broken one left nothing behind",
  );
  after.close();
  t.end();
});

test("a file of a newer version is refused, by name, and not touched", (t) => {
  const path = join(t.testdir(), "a.db");
  openDatabase({ path, migrations: [...MIGRATIONS, "CREATE TABLE later (x)"] }).close();
  const before = readFileSync(path);
  t.throws(() => open(path), {
    code: "database-failed",
    message: `${path} was written by a newer bonusnode (schema 2); install that version`,
  });
  t.same(readFileSync(path), before);
  t.end();
});

test("damaged files are told apart from others", (t) => {
  const folder = t.testdir({
    garbage: "this is no database, but long enough to be looked at as one. ".repeat(100),
    "half-written": "SQLite format 3\u0000\u0010",
    folder: {},
  });
  for (const name of ["garbage", "half-written"])
    t.throws(() => open(join(folder, name)), { code: "database-corrupt", message: new RegExp(`^${join(folder, name)}: `) }, name);
  t.throws(() => open(join(folder, "folder")), { code: "database-failed" });
  t.throws(() => open(join(folder, "garbage", "below")), { code: "database-failed" });
  t.throws(() => open(join(folder, "none"), { readOnly: true }), { code: "database-failed" });
  const path = join(folder, "a.db");
  fill(path, 200);
  const whole = readFileSync(path);
  truncateSync(path, whole.length - 3 * 4096 - 100);
  t.throws(() => open(path, { checkIntegrity: true }), { code: "database-corrupt" }, "a truncated page");
  const scribbled = Buffer.from(whole);
  scribbled.fill(0xff, 5 * 4096, 9 * 4096);
  writeFileSync(path, scribbled);
  t.throws(
    () => open(path, { checkIntegrity: true }),
    { code: "database-corrupt", message: new RegExp(`${path} is damaged: `) },
    "pages overwritten",
  );
  const database = open(path);
  t.throws(
    () => valuesIn(database),
    { code: "database-corrupt" },
    "and where that was not checked, the first who reads it hears of it",
  );
  t.throws(() => [...database.prepare("SELECT * FROM numbers").iterate()], { code: "database-corrupt" });
  database.close();
  t.end();
});

function fill(path: string, rows: number): void {
  const database = open(path);
  const insert = database.prepare("INSERT INTO numbers VALUES (?, ?)");
  database.transaction(() => {
    for (let value = 1; value <= rows; value++) insert.run(value, new Uint8Array(1_000));
  });
  database.close();
}

test("a damaged file is set aside with its side files, for a person to look at", (t) => {
  const folder = t.testdir({ "a.db": "garbage", "a.db-wal": "more", "b.db": "garbage" });
  t.equal(setDatabaseAside(join(folder, "a.db"), "7"), join(folder, "a.db.damaged-7"));
  setDatabaseAside(join(folder, "b.db"), "7");
  t.same(readdirSync(folder).sort(), ["a.db.damaged-7", "a.db.damaged-7-wal", "b.db.damaged-7"]);
  open(join(folder, "a.db")).close();
  t.ok(existsSync(join(folder, "a.db")), "and a new one can begin");
  t.throws(() => setDatabaseAside(join(folder, "none"), "7"), { code: "ENOENT" });
  t.end();
});

test("a full disk is named, takes nothing that was there, and gives way again", (t) => {
  const path = join(t.testdir(), "a.db");
  const database = open(path, { maxPages: 40 });
  const insert = database.prepare("INSERT INTO numbers VALUES (?, ?)");
  let stored = 0;
  const store = (): void => database.transaction(() => void insert.run(stored + 1, new Uint8Array(10_000)));
  t.throws(
    () => {
      for (;;) {
        store();
        stored += 1;
      }
    },
    { code: "database-full", message: new RegExp(`^${path}: `) },
  );
  t.ok(stored > 3, `${stored} fitted`);
  t.equal(valuesIn(database).length, stored);
  t.throws(() => insert.run(1_000, new Uint8Array(10_000)), { code: "database-full" }, "outside a transaction too");
  t.equal(valuesIn(database).length, stored);
  database.transaction(() => database.prepare("DELETE FROM numbers WHERE value = 1").run());
  t.doesNotThrow(store, "room was made");
  database.close();
  const again = open(path, { checkIntegrity: true });
  t.equal(valuesIn(again).length, stored);
  again.close();
  t.end();
});

test("another process that holds the file is waited for, then named", (t) => {
  const path = join(t.testdir(), "a.db");
  const database = open(path);
  const other = new DatabaseSync(path);
  other.exec("BEGIN IMMEDIATE");
  // Its own wait is five seconds; a pragma shortens it here.
  database.prepare("PRAGMA busy_timeout = 1").get();
  t.throws(() => database.transaction(() => undefined), { code: "database-busy", message: new RegExp(`^${path}: .*locked`) });
  other.exec("ROLLBACK");
  t.equal(
    database.transaction(() => 5),
    5,
  );
  other.close();
  database.close();
  t.end();
});

test("a reader beside a writer sees what was committed, and writes nothing", (t) => {
  const path = join(t.testdir(), "a.db");
  const writer = open(path);
  writer.transaction(() => writer.prepare("INSERT INTO numbers VALUES (1, NULL)").run());
  const reader = open(path, { readOnly: true });
  t.same(valuesIn(reader), [1n]);
  t.throws(() => reader.prepare("INSERT INTO numbers VALUES (2, NULL)").run(), { code: "database-failed", message: /readonly/ });
  writer.transaction(() => writer.prepare("INSERT INTO numbers VALUES (2, NULL)").run());
  t.same(valuesIn(reader), [1n, 2n]);
  reader.close();
  writer.close();
  t.end();
});
