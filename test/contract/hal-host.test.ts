/**
 * The one contract of a Host, asked of the real one (over a folder) and of the one in memory (over the same tree), so that what
 * the other tests see in memory is what a device would see.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Test, test } from "tap";
import { type Host, makeLinuxHost } from "../../hal/index.ts";
import { makeSimHost, makeTree } from "../sim/machine-tree.ts";

const TEXT = "two\nlines\n";

async function hostContract(t: Test, host: Host): Promise<void> {
  await t.test("a file's text", async (t) => {
    t.same(await host.readText("/proc/file", 100), { kind: "found", value: TEXT });
    t.same(await host.readText("/proc/file", TEXT.length), { kind: "found", value: TEXT });
    t.same(await host.readText("/proc/empty", 100), { kind: "found", value: "" });
  });
  await t.test("what is not there is absent, and says what", async (t) => {
    for (const path of ["/proc/none", "/none/none", "/proc/file/below"]) {
      const answer = await host.readText(path, 100);
      t.equal(answer.kind, "absent", path);
      t.match(answer, { why: path });
      t.equal((await host.list(path)).kind, "absent", path);
      t.equal((await host.readLink(path)).kind, "absent", path);
    }
  });
  await t.test("what cannot be read is failed, with a code", async (t) => {
    t.match(await host.readText("/proc/file", TEXT.length - 1), { kind: "failed", error: { code: "too-large" } });
    t.match(await host.readText("/proc", 100), { kind: "failed", error: { code: "unreadable" } });
    t.match(await host.readText("/loop", 100), { kind: "failed", error: { code: "unreadable" } });
  });
  await t.test("directories and links", async (t) => {
    t.same(await host.list("/proc"), { kind: "found", value: ["empty", "file"] });
    t.same(await host.list("/linked"), { kind: "found", value: ["empty", "file"] });
    t.same(await host.readLink("/linked"), { kind: "found", value: "proc" });
    t.same(await host.readText("/linked/file", 100), { kind: "found", value: TEXT });
    t.equal((await host.readLink("/proc/file")).kind, "absent");
  });
}

test("the host in memory", async (t) => {
  await hostContract(
    t,
    makeSimHost(makeTree({ "/proc/file": TEXT, "/proc/empty": "", "/linked": { link: "proc" }, "/loop": { link: "loop" } })),
  );
});

test("the host of this machine, over a folder", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "bonusnode-host-"));
  t.teardown(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, "proc"));
  writeFileSync(join(root, "proc/file"), TEXT);
  writeFileSync(join(root, "proc/empty"), "");
  symlinkSync("proc", join(root, "linked"));
  symlinkSync("loop", join(root, "loop"));
  await hostContract(t, makeLinuxHost({ root }));

  await t.test("permission denied", { skip: process.getuid?.() === 0 && "root may read everything" }, async (t) => {
    chmodSync(join(root, "proc/file"), 0);
    t.match(await makeLinuxHost({ root }).readText("/proc/file", 100), { kind: "failed", error: { code: "denied" } });
  });
});

test("the host of this machine, over the machine", async (t) => {
  const host = makeLinuxHost();
  t.match(await host.readText("/proc/self/status", 65_536), { kind: "found", value: /^Name:/ });
  // The kernel refuses to tell the speed of a loopback with EINVAL, which is its way to say that it has none.
  t.match(await host.readText("/sys/class/net/lo/speed", 65_536), { kind: "absent" });
  t.match(await host.readVolumeSize("/"), { kind: "found", value: { realPath: "/", totalBytes: Number, freeBytes: Number } });
  t.match(await host.readVolumeSize("/no/such/place"), { kind: "absent" });
  t.match(await host.readText("/dev/null", 10), { kind: "failed", error: { code: "unreadable" } }, "not a regular file");
});
