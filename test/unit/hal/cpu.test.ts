/**
 * What cpuinfo of each architecture comes to, which CPUs count, and what control groups leave of them. The texts are shortened from
 * real machines.
 */
import { test } from "tap";
import { parseCpuTimes } from "../../../hal/benchmarks/cpu-times.ts";
import { found } from "../../../hal/index.ts";
import { parseAllowedCpus, readCpu } from "../../../hal/probes/cpu.ts";
import { parseCpuinfo } from "../../../hal/probes/cpuinfo.ts";
import { parseCpuList } from "../../../hal/probes/text.ts";
import { makeSimHost, makeTree } from "../../sim/machine-tree.ts";

const X86 = "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) N100\nfpu\t\t: yes\nflags\t\t: fpu vme lm\n";
const NO_LIMITS = found({ quotaMilliCpus: undefined, memoryLimitBytes: undefined });

test("cpuinfo of every architecture", (t) => {
  const arm = (cpu: number, part: string): string =>
    `processor\t: ${cpu}\nFeatures\t: fp asimd aes\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: ${part}\n\n`;
  const machines: Readonly<Record<string, readonly [text: string, expected: object]>> = {
    x86: [X86, { arch: "x86_64", model: "Intel(R) N100", vendor: "GenuineIntel", processors: 1, hypervisor: false, fpu: true }],
    "x86 in a virtual machine": [X86.replace("vme", "vme hypervisor"), { hypervisor: true }],
    "x86 of 32 bits without a floating-point unit": [X86.replace("fpu vme lm", "vme"), { arch: "i686", fpu: false }],
    "ARM with two kinds of cores": [
      arm(0, "0xd03") + arm(1, "0xd08"),
      { arch: "aarch64", model: "Cortex-A53 + Cortex-A72", vendor: "ARM", processors: 2, hypervisor: undefined, fpu: true },
    ],
    "ARM that nobody named yet": [arm(0, "0xfff"), { arch: "aarch64", model: undefined, vendor: "ARM" }],
    "ARM of 32 bits, whose first line is no processor": [
      "Processor\t: ARMv7 Processor rev 4 (v7l)\nprocessor\t: 0\n\nFeatures\t: half thumb vfpv3 neon\nCPU implementer\t: 0x41\nCPU architecture: 7\nCPU part\t: 0xc0f\n",
      { arch: "armv7l", model: "Cortex-A15", processors: 1, fpu: true },
    ],
    "ARM without a floating-point unit": [
      "processor\t: 0\nmodel name\t: ARMv7 Processor rev 4 (v7l)\nFeatures\t: half thumb\nCPU implementer\t: 0x41\nCPU architecture: 7\nCPU part\t: 0xc07\n",
      { model: "Cortex-A7", fpu: false },
    ],
    "RISC-V": [
      "processor\t: 0\nhart\t\t: 3\nisa\t\t: rv64imafdc_zicntr_zba\nuarch\t\t: sifive,u74-mc\n",
      { arch: "riscv64", model: "sifive,u74-mc", processors: 1, fpu: true },
    ],
    "RISC-V without floating point": ["processor\t: 0\nisa\t\t: rv64imac_zfinx\n", { arch: "riscv64", fpu: false }],
    MIPS: [
      "system type\t\t: MediaTek MT7621 ver:1 eco:3\nprocessor\t\t: 0\ncpu model\t\t: MIPS 1004Kc V2.15\nBogoMIPS\t\t: 584.90\n",
      { arch: "mips", model: "MIPS 1004Kc V2.15", processors: 1, fpu: false },
    ],
    POWER: ["processor\t: 0\ncpu\t\t: POWER9, altivec supported\n", { arch: "ppc64le", model: "POWER9, altivec supported" }],
  };
  for (const [name, [text, expected]] of Object.entries(machines)) t.match(parseCpuinfo(text), expected, name);
  t.equal(parseCpuinfo("flags : fpu\n"), undefined, "no processor, no answer");
  t.equal(parseCpuinfo(""), undefined);
  t.equal(parseCpuinfo(X86.replace("Intel(R) N100", "\u001b[31mred\u0007"))?.model, "[31mred", "cannot colour a terminal");
  t.end();
});

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
  const quota = found({ quotaMilliCpus: 500, memoryLimitBytes: undefined });
  t.match(await readCpu(makeSimHost(tree), quota), { value: { quotaMilliCpus: 500, effectiveMilliCpus: 500 } });
  const wide = found({ quotaMilliCpus: 9000, memoryLimitBytes: undefined });
  t.match(await readCpu(makeSimHost(tree), wide), { value: { effectiveMilliCpus: 3000 } });
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
