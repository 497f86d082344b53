// `npm run test:hardware [-- name ...]`: installs what the hardware tests stand on from Debian's packages, builds the program, and runs
// hardware-tests/ (or those whose names contain one of the words) against the real parts.
import { spawnSync } from "node:child_process";
import { existsSync, globSync } from "node:fs";
import { fileURLToPath } from "node:url";

process.chdir(fileURLToPath(new URL("../../", import.meta.url)));

/** Debian packages, and a file that tells whether each is there. */
const PACKAGES = {
  mosquitto: "/usr/sbin/mosquitto",
  bubblewrap: "/usr/bin/bwrap",
  "iputils-ping": "/usr/bin/ping",
  faketime: "/usr/bin/faketime",
  "busybox-static": "/bin/busybox",
  e2fsprogs: "/sbin/mkfs.ext4",
  mount: "/bin/mount",
  systemd: "/usr/bin/systemd-analyze",
  mmdebstrap: "/usr/bin/mmdebstrap",
  "qemu-user-static": "/usr/bin/qemu-arm-static",
  "qemu-system-x86": "/usr/bin/qemu-system-x86_64",
  strace: "/usr/bin/strace",
  iperf3: "/usr/bin/iperf3",
  iproute2: "/sbin/tc",
};

const missing = Object.keys(PACKAGES).filter((name) => !existsSync(PACKAGES[name]));
if (missing.length > 0) {
  process.stderr.write(`installing ${missing.join(", ")}\n`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
  run("apt-get", ["update", "-q"], env);
  run("apt-get", ["install", "-y", "-q", "--no-install-recommends", ...missing], env);
}
run(process.execPath, ["packaging/dev/build.js"], process.env);
const words = process.argv.slice(2);
const tests = globSync("hardware-tests/**/*.test.ts").filter(
  (path) => words.length === 0 || words.some((word) => path.includes(word)),
);
if (tests.length === 0) {
  process.stderr.write(`no hardware test is named like ${words.join(" or ")}\n`);
  process.exit(1);
}
run("tap", ["--jobs=1", "--timeout=1800", ...tests.sort()], process.env);

function run(command, args, env) {
  const { status } = spawnSync(command, args, { stdio: "inherit", env });
  if (status !== 0) {
    process.stderr.write(`${command} ${args.slice(0, 3).join(" ")} ... failed\n`);
    process.exit(status ?? 1);
  }
}
