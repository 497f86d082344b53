import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import t from "tap";
import { runVerb } from "../test/e2e/program.ts";

/*
 * What an operator installs, judged by the programs that will read it: systemd's own checker, the shell of routers, and npm, with the
 * package installed where there is nothing but Node and run on each Node that is supported.
 */

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PACKAGING = join(ROOT, "packaging");
/** Packages that hold a Node each; the versions that `engines` names, and the one that is shipped. */
const NODES = ["22.18.0", "24"];

t.setTimeout(600_000);

t.test("systemd takes the units without a word", async (t) => {
  const folder = t.testdir();
  for (const name of readdirSync(join(PACKAGING, "systemd")).filter((file) => file.endsWith(".service"))) {
    cpSync(join(PACKAGING, "systemd", name), join(folder, name));
    const { status, stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", join(folder, name)], { encoding: "utf8" });
    const about = stderr.split("\n").filter((line) => line.includes("bonusnode"));
    t.strictSame([status, about], [0, []], name);
  }
  const users = spawnSync("systemd-sysusers", ["--dry-run", join(PACKAGING, "systemd", "bonusnode.sysusers")], {
    encoding: "utf8",
  });
  t.equal(users.status, 0, users.stderr);
});

t.test("the shell of OpenWrt reads the service, and its functions ask procd for what they should", async (t) => {
  const script = join(PACKAGING, "openwrt", "bonusnode.init");
  execFileSync("busybox", ["ash", "-n", script]);
  const stubs = ["procd_open_instance", "procd_set_param", "procd_close_instance", "procd_add_reload_trigger"];
  const text = `${stubs.map((name) => `${name}() { echo ${name} "$@"; }`).join("\n")}\n. ${script}\nstart_service\nservice_triggers\n`;
  const asked = execFileSync("busybox", ["ash", "-eu"], { input: text, encoding: "utf8" });
  t.match(asked, /^procd_open_instance\nprocd_set_param command bonusnode agent --config /);
  t.match(asked, /procd_set_param respawn 300 30 5\n/);
  t.match(asked, /procd_close_instance\nprocd_add_reload_trigger bonusnode\n$/);
});

t.test("the package is installed where there is only Node, and runs", async (t) => {
  const folder = t.testdir();
  const npm = (...args: string[]): string =>
    execFileSync("npm", args, { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  const packed = JSON.parse(npm("pack", "--json", "--ignore-scripts", "--pack-destination", folder)) as [{ filename: string }];
  const prefix = join(folder, "installed");
  mkdirSync(prefix);
  npm("install", "--global", "--omit=dev", "--no-audit", "--no-fund", "--prefix", prefix, join(folder, packed[0].filename));
  const binary = join(prefix, "bin", "bonusnode");
  for (const version of NODES) {
    const nodePrefix = join(folder, `node-${version}`);
    mkdirSync(nodePrefix);
    writeFileSync(join(nodePrefix, "package.json"), "{}");
    npm("install", "--no-audit", "--no-fund", "--prefix", nodePrefix, `node-${process.platform}-${process.arch}@${version}`);
    const node = join(nodePrefix, "node_modules", `node-${process.platform}-${process.arch}`, "bin");
    const env = { PATH: `${node}:/usr/sbin:/usr/bin:/sbin:/bin`, HOME: folder };
    const run = (...args: string[]) => spawnSync(binary, args, { env, encoding: "utf8" });
    t.match(run("--version").stdout, JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).version, `on Node ${version}`);
    t.match(JSON.parse(run("probe", "--json").stdout), { decision: { tier: String } }, "it probes");
    const up = run("up", "--for", "40s", "--json", "--state-dir", join(folder, `state-${version}`));
    t.equal(up.status, 0, `it runs the whole path: ${up.stderr.slice(-500)}`);
  }
});

t.test("the examples that are shipped with it are what the programs take", async (t) => {
  const folder = t.testdir();
  cpSync(join(PACKAGING, "agent", "config.toml"), join(folder, "config.toml"));
  const status = await runVerb(["status", "--config", join(folder, "config.toml"), "--state-dir", join(folder, "state")]);
  t.notMatch(status.stderr, /config\.toml/, "no complaint about the file");
});
