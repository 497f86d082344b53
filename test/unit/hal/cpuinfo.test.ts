/** What cpuinfo of each architecture comes to. The texts are shortened from real machines, or follow what the kernel writes. */
import { test } from "tap";
import { parseCpuinfo } from "../../../hal/probes/cpuinfo.ts";

const X86 = "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) N100\nfpu\t\t: yes\nflags\t\t: fpu vme lm\n";

test("cpuinfo of every architecture", (t) => {
  const arm = (cpu: number, part: string): string =>
    `processor\t: ${cpu}\nFeatures\t: fp asimd aes\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: ${part}\n\n`;
  const machines: Readonly<Record<string, readonly [text: string, expected: object]>> = {
    x86: [
      X86,
      {
        arch: "x86_64",
        model: "Intel(R) N100",
        vendor: "GenuineIntel",
        hypervisor: false,
        virtualization: false,
        fpu: true,
        features: ["fpu", "lm", "vme"],
      },
    ],
    "x86 in a virtual machine": [X86.replace("vme", "vme hypervisor"), { hypervisor: true }],
    "x86 that runs virtual machines": [X86.replace("vme", "vme svm"), { virtualization: true }],
    "x86 of 32 bits without a floating-point unit": [X86.replace("fpu vme lm", "vme"), { arch: "i686", fpu: false }],
    "ARM with two kinds of cores": [
      arm(0, "0xd03") + arm(1, "0xd08"),
      {
        arch: "aarch64",
        model: "Cortex-A53 + Cortex-A72",
        vendor: "ARM",
        processors: [
          { number: 0, model: "Cortex-A53", part: "0xd03" },
          { number: 1, model: "Cortex-A72", part: "0xd08" },
        ],
        hypervisor: undefined,
        virtualization: undefined,
        fpu: true,
        features: ["aes", "asimd", "fp"],
      },
    ],
    "ARM that nobody named yet": [arm(0, "0xfff"), { arch: "aarch64", model: undefined, vendor: "ARM" }],
    "ARM of another designer": [
      arm(0, "0x033").replace("0x41", "0x61"),
      { arch: "aarch64", model: "Avalanche", vendor: "Apple", processors: [{ number: 0, model: "Avalanche" }] },
    ],
    "ARM whose kernel lists numbers first and one description at the end": [
      "Processor\t: AArch64 Processor rev 4 (aarch64)\nprocessor\t: 0\nprocessor\t: 1\n\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\nCPU architecture: AArch64\nCPU part\t: 0xd03\n\nHardware\t: Amlogic\n",
      { arch: "aarch64", processors: [{ model: "Cortex-A53" }, { number: 1, model: "Cortex-A53" }], features: ["asimd", "fp"] },
    ],
    "ARM of 32 bits, whose first line is no processor": [
      "Processor\t: ARMv7 Processor rev 4 (v7l)\nprocessor\t: 0\n\nFeatures\t: half thumb vfpv3 neon\nCPU implementer\t: 0x41\nCPU architecture: 7\nCPU part\t: 0xc0f\n",
      { arch: "armv7l", model: "Cortex-A15", processors: [{ number: 0, model: "Cortex-A15" }], fpu: true },
    ],
    "ARM without a floating-point unit": [
      "processor\t: 0\nmodel name\t: ARMv7 Processor rev 4 (v7l)\nFeatures\t: half thumb\nCPU implementer\t: 0x41\nCPU architecture: 7\nCPU part\t: 0xc07\n",
      { model: "Cortex-A7", fpu: false },
    ],
    "RISC-V": [
      "processor\t: 0\nhart\t\t: 3\nisa\t\t: rv64imafdc_zicntr_zba\nmmu\t\t: sv39\nuarch\t\t: sifive,u74-mc\nmvendorid\t: 0x489\n",
      {
        arch: "riscv64",
        model: "sifive,u74-mc",
        vendor: "SiFive",
        processors: [{ number: 0, model: "sifive,u74-mc" }],
        fpu: true,
        features: ["a", "c", "d", "f", "i", "m", "zba", "zicntr"],
      },
    ],
    "RISC-V without floating point": [
      "processor\t: 0\nisa\t\t: rv64imac_zfinx\n",
      { arch: "riscv64", fpu: false, vendor: undefined },
    ],
    "RISC-V whose processors differ": [
      "processor\t: 0\nisa\t\t: rv64imac\n\nprocessor\t: 1\nisa\t\t: rv64imafdc\n",
      { features: ["a", "c", "i", "m"] },
    ],
    LoongArch: [
      "system type\t\t: generic-loongson-machine\n\nprocessor\t\t: 0\npackage\t\t\t: 0\nCPU Family\t\t: Loongson-64bit\nModel Name\t\t: Loongson-3A5000\nISA\t\t\t: loongarch32 loongarch64\nFeatures\t\t: cpucfg lam ual fpu lsx lasx\n",
      { arch: "loongarch64", model: "Loongson-3A5000", fpu: true, features: ["cpucfg", "fpu", "lam", "lasx", "lsx", "ual"] },
    ],
    MIPS: [
      "system type\t\t: MediaTek MT7621 ver:1 eco:3\nmachine\t\t\t: ER-X\nprocessor\t\t: 0\ncpu model\t\t: MIPS 1004Kc V2.15\nBogoMIPS\t\t: 584.90\nisa\t\t\t: mips1 mips2 mips32r1 mips32r2\nASEs implemented\t: mips16 dsp mt\n",
      {
        arch: "mips",
        model: "MIPS 1004Kc V2.15",
        processors: [{ number: 0, model: "MIPS 1004Kc V2.15" }],
        fpu: false,
        features: ["dsp", "mips16", "mt"],
      },
    ],
    "MIPS with floating point": [
      "processor\t\t: 0\ncpu model\t\t: MIPS 74Kc V4.12  FPU V0.0\nisa\t\t\t: mips1 mips32r2\nASEs implemented\t:\n",
      { arch: "mips", fpu: true, features: [] },
    ],
    POWER: [
      "processor\t: 0\ncpu\t\t: POWER9 (architected), altivec supported\nclock\t\t: 2300.000000MHz\nrevision\t: 2.2 (pvr 004e 1202)\n\ntimebase\t: 512000000\nplatform\t: pSeries\nmodel\t\t: IBM,9008-22L\nmachine\t\t: CHRP IBM,9008-22L\nMMU\t\t: Radix\n",
      { arch: "ppc64", model: "POWER9 (architected)", processors: [{ number: 0 }], fpu: true, features: ["altivec"] },
    ],
  };
  for (const [name, [text, expected]] of Object.entries(machines)) t.match(parseCpuinfo(text), expected, name);
  t.equal(parseCpuinfo("flags : fpu\n"), undefined, "no processor, no answer");
  t.equal(parseCpuinfo(""), undefined);
  t.equal(parseCpuinfo(X86.replace("Intel(R) N100", "\u001b[31mred\u0007"))?.model, "[31mred", "cannot colour a terminal");
  t.end();
});
