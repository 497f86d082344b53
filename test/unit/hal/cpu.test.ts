/** How CPUs, cores, caches and clocks are put together, which CPUs count, and what control groups leave of them. */
import { test } from "tap";
import { parseCpuTimes } from "../../../hal/benchmarks/cpu-times.ts";
import { found } from "../../../hal/index.ts";
import { parseAllowedCpus, readCpu } from "../../../hal/probes/cpu.ts";
import { parseCacheSize } from "../../../hal/probes/cpu-caches.ts";
import { parseSpacedCpus } from "../../../hal/probes/cpu-frequency.ts";
import { parseCpuMask } from "../../../hal/probes/cpu-topology.ts";
import { parseCpuList } from "../../../hal/probes/text.ts";
import { makeSimHost, makeTree, type Node } from "../../sim/machine-tree.ts";

const X86 = "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) N100\nfpu\t\t: yes\nflags\t\t: fpu vme lm\n";
const NO_LIMITS = found({ quotaMilliCpus: undefined, memoryLimitBytes: undefined, cpus: undefined });

test("CPU lists", (t) => {
  t.same(parseCpuList("0-3,8,10-11\n", 64), new Set([0, 1, 2, 3, 8, 10, 11]));
  t.same(parseCpuList("", 64), new Set());
  for (const text of ["3-1", "a", "1,,2", "-1", "0-64", "0-99999999999"]) t.equal(parseCpuList(text, 64), undefined, text);
  t.same(parseAllowedCpus("Name:\tnode\nCpus_allowed:\t3\nCpus_allowed_list:\t0-1\n"), new Set([0, 1]));
  t.end();
});

test("the CPUs that count are those online and allowed, less the quota", async (t) => {
  const tree = makeTree({
    "/proc/cpuinfo": [0, 1, 2, 3].map((cpu) => X86.replace(": 0", `: ${cpu}`)).join("\n"),
    "/sys/devices/system/cpu/online": "0-3\n",
    ...Object.fromEntries(
      [0, 1, 2, 3].map((cpu) => [`/sys/devices/system/cpu/cpu${cpu}/topology/thread_siblings_list`, cpu < 2 ? "0-1" : "2-3"]),
    ),
    "/proc/self/status": "Cpus_allowed_list:\t1-127\n",
    "/proc/sys/kernel/arch": "x86_64\n",
  });
  const cpu = await readCpu(makeSimHost(tree), NO_LIMITS);
  t.match(cpu, { kind: "found", value: { logicalCpus: 4, cores: 2, allowedCpus: 3, effectiveMilliCpus: 3000 } });
  const quota = found({ quotaMilliCpus: 500, memoryLimitBytes: undefined, cpus: undefined });
  t.match(await readCpu(makeSimHost(tree), quota), { value: { quotaMilliCpus: 500, effectiveMilliCpus: 500 } });
  const wide = found({ quotaMilliCpus: 9000, memoryLimitBytes: undefined, cpus: undefined });
  t.match(await readCpu(makeSimHost(tree), wide), { value: { effectiveMilliCpus: 3000 } });
  const narrow = found({ quotaMilliCpus: undefined, memoryLimitBytes: undefined, cpus: new Set([0, 1, 2, 9]) });
  t.match(await readCpu(makeSimHost(tree), narrow), { value: { allowedCpus: 2, effectiveMilliCpus: 2000 } }, "a CPU set");
  const none = found({ quotaMilliCpus: undefined, memoryLimitBytes: undefined, cpus: new Set([9]) });
  const impossible = { value: { logicalCpus: 4, allowedCpus: undefined, effectiveMilliCpus: undefined } };
  t.match(await readCpu(makeSimHost(tree), none), impossible, "no CPU at all cannot be");
});

const CPU = "/sys/devices/system/cpu";

/** Files of a machine whose CPUs are described by cpuinfo texts, with what stands below each CPU's directory. */
function machine(cpuinfo: readonly string[], below: (cpu: number) => Record<string, string>): Record<string, Node> {
  const files = cpuinfo.flatMap((_, cpu) => Object.entries(below(cpu)).map(([path, text]) => [`${CPU}/cpu${cpu}/${path}`, text]));
  return { "/proc/cpuinfo": cpuinfo.join("\n"), [`${CPU}/online`]: `0-${cpuinfo.length - 1}\n`, ...Object.fromEntries(files) };
}

function readFiles(nodes: Readonly<Record<string, Node>>) {
  return readCpu(makeSimHost(makeTree(nodes)), NO_LIMITS);
}

function x86(cpu: number): string {
  return X86.replace(": 0", `: ${cpu}`);
}

test("cores and sockets from lists, from masks and from cpuinfo", async (t) => {
  const expected = { value: { logicalCpus: 4, cores: 2, sockets: 2, threadsPerCore: 2 } };
  const four = [0, 1, 2, 3].map(x86);
  const lists = machine(four, (cpu) => ({
    "topology/core_cpus_list": cpu % 2 === 0 ? "0,2\n" : "1,3\n",
    "topology/physical_package_id": `${cpu % 2}\n`,
  }));
  t.match(await readFiles(lists), expected, "lists");
  const masks = machine(four, (cpu) => ({
    "topology/thread_siblings": cpu % 2 === 0 ? "00000000,00000005\n" : "00000000,0000000a\n",
    "topology/physical_package_id": `${cpu % 2}\n`,
  }));
  t.match(await readFiles(masks), expected, "masks");
  const inCpuinfo = machine(
    four.map((text, cpu) => `${text}physical id\t: ${cpu % 2}\ncore id\t\t: 0\n`),
    () => ({}),
  );
  t.match(await readFiles(inCpuinfo), expected, "cpuinfo");
  const offline = { ...lists, [`${CPU}/online`]: "0,2-3\n" };
  t.match(await readFiles(offline), { value: { logicalCpus: 3, cores: 2, sockets: 2, threadsPerCore: 2 } }, "one offline");
  const unknownSocket = machine(four, () => ({ "topology/core_cpus_list": "0-3\n", "topology/physical_package_id": "-1\n" }));
  t.match(await readFiles(unknownSocket), { value: { cores: 1, sockets: undefined, threadsPerCore: 4 } });
});

test("a kernel without a list of online CPUs marks each that is offline", async (t) => {
  const { [`${CPU}/online`]: _, ...old } = machine([0, 1, 2].map(x86), (cpu) => (cpu === 2 ? { online: "0\n" } : {}));
  t.match(await readFiles(old), { value: { logicalCpus: 2, allowedCpus: 2 } });
});

test("clusters that a device tree's kernel names packages are no sockets", async (t) => {
  const nodes = machine([0, 1].map(x86), (cpu) => ({
    "topology/core_cpus_list": `${cpu}`,
    "topology/physical_package_id": `${cpu}`,
  }));
  t.match(await readFiles(nodes), { value: { sockets: 2 } });
  t.match(await readFiles({ ...nodes, [`${CPU}/cpu0/of_node`]: { link: "../../of/cpu@0" } }), { value: { sockets: undefined } });
});

test("caches count once for all CPUs that share them", async (t) => {
  const cache = (index: number, level: number, type: string, size: string, sharing: string) => ({
    [`cache/index${index}/level`]: `${level}\n`,
    [`cache/index${index}/type`]: `${type}\n`,
    [`cache/index${index}/size`]: `${size}\n`,
    [`cache/index${index}/shared_cpu_list`]: `${sharing}\n`,
  });
  const nodes = machine([0, 1, 2, 3].map(x86), (cpu) => ({
    ...cache(0, 1, "Data", "32K", `${cpu}`),
    ...cache(1, 1, "Instruction", "48K", `${cpu}`),
    ...cache(2, 2, "Unified", cpu < 2 ? "512K" : "2048K", cpu < 2 ? "0-1" : "2-3"),
    ...cache(3, 3, "Unified", "0K", "0-3"),
    ...cache(4, 4, "Trace", "64K", "0-3"),
    "cache/index5/level": "5\n",
  }));
  t.match(await readFiles(nodes), {
    value: {
      caches: [
        { level: 1, type: "data", sizeBytes: 32_768, instances: 4 },
        { level: 1, type: "instruction", sizeBytes: 49_152, instances: 4 },
        { level: 2, type: "unified", sizeBytes: 524_288, instances: 1 },
        { level: 2, type: "unified", sizeBytes: 2_097_152, instances: 1 },
        { level: 3, type: "unified", sizeBytes: undefined, instances: 1 },
      ],
    },
  });
  t.equal(parseCacheSize("32"), undefined);
  t.equal(parseCacheSize("-1K"), undefined);
});

test("clocks of policies and of old kernels, and the kinds of cores that they tell apart", async (t) => {
  const arm = (cpu: number, part: string): string =>
    `processor\t: ${cpu}\nFeatures\t: fp\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: ${part}\n`;
  const policy = (name: string, cpus: string, min: number, max: number, governor: string) => ({
    [`${CPU}/cpufreq/${name}/affected_cpus`]: `${cpus}\n`,
    [`${CPU}/cpufreq/${name}/cpuinfo_min_freq`]: `${min}\n`,
    [`${CPU}/cpufreq/${name}/cpuinfo_max_freq`]: `${max}\n`,
    [`${CPU}/cpufreq/${name}/scaling_governor`]: `${governor}\n`,
  });
  const cores = (cpu: number): Record<string, string> => ({ "topology/core_cpus_list": `${cpu}\n` });
  const little = { model: "Cortex-A53", role: undefined, logicalCpus: 2, cores: 2, minHz: 300_000_000, maxHz: 1_500_000_000 };
  const slower = { ...little, logicalCpus: 1, cores: 1, maxHz: 1_000_000_000 };
  const big = { model: "Cortex-A72", logicalCpus: 1, cores: 1, minHz: 0, maxHz: 2_000_000_000 };
  t.match(
    await readFiles({
      ...machine([arm(0, "0xd03"), arm(1, "0xd03"), arm(2, "0xd03"), arm(3, "0xd08")], cores),
      ...policy("policy0", "0 1", 300_000, 1_500_000, "schedutil"),
      ...policy("policy2", "2", 300_000, 1_000_000, "powersave"),
      ...policy("policy3", "3", 0, 2_000_000, "schedutil"),
    }),
    {
      value: {
        clusters: [little, slower, { ...big, minHz: undefined }],
        minHz: 300_000_000,
        maxHz: 2_000_000_000,
        governors: ["powersave", "schedutil"],
      },
    },
  );
  const old = machine([0, 1].map(x86), (cpu) => ({
    "cpufreq/affected_cpus": `${cpu}\n`,
    "cpufreq/cpuinfo_min_freq": "800000\n",
    "cpufreq/cpuinfo_max_freq": cpu === 0 ? "3000000\n" : "3100000\n",
  }));
  const oneKind = [{ logicalCpus: 2, minHz: 800_000_000, maxHz: 3_100_000_000 }];
  t.match(await readFiles(old), { value: { clusters: oneKind, governors: [] } }, "the best core of x86 is no kind of its own");
  const hybrid = { ...old, "/sys/devices/cpu_core/cpus": "0\n", "/sys/devices/cpu_atom/cpus": "1\n" };
  t.match(await readFiles(hybrid), { value: { clusters: [{ role: "performance", logicalCpus: 1 }, { role: "efficiency" }] } });
  const many = [...Array(40).keys()].map((cpu) => arm(cpu, "0xd03"));
  const each = machine(many, (cpu) => ({ "cpufreq/affected_cpus": `${cpu}`, "cpufreq/cpuinfo_max_freq": `${1_000_000 + cpu}` }));
  t.match(await readFiles(each), { value: { clusters: [{ logicalCpus: 40, maxHz: 1_000_039_000 }] } }, "no forty kinds");
  for (const text of ["", "0,1", "a", "0 9000", "-1"]) t.equal(parseSpacedCpus(text), undefined, text);
});

test("the kernel's own word on architecture and byte order comes first", async (t) => {
  const power = "processor\t: 0\ncpu\t\t: POWER9, altivec supported\n";
  t.match(await readFiles({ "/proc/cpuinfo": power }), { value: { arch: "ppc64", byteOrder: undefined } });
  const told = { "/proc/cpuinfo": power, "/proc/sys/kernel/arch": "ppc64\n", "/sys/kernel/cpu_byteorder": "big\n" };
  t.match(await readFiles(told), { value: { arch: "ppc64", byteOrder: "big" } });
  t.match(await readFiles({ "/proc/cpuinfo": power, "/proc/sys/kernel/arch": "ppc64le\n" }), { value: { byteOrder: "little" } });
  t.match(await readFiles({ "/proc/cpuinfo": X86 }), { value: { arch: "x86_64", byteOrder: "little" } });
});

test("CPU masks", (t) => {
  t.same([...(parseCpuMask("00000001,00000101\n", 64) ?? [])], [0, 8, 32]);
  t.same([...(parseCpuMask("ff", 8) ?? [])], [0, 1, 2, 3, 4, 5, 6, 7]);
  t.same([...(parseCpuMask("80000000", 32) ?? [])], [31]);
  for (const text of ["", ",", "1,1", "g", "100", "1 2"]) t.equal(parseCpuMask(text, 8), undefined, text);
  t.end();
});

test("without topology the cores are unknown, without affinity all CPUs are allowed", async (t) => {
  const cpu = await readCpu(makeSimHost(makeTree({ "/proc/cpuinfo": X86 })), NO_LIMITS);
  t.match(cpu, { kind: "found", value: { logicalCpus: 1, cores: undefined, allowedCpus: 1, effectiveMilliCpus: 1000 } });
});

test("where CPU time went", (t) => {
  const text = "cpu  8272 0 7253 545646 679 0 116 17 0 0\ncpu0 1 0 0 0 0 0 0 0 0 0\ncpu1 1 0 0 0 0 0 0 0 0 0\nintr 1\n";
  t.same(parseCpuTimes(text), { cpus: 2, total: 561983, busy: 15641, steal: 17 });
  t.equal(parseCpuTimes("cpu  1 2 3\n"), undefined);
  t.end();
});
