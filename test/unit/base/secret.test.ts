/**
 * The secret is the identity: it is made once, only its owner can read it, and it is never silently replaced. Damaged files are offered, and
 * several processes create the same one at once.
 */
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "tap";
import { loadOrCreateSecret, makeSeededRandom, makeSystemRandom, toHex } from "../../../base/index.ts";
import { startChild } from "./child-process.ts";

const random = makeSystemRandom();

test("made once, readable by its owner alone, and the same ever after", async (t) => {
  const path = join(t.testdir(), "state", "seed");
  const secret = await loadOrCreateSecret(path, 32, random);
  t.equal(secret.length, 32);
  t.equal(statSync(path).mode & 0o777, 0o600);
  t.equal(statSync(join(path, "..")).mode & 0o777, 0o700);
  t.same(new Uint8Array(readFileSync(path)), secret, "it is the raw bytes");
  t.same(await loadOrCreateSecret(path, 32, makeSeededRandom(1)), secret);
});

test("a damaged file is refused, told apart from a missing one, and left as it is", async (t) => {
  const contents = {
    empty: Buffer.alloc(0),
    short: Buffer.alloc(31, 1),
    long: Buffer.alloc(33, 1),
    zeros: Buffer.alloc(32),
    text: Buffer.from(`${"ab".repeat(32)}\n`),
  };
  const folder = t.testdir();
  for (const [name, bytes] of Object.entries(contents)) {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    await t.rejects(
      loadOrCreateSecret(path, 32, random),
      { code: "bad-secret", message: /restore it from your copy, or move it away/ },
      name,
    );
    t.same(readFileSync(path), bytes, `${name} is as it was`);
  }
  writeFileSync(join(folder, "huge"), Buffer.alloc(100_000, 1));
  await t.rejects(loadOrCreateSecret(join(folder, "huge"), 32, random), { code: "file-too-large" });
  await t.rejects(loadOrCreateSecret(folder, 32, random), { code: "file-unreadable" });
});

test("where nothing can be written there is no secret either", async (t) => {
  const folder = t.testdir({ file: "" });
  await t.rejects(loadOrCreateSecret(join(folder, "file", "seed"), 32, random), { code: "file-unreadable" });
  await t.rejects(loadOrCreateSecret("/proc/nowhere/seed", 32, random), { code: "ENOENT" });
  chmodSync(folder, 0o700);
  t.notOk(existsSync(join(folder, "seed")));
});

test("processes that start at once come to the same secret", async (t) => {
  const path = join(t.testdir(), "seed");
  const children = Array.from({ length: 6 }, () => startChild("secret", [path]));
  const secrets = await Promise.all(children.map((child) => child.nextLine()));
  const codes = await Promise.all(children.map((child) => child.ended()));
  t.same(codes, [0, 0, 0, 0, 0, 0], children.map((child) => child.errors()).join(""));
  t.equal(new Set(secrets).size, 1);
  t.equal(secrets[0], toHex(readFileSync(path)));
});

test("calls that start at once in one process do too", async (t) => {
  const path = join(t.testdir(), "seed");
  const secrets = await Promise.all(Array.from({ length: 8 }, () => loadOrCreateSecret(path, 32, random)));
  t.equal(new Set(secrets.map(toHex)).size, 1);
});
