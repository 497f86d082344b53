/**
 * Names of ARM cores, which cpuinfo gives only as numbers. Implementer codes: Arm Architecture Reference Manual, MIDR_EL1; part
 * numbers: the kernel's arch/arm64/include/asm/cputype.h and each core's technical reference manual.
 */
const IMPLEMENTERS: Readonly<Record<string, string>> = {
  "0x41": "ARM",
  "0x42": "Broadcom",
  "0x43": "Cavium",
  "0x48": "HiSilicon",
  "0x4e": "NVIDIA",
  "0x50": "APM",
  "0x51": "Qualcomm",
  "0x53": "Samsung",
  "0x56": "Marvell",
  "0x61": "Apple",
  "0x69": "Intel",
  "0x70": "Phytium",
  "0xc0": "Ampere",
};

const ARM_PARTS: Readonly<Record<string, string>> = {
  "0xb76": "ARM1176",
  "0xc05": "Cortex-A5",
  "0xc07": "Cortex-A7",
  "0xc08": "Cortex-A8",
  "0xc09": "Cortex-A9",
  "0xc0d": "Cortex-A12",
  "0xc0e": "Cortex-A17",
  "0xc0f": "Cortex-A15",
  "0xd01": "Cortex-A32",
  "0xd03": "Cortex-A53",
  "0xd04": "Cortex-A35",
  "0xd05": "Cortex-A55",
  "0xd07": "Cortex-A57",
  "0xd08": "Cortex-A72",
  "0xd09": "Cortex-A73",
  "0xd0a": "Cortex-A75",
  "0xd0b": "Cortex-A76",
  "0xd0c": "Neoverse-N1",
  "0xd0d": "Cortex-A77",
  "0xd40": "Neoverse-V1",
  "0xd41": "Cortex-A78",
  "0xd44": "Cortex-X1",
  "0xd46": "Cortex-A510",
  "0xd47": "Cortex-A710",
  "0xd48": "Cortex-X2",
  "0xd49": "Neoverse-N2",
  "0xd4a": "Neoverse-E1",
  "0xd4d": "Cortex-A715",
  "0xd4e": "Cortex-X3",
  "0xd4f": "Neoverse-V2",
  "0xd80": "Cortex-A520",
  "0xd81": "Cortex-A720",
  "0xd82": "Cortex-X4",
  "0xd84": "Neoverse-V3",
  "0xd85": "Cortex-X925",
  "0xd87": "Cortex-A725",
  "0xd8e": "Neoverse-N3",
};

/** Who designed the core; undefined for a code that is not in the table. */
export function armImplementerName(implementer: string): string | undefined {
  return IMPLEMENTERS[implementer.toLowerCase()];
}

/** The core's name; undefined for a part that is not in the table, or another designer's. */
export function armPartName(implementer: string, part: string): string | undefined {
  return implementer.toLowerCase() === "0x41" ? ARM_PARTS[part.toLowerCase()] : undefined;
}
