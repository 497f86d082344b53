import { existsSync, mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import t, { type Test } from "tap";
import { arrivedMilliCpus, BUILT_MAIN, readProbe, runToEnd } from "./built-program.ts";

/*
 * Control groups of version 1 on the running kernel: a share of the CPUs, a piece of the memory, one CPU of several, set on a group
 * around that of the program, as a container has them.
 */

t.setTimeout(300_000);

const MOUNT = "/sys/fs/cgroup";
const MIB = 2 ** 20;
/** Where there is none of version 1, the guest's test of version 2 still stands. */
const skip = existsSync(join(MOUNT, "cpu/cpu.cfs_quota_us")) ? false : "no control groups of version 1 are mounted here";
const logicalCpus = cpus().length;

/** What a controller's outer group is set to, by file; the program runs in a group of its own within. */
type Settings = Readonly<Record<string, Readonly<Record<string, string>>>>;

const QUOTA: Settings = { cpu: { "cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "50000" } };
const MEMORY: Settings = { memory: { "memory.limit_in_bytes": String(256 * MIB) } };
const ONE_CPU: Settings = { cpuset: { "cpuset.mems": "0", "cpuset.cpus": "0" } };

/** Runs `bonusnode probe --json` in groups made for it, which are gone afterwards. */
function probeIn(t: Test, settings: Settings): ReturnType<typeof readProbe> {
  const groups: string[] = [];
  t.teardown(async () => {
    for (const group of groups.reverse()) await removeGroup(group);
  });
  for (const [controller, files] of Object.entries(settings)) {
    const outer = join(MOUNT, controller, `bonusnode-test-${process.pid}`);
    for (const group of [outer, join(outer, "inner")]) {
      mkdirSync(group);
      groups.push(group);
      // An inner group of version 1 has no CPU of its own until it is given some; a quota or memory it takes from around it.
      const ours = group === outer || controller === "cpuset" ? Object.entries(files) : [];
      for (const [name, value] of ours) writeFileSync(join(group, name), value);
    }
  }
  const inner = groups.filter((group) => group.endsWith("/inner"));
  const enter = inner.map((group) => `echo $$ > ${group}/cgroup.procs`).join(" && ");
  return readProbe(t, runToEnd(["sh", "-c", `${enter} && exec "$@"`, "sh", process.execPath, BUILT_MAIN, "probe", "--json"]));
}

/** A group can be removed a moment after its last process has ended. */
async function removeGroup(group: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      return rmdirSync(group);
    } catch (thrown) {
      if (attempt === 50) throw thrown;
      await sleep(100);
    }
  }
}

t.test("half a CPU and 256 MiB on one CPU", { skip }, async (t) => {
  const probe = probeIn(t, { ...QUOTA, ...MEMORY, ...ONE_CPU });
  t.match(probe.facts.cpu, { value: { allowedCpus: 1, quotaMilliCpus: 500, effectiveMilliCpus: 500, logicalCpus } });
  t.match(probe.facts.memory, { value: { cgroupLimitBytes: 256 * MIB, usableBytes: 256 * MIB } });
  const arrived = arrivedMilliCpus(probe);
  t.ok(arrived > 400 && arrived < 560, `${arrived} thousandths of a core arrived`);
  t.equal(probe.decision.measuredTier, "Lite");
  t.equal(probe.decision.tier, "Lite");
  const reasons = probe.decision.reasons.join(" ");
  t.match(
    reasons,
    /Effective cores: 0\.\d+ cores \(a control group allows 0\.5 cores|Effective cores: 0\.\d+ cores \(only/,
    reasons,
  );
  t.match(reasons, /Usable memory: 256 MiB \(a control group allows 256 MiB/);
});

t.test("half a CPU", { skip }, async (t) => {
  const probe = probeIn(t, QUOTA);
  t.match(probe.facts.cpu, { value: { logicalCpus, quotaMilliCpus: 500, effectiveMilliCpus: 500 } });
  t.notMatch(probe.facts.memory, { value: { cgroupLimitBytes: 256 * MIB } });
  const arrived = arrivedMilliCpus(probe);
  t.ok(arrived > 400 && arrived < 560, `${arrived} thousandths of a core arrived`);
});

t.test("one CPU", { skip: skip || (logicalCpus < 2 && "this machine has one CPU") }, async (t) => {
  const probe = probeIn(t, ONE_CPU);
  t.match(probe.facts.cpu, { value: { allowedCpus: 1, effectiveMilliCpus: 1000, logicalCpus } });
  t.equal(probe.decision.measuredTier, "Lite");
  t.match(probe.decision.reasons.join(" "), /may run on 1 of \d+ CPUs|only/);
});

t.test("outside those groups", { skip }, async (t) => {
  const probe = readProbe(t, runToEnd([process.execPath, BUILT_MAIN, "probe", "--quick", "--json"]));
  t.notMatch(probe.facts.cpu, { value: { quotaMilliCpus: 500 } });
  t.notMatch(probe.facts.memory, { value: { usableBytes: 256 * MIB } });
});
