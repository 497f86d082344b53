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
  t.same(limits, { kind: "found", value: { quotaMilliCpus: 1500, memoryLimitBytes: 268_435_456 } });
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
  t.same(limits, { kind: "found", value: { quotaMilliCpus: 500, memoryLimitBytes: undefined } });
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

test("no control groups, no limits", async (t) => {
  const none = { kind: "found", value: { quotaMilliCpus: undefined, memoryLimitBytes: undefined } };
  t.same(await limitsOf({ "/proc/cpuinfo": "" }), none);
  t.same(await limitsOf({ "/proc/self/cgroup": "0::/\n", "/proc/self/mountinfo": V2_MOUNT }), none);
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
