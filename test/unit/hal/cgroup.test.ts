/**
 * What control groups leave to a process: version 1, version 2, both, nested groups and containers. Each machine is written down as
 * the few files that matter.
 */
import { test } from "tap";
import { parseCfsQuota, parseCpuMax, parseMemoryLimit, readCgroupLimits } from "../../../hal/probes/cgroup.ts";
import { makeSimHost, makeTree, type Node } from "../../sim/machine-tree.ts";

const V2_MOUNT = "30 23 0:28 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
const V1_MOUNTS =
  "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";

function limitsOf(nodes: Readonly<Record<string, Node>>) {
  return readCgroupLimits(makeSimHost(makeTree(nodes)));
}

test("version 2: the least of all groups above counts", async (t) => {
  const limits = await limitsOf({
    "/proc/self/cgroup": "0::/a/b\n",
    "/proc/self/mountinfo": V2_MOUNT,
    "/sys/fs/cgroup/cgroup.procs": "",
    "/sys/fs/cgroup/a/cpu.max": "150000 100000\n",
    "/sys/fs/cgroup/a/memory.max": "268435456\n",
    "/sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
    "/sys/fs/cgroup/a/b/memory.max": "max\n",
  });
  t.same(limits, { kind: "found", value: { quotaMilliCpus: 1500, memoryLimitBytes: 268_435_456, cpus: undefined } });
});

test("version 1: quota and period, and its huge number for no limit", async (t) => {
  const limits = await limitsOf({
    "/proc/self/cgroup": "4:memory:/jobs\n1:cpu,cpuacct:/jobs/one\n0::/\n",
    "/proc/self/mountinfo": V1_MOUNTS,
    "/sys/fs/cgroup/cpu,cpuacct/jobs/one/cpu.cfs_quota_us": "50000\n",
    "/sys/fs/cgroup/cpu,cpuacct/jobs/one/cpu.cfs_period_us": "100000\n",
    "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
    "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
    "/sys/fs/cgroup/memory/jobs/memory.limit_in_bytes": "9223372036854771712\n",
  });
  t.same(limits, { kind: "found", value: { quotaMilliCpus: 500, memoryLimitBytes: undefined, cpus: undefined } });
});

test("in a container only its own part is mounted, while the path counts from the host's root", async (t) => {
  const limits = await limitsOf({
    "/proc/self/cgroup": "1:cpu,cpuacct:/docker/0123abcd\n",
    "/proc/self/mountinfo": "32 31 0:29 /docker/0123abcd /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu,cpuacct\n",
    "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "200000\n",
    "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
  });
  t.match(limits, { value: { quotaMilliCpus: 2000 } });
});

test("a group outside of what is mounted leaves the mounted root", async (t) => {
  const limits = await limitsOf({
    "/proc/self/cgroup": "0::/../../other\n",
    "/proc/self/mountinfo": V2_MOUNT,
    "/sys/fs/cgroup/cpu.max": "25000 100000\n",
  });
  t.match(limits, { value: { quotaMilliCpus: 250 } });
});

test("the CPU set of the nearest group that has one", async (t) => {
  const cpusOf = async (nodes: Readonly<Record<string, Node>>): Promise<readonly number[] | undefined> => {
    const limits = await limitsOf(nodes);
    return limits.kind === "found" && limits.value.cpus !== undefined ? [...limits.value.cpus] : undefined;
  };
  const v2 = { "/proc/self/cgroup": "0::/a/b\n", "/proc/self/mountinfo": V2_MOUNT };
  const root = { "/sys/fs/cgroup/cpuset.cpus.effective": "0-7\n" };
  t.same(await cpusOf({ ...v2, ...root, "/sys/fs/cgroup/a/cpuset.cpus.effective": "2-3\n" }), [2, 3], "version 2");
  t.same(
    await cpusOf({ ...v2, ...root, "/sys/fs/cgroup/a/b/cpuset.cpus.effective": "\n" }),
    [0, 1, 2, 3, 4, 5, 6, 7],
    "an empty one",
  );
  t.equal(await cpusOf(v2), undefined, "none");
  const v1 = {
    "/proc/self/cgroup": "2:cpuset:/jobs\n0::/a\n",
    "/proc/self/mountinfo": `32 31 0:29 / /dev/cpuset rw - cgroup cpuset rw,cpuset,noprefix\n${V2_MOUNT}`,
  };
  t.same(await cpusOf({ ...v1, "/dev/cpuset/jobs/cpus": "1\n", "/dev/cpuset/cpus": "0-7\n" }), [1], "version 1, without prefix");
  const effective = { "/dev/cpuset/jobs/cpuset.cpus": "0-9\n", "/dev/cpuset/jobs/cpuset.effective_cpus": "4\n" };
  t.same(await cpusOf({ ...v1, ...effective }), [4], "version 1: what is effective comes first");
  const broken = { ...v2, "/sys/fs/cgroup/a/b/cpuset.cpus.effective": "all\n" };
  t.match(await limitsOf(broken), { kind: "failed", error: { code: "malformed" } });
});

test("no control groups, no limits", async (t) => {
  const none = { kind: "found", value: { quotaMilliCpus: undefined, memoryLimitBytes: undefined, cpus: undefined } };
  t.same(await limitsOf({ "/proc/cpuinfo": "" }), none);
  t.same(await limitsOf({ "/proc/self/cgroup": "0::/\n", "/proc/self/mountinfo": V2_MOUNT }), none);
});

test("limits that cannot be seen are not taken for none", async (t) => {
  const v1 = "1:cpu,cpuacct:/jobs\n2:memory:/jobs\n";
  const cases: readonly (readonly [groups: string, mounts: string, code: string])[] = [
    ["0::/a/b\n", "20 1 8:1 / / rw - ext4 /dev/sda1 rw\n", "unreadable"],
    [v1, "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n", "unreadable"],
    ["", V1_MOUNTS, "unreadable"],
    ["1:cpu,cpuacct:/jobs\n", V1_MOUNTS, "unreadable"],
    ["", V2_MOUNT, "unreadable"],
    ["0::/a/b", V2_MOUNT, "malformed"],
    ["nonsense\n", V2_MOUNT, "malformed"],
    ["0::/a\n", V2_MOUNT.trim(), "malformed"],
  ];
  for (const [groups, mounts, code] of cases) {
    const limits = await limitsOf({ "/proc/self/cgroup": groups, "/proc/self/mountinfo": mounts });
    t.match(limits, { kind: "failed", error: { code } }, JSON.stringify([groups, mounts]));
  }
  const cut = await limitsOf({
    "/proc/self/cgroup": "0::/a\n",
    "/proc/self/mountinfo": V2_MOUNT,
    "/sys/fs/cgroup/a/cpu.max": "50000 1",
  });
  t.match(cut, { kind: "failed", error: { code: "malformed", message: "/sys/fs/cgroup/a/cpu.max is cut off" } });

  const none = { kind: "found", value: { quotaMilliCpus: undefined, memoryLimitBytes: undefined } };
  const root = "20 1 8:1 / / rw - ext4 /dev/sda1 rw\n";
  t.match(await limitsOf({ "/proc/self/cgroup": "0::/\n", "/proc/self/mountinfo": root }), none, "the root group has no limits");
  t.match(await limitsOf({ "/proc/self/cgroup": "", "/proc/self/mountinfo": root }), none, "no groups, nothing mounted");
  t.match(
    await limitsOf({ "/proc/self/cgroup": `${v1}0::/x\n`, "/proc/self/mountinfo": V1_MOUNTS }),
    none,
    "version 2 has no controller left",
  );
});

test("the forms of a limit", (t) => {
  t.equal(parseCpuMax("max 100000\n"), null);
  t.equal(parseCpuMax("1000 1000000\n"), 1, "never rounded down to nothing");
  for (const text of ["", "max", "0 100000", "5 0", "a b", "-1 5"]) t.equal(parseCpuMax(text), undefined, text);
  t.equal(parseCfsQuota("-1\n", "100000\n"), null);
  t.equal(parseCfsQuota("-2\n", "100000\n"), undefined);
  t.equal(parseMemoryLimit("max\n"), null);
  t.equal(parseMemoryLimit("18446744073709551615"), null);
  t.equal(parseMemoryLimit("12 GB"), undefined);
  t.end();
});
