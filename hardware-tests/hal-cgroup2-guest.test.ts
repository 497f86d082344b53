import t from "tap";
import { arrivedMilliCpus, everyMeasurementAnswers, readProbe, SMALL_MAIN, SMALL_NODE } from "./built-program.ts";
import { runGuest } from "./guest.ts";

/*
 * Control groups of version 2 on a real kernel, with the controllers that this machine may have bound to version 1: a guest with two
 * CPUs, 1.5 GiB and a virtio disk, and groups in it that allow half a CPU, 256 MiB, one CPU.
 */

t.setTimeout(300_000);

const MIB = 2 ** 20;
const PROBE = `${SMALL_NODE} ${SMALL_MAIN} probe --json`;

const GROUPS = `set -e
mount -t cgroup2 none /sys/fs/cgroup
cd /sys/fs/cgroup
echo "+cpu +memory +cpuset" > cgroup.subtree_control
mkdir small
echo "50000 100000" > small/cpu.max
echo ${256 * MIB} > small/memory.max
echo 0 > small/cpuset.cpus
echo "+cpu +memory +cpuset" > small/cgroup.subtree_control
mkdir small/inner
cat cgroup.controllers small/inner/cgroup.controllers
`;

t.test("control groups of version 2", async (t) => {
  const { steps, console } = runGuest({
    kernel: "linux-image-cloud-amd64",
    modules: ["virtio_pci", "virtio_blk"],
    diskMebibytes: 512,
    steps: {
      groups: GROUPS,
      free: `${PROBE} --quick`,
      small: `echo $$ > /sys/fs/cgroup/small/inner/cgroup.procs; exec ${PROBE}`,
    },
  });
  const answer = (name: string) => {
    const { status, output } = steps[name] ?? { status: null, output: "" };
    return { status, stdout: output, stderr: console };
  };
  t.match(
    answer("groups"),
    { status: 0, stdout: /^.*\bcpu\b.*\bmemory\b.*\n.*\bcpu\b.*\bmemory\b/ },
    "groups of version 2 are made",
  );

  const { facts } = readProbe(t, answer("free"));
  t.match(facts.cpu, { kind: "found", value: { logicalCpus: 2, allowedCpus: 2, effectiveMilliCpus: 2000, hypervisor: true } });
  t.notMatch(facts.memory, { value: { cgroupLimitBytes: Number } }, "no limit outside the group");
  t.match(facts.memory, { kind: "found", value: { totalBytes: Number } });
  t.match(facts.disks, { kind: "found", value: [{ name: "vda", kind: "virtual" }] });
  t.match(facts.volume, { kind: "found", value: { mountPoint: "/var/lib", fileSystem: "ext4", device: "vda" } });
  t.match(facts.platform, { kind: "found", value: { isVirtual: true, hypervisor: "QEMU", isContainer: false } });

  const small = readProbe(t, answer("small"));
  t.match(small.facts.cpu, { value: { logicalCpus: 2, allowedCpus: 1, quotaMilliCpus: 500, effectiveMilliCpus: 500 } });
  t.match(small.facts.memory, { value: { cgroupLimitBytes: 256 * MIB, usableBytes: 256 * MIB } });
  everyMeasurementAnswers(t, small);
  t.equal(small.measured.cpu.kind, "found", "half of an emulated CPU is slow, and measured all the same");
  const arrived = arrivedMilliCpus(small);
  t.ok(arrived > 350 && arrived < 600, `${arrived} thousandths of a core arrived`);
  t.equal(small.decision.tier, "Lite");
  const reasons = small.decision.reasons.join(" ");
  t.match(reasons, /Effective cores: 0\.\d+ cores \(/, reasons);
  t.match(reasons, /Usable memory: 256 MiB \(a control group allows 256 MiB/);
});
