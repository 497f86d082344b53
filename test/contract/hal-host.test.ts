/**
 * The one contract of a Host, asked of the real one (over a folder) and of the one in memory (over the same tree), so that what
 * the other tests see in memory is what a device would see.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
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
  await t.test("links count from the machine's own root, which nothing leads out of", async (t) => {
    for (const path of ["/absolute", "/up", "/sys/above", "/sys/far", "/absolute-directory/file", "/sys/../proc/file"]) {
      t.same(await host.readText(path, 100), { kind: "found", value: TEXT }, path);
    }
    t.same(await host.list("/absolute-directory"), { kind: "found", value: ["empty", "file"] });
    t.same(await host.readLink("/absolute"), { kind: "found", value: "/proc/file" });
    t.equal((await host.readText("/outside", 100)).kind, "absent", "the same path outside is there");
    t.same(await host.list("/far-up"), await host.list("/"), "there is nothing above the root");
  });
  await t.test("circles of links end", async (t) => {
    for (const path of ["/loop", "/ping", "/ping/below", "/deeper/and/deeper"]) {
      t.match(await host.readText(path, 100), { kind: "failed", error: { code: "unreadable" } }, path);
      t.match(await host.list(path), { kind: "failed", error: { code: "unreadable" } }, path);
    }
    t.same(await host.readLink("/ping"), { kind: "found", value: "pong" }, "reading a link follows none");
  });
}

/** Links of the contract: absolute ones, ones that climb too far, and circles. */
const LINKS: Readonly<Record<string, string>> = {
  "/linked": "proc",
  "/loop": "loop",
  "/absolute": "/proc/file",
  "/absolute-directory": "/proc/",
  "/up": "../../../../proc/./file",
  "/sys/above": "../proc/file",
  "/sys/far": "../../../../../../../../proc/file",
  "/far-up": "../../..",
  "/outside": fileURLToPath(import.meta.url),
  "/ping": "pong",
  "/pong": "/ping",
  "/deeper": "deeper/and",
};

test("the host in memory", async (t) => {
  await hostContract(
    t,
    makeSimHost(
      makeTree({
        "/proc/file": TEXT,
        "/proc/empty": "",
        ...Object.fromEntries(Object.entries(LINKS).map(([path, link]) => [path, { link }])),
      }),
    ),
  );
});

test("the host of this machine, over a folder", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "bonusnode-host-"));
  t.teardown(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, "proc"));
  writeFileSync(join(root, "proc/file"), TEXT);
  writeFileSync(join(root, "proc/empty"), "");
  mkdirSync(join(root, "sys"));
  for (const [path, target] of Object.entries(LINKS)) symlinkSync(target, join(root, path));
  await hostContract(t, makeLinuxHost({ root }));
  await hostContract(t, makeLinuxHost({ root: `${relative(process.cwd(), root)}/` }));

  await t.test("permission denied", { skip: process.getuid?.() === 0 && "root may read everything" }, async (t) => {
    chmodSync(join(root, "proc/file"), 0);
    t.match(await makeLinuxHost({ root }).readText("/proc/file", 100), { kind: "failed", error: { code: "denied" } });
  });
});

test("what others put into a captured tree", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "bonusnode-host-"));
  t.teardown(() => rmSync(root, { recursive: true }));
  const host = makeLinuxHost({ root });
  mkdirSync(join(root, "tmp/sysinfo"), { recursive: true });
  mkdirSync(join(root, "etc"));
  writeFileSync(join(root, "tmp/sysinfo/board_name"), TEXT);
  symlinkSync("/etc/os-release", join(root, "etc/own"));
  writeFileSync(join(root, "etc/os-release"), TEXT);
  for (const path of ["/tmp/sysinfo/board_name", "/etc/os-release", "/etc/own"]) {
    t.same(await host.readText(path, 100), { kind: "found", value: TEXT }, path);
  }
  t.match(await host.readVolumeSize("/"), { kind: "absent", why: "a captured tree has no volumes" });
  t.match(await host.readText("/etc/\0", 100), { kind: "failed", error: { code: "unreadable" } });
  t.match(await host.readText(`/${"long/".repeat(2_000)}`, 100), { kind: "absent" });
  t.match(await host.readText(`/${"l".repeat(300)}`, 100), { kind: "failed", error: { code: "unreadable" } });

  const server = createServer();
  await new Promise<void>((resolve) => server.listen(join(root, "socket"), resolve));
  t.teardown(() => server.close());
  t.equal(spawnSync("mkfifo", [join(root, "pipe")]).status, 0);
  symlinkSync("pipe", join(root, "to-pipe"));
  // Linux would answer this machine's null device, whose content is empty.
  symlinkSync("/dev/null", join(root, "null"));
  for (const path of ["/pipe", "/to-pipe", "/socket"]) {
    t.match(
      await host.readText(path, 100),
      { kind: "failed", error: { code: "unreadable", message: /a pipe, socket or device/ } },
      path,
    );
    t.match(await host.list(path), { kind: "absent" }, path);
    t.match(await host.readText(`${path}/below`, 100), { kind: "absent" }, path);
  }
  t.match(await host.readText("/null", 100), { kind: "absent" });
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
