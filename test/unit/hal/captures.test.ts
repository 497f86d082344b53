/**
 * The CPU probe over captured trees of real machines, against what lscpu says of the same trees. The archives are published by
 * others and not part of this repository; where they do not lie beside it, the test says so and is skipped.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "tap";
import { known, makeLinuxHost } from "../../../hal/index.ts";
import { readCgroupLimits } from "../../../hal/probes/cgroup.ts";
import { readCpu } from "../../../hal/probes/cpu.ts";

const CAPTURES = fileURLToPath(new URL("../../../../shared/captures", import.meta.url));
const names = existsSync(CAPTURES) ? readdirSync(CAPTURES).filter((name) => name.endsWith(".lscpu.txt")) : [];

/** What the CPU probe reads; the largest archive holds 13,000 files. */
const NEEDED = ["*/proc/cpuinfo", "*/system/cpu/*line", "*/topology/*"];

test("real machines", { skip: names.length === 0 && "no captures beside this repository" }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "bonusnode-captures-"));
  t.teardown(() => rmSync(directory, { recursive: true }));
  for (const name of names.map((file) => file.replace(".lscpu.txt", ""))) {
    await t.test(name, async (t) => {
      const unpacked = spawnSync("tar", ["-xzf", join(CAPTURES, `${name}.tar.gz`), "-C", directory, "--wildcards", ...NEEDED]);
      if (unpacked.status !== 0) {
        t.comment(`tar cannot unpack it: ${unpacked.error?.message ?? unpacked.stderr.toString()}`);
        return;
      }
      const host = makeLinuxHost({ root: join(directory, name) });
      const cpu = known(await readCpu(host, await readCgroupLimits(host)));
      const lscpu = readFileSync(join(CAPTURES, `${name}.lscpu.txt`), "utf8");
      const saying = (field: string): string[] =>
        [...lscpu.matchAll(new RegExp(`^${field}: +(.*)$`, "gm"))].map((match) => match[1]?.replace(/\s+/g, " ") ?? "");
      t.equal(String(cpu?.logicalCpus), saying("CPU\\(s\\)")[0], "CPUs");
      t.same((cpu?.model ?? "").split(" + ").sort(), saying("Model name").sort(), "models");
      // lscpu gives cores a socket, and sockets, for each kind of core.
      const sockets = saying("Socket\\(s\\)").map(Number);
      const cores = saying("Core\\(s\\) per socket").map((count, kind) => Number(count) * (sockets[kind] ?? 0));
      t.equal(
        cpu?.cores,
        cores.reduce((sum, count) => sum + count, 0),
        "cores",
      );
    });
  }
});
