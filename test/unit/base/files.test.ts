/**
 * A file that is written durably is the old one or the new one, whatever happens, and one that is read with a bound cannot hang or fill the
 * reader. Writers are killed at random moments, and everything that is no small regular file is offered to the reader.
 */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "tap";
import { makeSeededRandom, readFileBounded, sha256, syncFolder, toHex, writeFileDurably } from "../../../base/index.ts";
import { printedSeed } from "../../sim/printed-seed.ts";
import { killAtOnce, startChild } from "./child-process.ts";

test("a writer killed at any moment leaves the old content or the new", { timeout: 120_000 }, async (t) => {
  const random = makeSeededRandom(printedSeed(t));
  const path = join(t.testdir(), "state");
  let next = 0;
  for (let round = 0; round < 20; round++) {
    const child = startChild("durable-write", [path, String(next)]);
    const waitFor = 1 + Math.floor(random.fraction() * 8);
    let printed = -1;
    for (let line = 0; line < waitFor; line++) printed = Number(await child.nextLine());
    await killAtOnce(child);
    const text = readFileSync(path, "utf8");
    const end = text.lastIndexOf(" ");
    const isWhole = toHex(sha256(Buffer.from(text.slice(0, end)))) === text.slice(end + 1);
    next = Number(text.split(" ")[0]);
    if (!isWhole || next < printed) t.fail(`round ${round}: ${text.slice(0, 20)}... after ${printed} was written`);
    next += 1;
  }
  t.ok(next > 20, `${next} contents were written over 20 lives`);
  await writeFileDurably(path, Buffer.from("after all that"), { mode: 0o600 });
  t.equal(readFileSync(path, "utf8"), "after all that", "what the dead left behind is in nobody's way");
});

test("the mode is the one asked for, folders are made, and nothing else is left behind", async (t) => {
  const folder = t.testdir();
  const path = join(folder, "a", "b", "file");
  await writeFileDurably(path, Buffer.from("one"), { mode: 0o600 });
  t.equal(statSync(path).mode & 0o777, 0o600);
  t.equal(statSync(join(folder, "a")).mode & 0o777, 0o700);
  await writeFileDurably(path, Buffer.from("two"), { mode: 0o644 });
  t.equal(readFileSync(path, "utf8"), "two");
  t.equal(statSync(path).mode & 0o777, 0o644 & ~process.umask());
  t.same(readdirSync(join(folder, "a", "b")), ["file"]);
});

test("an exclusive write leaves a file that is there alone", async (t) => {
  const folder = t.testdir({ file: "old" });
  const path = join(folder, "file");
  await t.rejects(writeFileDurably(path, Buffer.from("new"), { mode: 0o600, exclusive: true }), { code: "EEXIST" });
  t.equal(readFileSync(path, "utf8"), "old");
  t.same(readdirSync(folder), ["file"]);
  const fresh = join(folder, "fresh");
  const writers = Array.from({ length: 20 }, (_, index) =>
    writeFileDurably(fresh, Buffer.from(`writer ${index}`), { mode: 0o600, exclusive: true }).then(() => index),
  );
  const settled = await Promise.allSettled(writers);
  const winners = settled.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  t.equal(winners.length, 1, "of twenty at once, one wins");
  t.equal(readFileSync(fresh, "utf8"), `writer ${winners[0]}`);
  t.same(readdirSync(folder).sort(), ["file", "fresh"]);
});

test("writes of one file at the same time in one process do not disturb each other", async (t) => {
  const folder = t.testdir();
  const path = join(folder, "file");
  const contents = Array.from({ length: 20 }, (_, index) => `${index} `.repeat(10_000));
  await Promise.all(contents.map((content) => writeFileDurably(path, Buffer.from(content), { mode: 0o600 })));
  t.ok(contents.includes(readFileSync(path, "utf8")), "one of them, whole");
  t.same(readdirSync(folder), ["file"]);
});

test("what cannot be written leaves nothing", async (t) => {
  const folder = t.testdir({ file: "a file", folder: {} });
  await t.rejects(writeFileDurably(join(folder, "file", "below"), Buffer.from("x"), { mode: 0o600 }), { code: "ENOTDIR" });
  await t.rejects(writeFileDurably(join(folder, "folder"), Buffer.from("x"), { mode: 0o600 }), { code: "EISDIR" });
  await t.rejects(writeFileDurably("/proc/nowhere/file", Buffer.from("x"), { mode: 0o600 }));
  t.same(readdirSync(folder).sort(), ["file", "folder"]);
  await t.resolves(syncFolder(folder));
  await t.rejects(syncFolder(join(folder, "none")), { code: "ENOENT" });
});

test("a bounded read: exactly as much as allowed", async (t) => {
  const folder = t.testdir({
    empty: "",
    small: "abc",
    limit: "x".repeat(10_000),
    over: "x".repeat(10_001),
    link: t.fixture("symlink", "small"),
  });
  const read = (name: string, max = 10_000) => readFileBounded(join(folder, name), max);
  t.equal((await read("empty")).length, 0);
  t.equal((await read("empty", 0)).length, 0);
  t.equal(Buffer.from(await read("small")).toString(), "abc");
  t.equal(Buffer.from(await read("link")).toString(), "abc");
  t.equal((await read("limit")).length, 10_000);
  await t.rejects(read("over"), { code: "file-too-large", message: /over: larger than 10000 bytes/ });
  await t.rejects(read("small", 2), { code: "file-too-large" });
  await t.rejects(read("none"), { code: "file-missing" });
});

test("files of the kernel state no size, and are read all the same", async (t) => {
  const status = Buffer.from(await readFileBounded("/proc/self/status", 100_000)).toString();
  t.match(status, /^Name:/);
  t.match(status, /nonvoluntary_ctxt_switches/, "to the end");
  await t.rejects(readFileBounded("/proc/self/status", 100), { code: "file-too-large" });
  const long = readFileSync("/proc/kallsyms");
  t.ok(long.length > 100_000, "more than a page");
  const again = await readFileBounded("/proc/kallsyms", 100 * 2 ** 20);
  t.equal(toHex(sha256(again)), toHex(sha256(long)));
});

test("whatever is no regular file is refused and hangs nobody", { timeout: 20_000 }, async (t) => {
  // A socket's path may be no longer than 107 bytes.
  const folder = mkdtempSync(join(tmpdir(), "bonusnode-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "folder"));
  execFileSync("mkfifo", [join(folder, "pipe")]);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(join(folder, "socket"), resolve));
  symlinkSync("loop", join(folder, "loop"));
  for (const name of ["folder", "pipe"])
    await t.rejects(readFileBounded(join(folder, name), 10), { code: "file-unreadable", message: /: not a regular file/ }, name);
  for (const path of ["/dev/zero", "/dev/null"]) await t.rejects(readFileBounded(path, 10), { code: "file-unreadable" }, path);
  for (const name of ["socket", "loop", "folder/../pipe/x"])
    await t.rejects(readFileBounded(join(folder, name), 10), { code: "file-unreadable" }, name);
  await new Promise((resolve) => server.close(resolve));
});

test("a file that this user may not read", async (t) => {
  const folder = t.testdir({ open: { file: "secret" } });
  chmodSync(folder, 0o755);
  writeFileSync(join(folder, "closed"), "secret", { mode: 0 });
  mkdirSync(join(folder, "locked"), { mode: 0 });
  const isRoot = process.getuid?.() === 0;
  // Root may read everything, so there somebody else has to try.
  const tries = ["closed", "locked/file"].map(async (name) => {
    const child = startChild("read", [join(folder, name)], isRoot ? { uid: 65_534 } : {});
    t.equal(await child.nextLine(), "file-unreadable", name);
    await child.ended();
  });
  await Promise.all(tries);
  chmodSync(join(folder, "locked"), 0o700);
});
