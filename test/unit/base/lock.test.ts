/**
 * Two agents on one state directory would sign two chains, so the second must not start, and a dead one must never keep the next from
 * starting. Real processes take the lock, are refused it, and are killed.
 */
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { test } from "tap";
import { lockDirectory } from "../../../base/index.ts";
import { killAtOnce, startChild } from "./child-process.ts";

test("a second process is refused, and told which one has it", async (t) => {
  const folder = join(t.testdir(), "state");
  const holder = startChild("lock", [folder]);
  t.equal(await holder.nextLine(), "held");
  const refused = {
    code: "lock-held",
    message: `${folder} is in use by another bonusnode (process ${holder.process.pid}); stop it first`,
  };
  t.throws(() => lockDirectory(folder), refused);
  t.throws(() => lockDirectory(folder), refused, "as often as it is tried");
  const second = startChild("lock", [folder]);
  t.match(await second.nextLine(), new RegExp(`^lock-held: .*process ${holder.process.pid}\\)`));
  await second.ended();
  await killAtOnce(holder);
  const lock = lockDirectory(folder);
  t.equal(readFileSync(join(folder, "lock.pid"), "utf8"), `${process.pid}\n`, "the kernel took the lock from the dead");
  lock.release();
});

test("whoever is killed over and over never leaves a lock behind", async (t) => {
  const folder = t.testdir();
  for (let round = 0; round < 5; round++) {
    const holder = startChild("lock", [folder]);
    t.equal(await holder.nextLine(), "held");
    await killAtOnce(holder);
  }
});

test("a lock whose holder kept nothing of it is held all the same", async (t) => {
  const folder = t.testdir();
  lockDirectory(folder);
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (let round = 0; round < 3; round++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.throws(() => lockDirectory(folder), { code: "lock-held" });
});

test("the same process is refused too, until it lets go", (t) => {
  const folder = t.testdir();
  const lock = lockDirectory(folder);
  t.throws(() => lockDirectory(folder), { code: "lock-held", message: new RegExp(`process ${process.pid}`) });
  lock.release();
  lockDirectory(folder).release();
  const other = t.testdir({ other: {} });
  const first = lockDirectory(join(other, "a"));
  lockDirectory(join(other, "b")).release();
  first.release();
  t.end();
});

test("a holder that nobody wrote down is unknown", (t) => {
  const folder = t.testdir();
  const lock = lockDirectory(folder);
  writeFileSync(join(folder, "lock.pid"), "");
  t.throws(() => lockDirectory(folder), { code: "lock-held", message: /process unknown/ });
  lock.release();
  t.end();
});

test("where no lock can be kept, that is said", (t) => {
  const folder = t.testdir({
    file: "",
    damaged: { lock: "this is no database at all, but it stands where one should be".repeat(20) },
  });
  t.throws(() => lockDirectory(join(folder, "file")), { code: "file-unreadable", message: /^cannot lock / });
  t.throws(() => lockDirectory(join(folder, "file", "below")), { code: "file-unreadable" });
  t.throws(() => lockDirectory(join(folder, "damaged")), { code: "file-unreadable", message: /not a database/ });
  t.throws(() => lockDirectory("/proc/nowhere"), { code: "file-unreadable" });
  t.notOk(existsSync(join(folder, "damaged", "lock.pid")));
  chmodSync(folder, 0o700);
  t.end();
});
