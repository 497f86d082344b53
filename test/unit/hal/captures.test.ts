/**
 * The CPU probe over captured trees of real machines and over this machine, field by field against lscpu: what was recorded on the
 * machine where there is a recording, else what the lscpu of this machine makes of the same tree. The archives are published by
 * others and not part of this repository; where they do not lie beside it, the test says so and is skipped.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Test, test } from "tap";
import { type CpuFacts, known, makeLinuxHost } from "../../../hal/index.ts";
import { readCgroupLimits } from "../../../hal/probes/cgroup.ts";
import { readCpu } from "../../../hal/probes/cpu.ts";
import { readVirtualization } from "../../../hal/probes/virtualization.ts";
import { agrees, answersOfHal, answersOfLscpu } from "../../sim/lscpu.ts";

const CAPTURES = fileURLToPath(new URL("../../../../shared/captures", import.meta.url));
const ARCHIVE = /\.tar\.(gz|bz2)$/;
const archives = existsSync(CAPTURES) ? readdirSync(CAPTURES).filter((name) => ARCHIVE.test(name)) : [];

/** What the probes read; the largest archive holds 13,000 files. */
const NEEDED = [
  ...["*/proc/cpuinfo", "*/proc/mounts", "*/proc/self/*", "*/dev/cpuset/*", "*/cgroup/unified/*"],
  ...["*/system/cpu/online", "*/cpu/cpu[0-9]*/online", "*/cpu/cpu[0-9]*/of_node", "*/cpu/cpu[0-9]*/cpufreq"],
  ...["*/topology/*_cpus_list", "*/topology/thread_siblings_list", "*/topology/physical_package_id"],
  ...["*/cpuinfo_m??_freq", "*/affected_cpus", "*/scaling_governor"],
  ...["*/cache/index*/level", "*/cache/index*/type", "*/cache/index*/size", "*/cache/index*/shared_cpu_list"],
];

/** What only lscpu reads, or the probes where there is nothing newer. */
const NEEDED_BY_LSCPU = [
  ...["*/system/cpu/possible", "*/system/cpu/present", "*/system/cpu/kernel_max", "*/proc/bus/pci/devices"],
  ...["*/topology/*", "*/cache/index*/shared_cpu_map"],
];

/** Differences from lscpu that are right to keep. One that no longer occurs has to leave this table. */
const EXPLAINED: readonly (readonly [capture: string, field: string, ours: string | undefined, theirs: string, why: string])[] = [
  ["16em64t-4s2c2t-offlines", "CPU(s)", "12", "16", "lscpu counts the four CPUs that are offline"],
  [
    "16em64t-4s2c2t-offlines",
    "Cores",
    "7",
    "4",
    "lscpu takes the cores of a socket for the same in all; seven sets of thread siblings and seven L1 caches are online",
  ],
  [
    "2arm-2c",
    "CPU min MHz",
    "400",
    "0",
    "cpu1 has no cpufreq link in this capture, which lscpu takes for 0; both share a policy",
  ],
  [
    "8em64t-2s4c-asymcaches",
    "L2 cache",
    "12582912/3",
    "8388608/2",
    "lscpu gives up at a missing index; cpu2 and cpu6 have only the third",
  ],
  [
    "arm-A510-A710-A715-X3",
    "Socket(s)",
    undefined,
    "1",
    "the kernel of this phone names its three clusters packages; lscpu shows one for each kind of core",
  ],
  ["rv64-visionfive2", "Vendor ID", "SiFive", "0x489", "the number has a name"],
  [
    "vbox-win",
    "Runs under a hypervisor",
    "no",
    "yes",
    "VirtualBox hid the CPU flag; lscpu finds its graphics card on PCI, while the DMI that names it was not captured",
  ],
];

/** The version that was asked for the trees without a recording; another one may agree where this one did not. */
const ASKED_VERSION = "2.38";

/** Processes in a CPU set, in trees without the two files by which it is found, and what they would say. */
const CPU_SETS: readonly (readonly [capture: string, groups: string, allowedCpus: number, why: string])[] = [
  ["16amd64-4n4c-cgroup-distance-merge", "1:cpuset:/prout\n0::/\n", 4, "version 1, mounted without prefix: CPUs 0-3 of 16"],
  ["32amd64-4s2n4c-cgroup2", "4:memory:/\n0::/uid_2008/job_15389/step_0\n", 6, "version 2: CPUs 0-5 of 32"],
];

/** What lscpu answers for the machine that it runs on, whatever tree it is pointed to. */
const NOT_OF_THE_TREE: ReadonlySet<string> = new Set(["Architecture", "Byte Order"]);

const lscpuVersion = /(\d+\.\d+)/.exec(spawnSync("lscpu", ["--version"]).stdout?.toString() ?? "")?.[1];

function runLscpu(...options: string[]): string {
  const { stdout, stderr, status } = spawnSync("lscpu", ["--bytes", ...options], { env: { ...process.env, LC_ALL: "C" } });
  if (status !== 0) throw new Error(`lscpu: ${stderr}`);
  return stdout.toString();
}

function recordingOf(capture: string): string {
  return join(CAPTURES, `${capture}.lscpu.txt`);
}

/** Unpacks what is needed and answers the top folder; or says why it cannot. */
function unpack(archive: string, directory: string): { readonly root: string } | { readonly reason: string } {
  mkdirSync(directory);
  const needed = existsSync(recordingOf(archive.replace(ARCHIVE, ""))) ? NEEDED : [...NEEDED, ...NEEDED_BY_LSCPU];
  const options = ["-xf", join(CAPTURES, archive), "-C", directory, "--wildcards", "--no-same-owner", ...needed];
  // tar's exit status also counts patterns that this archive has nothing for.
  const { error, stderr } = spawnSync("tar", options);
  const root = readdirSync(directory).map((name) => join(directory, name))[0];
  if (root !== undefined && existsSync(join(root, "proc/cpuinfo"))) return { root };
  return { reason: `tar cannot unpack ${archive}: ${error?.message ?? stderr.toString().split("\n")[0]}` };
}

/** Kernels before 2.6.26 have no lists of CPUs, without which lscpu does not start: what they would say. */
function addCpuLists(root: string): void {
  const directory = join(root, "sys/devices/system/cpu");
  const cpus = readdirSync(directory).filter((name) => /^cpu\d+$/.test(name));
  const isOnline = (cpu: string): boolean => {
    const file = join(directory, cpu, "online");
    return !existsSync(file) || readFileSync(file, "utf8").trim() !== "0";
  };
  const list = (names: readonly string[]): string => `${names.map((name) => name.slice(3)).join(",")}\n`;
  for (const name of ["possible", "present"]) writeFileSync(join(directory, name), list(cpus));
  writeFileSync(join(directory, "online"), list(cpus.filter(isOnline)));
}

async function readMachine(root: string): Promise<{ readonly cpu: CpuFacts; readonly isVirtual: boolean | undefined }> {
  const host = makeLinuxHost({ root });
  const cpu = known(await readCpu(host, await readCgroupLimits(host)));
  if (cpu === undefined) throw new Error("no CPU");
  return { cpu, isVirtual: (await readVirtualization(host, cpu.hypervisor)).isVirtual };
}

/** Compares every field that lscpu has; one that the hal does not know is a difference too. */
function compare(
  t: Test,
  name: string,
  machine: Awaited<ReturnType<typeof readMachine>>,
  output: string,
  leaveOut: ReadonlySet<string>,
): void {
  const ours = answersOfHal(machine.cpu, machine.isVirtual);
  const theirs = [...answersOfLscpu(output)].filter(([field]) => !leaveOut.has(field));
  const explained = EXPLAINED.filter(([capture]) => capture === name);
  const found = new Set<unknown>();
  let agreed = 0;
  for (const [field, value] of theirs) {
    const mine = ours.get(field);
    const entry = explained.find(([, at, us, them]) => at === field && us === mine && them === value);
    if (agrees(mine, value)) agreed++;
    else if (entry !== undefined) found.add(entry);
    else t.fail(`${field}: we say ${mine}, lscpu says ${value}`);
  }
  const mayAgree = !existsSync(recordingOf(name)) && lscpuVersion !== ASKED_VERSION;
  for (const entry of explained) if (!found.has(entry) && !mayAgree) t.fail(`no longer differs: ${entry.join(", ")}`);
  t.ok(theirs.length >= 5, "lscpu says something");
  t.comment(`${name}: ${theirs.length} fields compared, ${agreed} agree, ${found.size} explained`);
}

test("real machines", { skip: archives.length === 0 && "no captures beside this repository" }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "bonusnode-captures-"));
  t.teardown(() => rmSync(directory, { recursive: true }));
  for (const archive of archives) {
    const name = archive.replace(ARCHIVE, "");
    const unpacked = unpack(archive, join(directory, name));
    const recording = recordingOf(name);
    const reason =
      "reason" in unpacked
        ? unpacked.reason
        : !existsSync(recording) && lscpuVersion === undefined
          ? "no recording of lscpu, and no lscpu on this machine"
          : undefined;
    await t.test(name, { skip: reason ?? false }, async (t) => {
      if ("reason" in unpacked) return;
      const { root } = unpacked;
      const machine = await readMachine(root);
      if (existsSync(recording)) return compare(t, name, machine, readFileSync(recording, "utf8"), new Set());
      if (!existsSync(join(root, "sys/devices/system/cpu/possible"))) addCpuLists(root);
      compare(t, name, machine, runLscpu("--sysroot", root), NOT_OF_THE_TREE);
    });
  }
});

test("processes in a CPU set", { skip: archives.length === 0 && "no captures beside this repository" }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "bonusnode-captures-"));
  t.teardown(() => rmSync(directory, { recursive: true }));
  for (const [name, groups, allowedCpus, why] of CPU_SETS) {
    const archive = archives.find((file) => file.replace(ARCHIVE, "") === name);
    const unpacked = archive === undefined ? { reason: "not among the captures" } : unpack(archive, join(directory, name));
    await t.test(name, { skip: "reason" in unpacked && unpacked.reason }, async (t) => {
      if ("reason" in unpacked) return;
      const mounts = readFileSync(join(unpacked.root, "proc/mounts"), "utf8").trim().split("\n");
      const mountinfo = mounts.map((line, at) => {
        const [source, mountPoint, fileSystem, options] = line.split(" ");
        return `${at + 20} 1 0:${at + 20} / ${mountPoint} rw - ${fileSystem} ${source} ${options}\n`;
      });
      writeFileSync(join(unpacked.root, "proc/self/mountinfo"), mountinfo.join(""));
      writeFileSync(join(unpacked.root, "proc/self/cgroup"), groups);
      const { cpu } = await readMachine(unpacked.root);
      t.match(cpu, { allowedCpus, effectiveMilliCpus: allowedCpus * 1000 }, why);
    });
  }
});

test("this machine", { skip: lscpuVersion === undefined && "no lscpu on this machine" }, async (t) => {
  compare(t, "this machine", await readMachine(""), runLscpu(), new Set());
});
