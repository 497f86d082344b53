import { writeSync } from "node:fs";
import { openDatabase } from "../../../base/index.ts";

/** Commits transactions of three rows each without end, and prints the number of each that was committed. */
const database = openDatabase({
  path: process.argv[2] ?? "",
  migrations: ["CREATE TABLE rows (batch INTEGER, part INTEGER, filler BLOB)"],
});
const insert = database.prepare("INSERT INTO rows VALUES (?, ?, ?)");
const last = database.prepare("SELECT coalesce(max(batch), 0) AS batch FROM rows").get();
for (let batch = Number(last?.["batch"]) + 1; ; batch++) {
  database.transaction(() => {
    for (let part = 1; part <= 3; part++) insert.run(batch, part, new Uint8Array((batch * 1_031) % 5_000));
  });
  writeSync(1, `${batch}\n`);
}
