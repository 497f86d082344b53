/** Makers of RISC-V cores by the number in mvendorid, which JEDEC gives out; the kernel's arch/riscv/include/asm/vendorid_list.h. */
const VENDORS: Readonly<Record<string, string>> = {
  "0x29": "Microchip",
  "0x127": "MIPS",
  "0x31e": "Andes",
  "0x489": "SiFive",
  "0x5b7": "T-Head",
};

/** The maker's name; undefined for a number that is not in the table, and for 0, "not implemented". */
export function riscvVendorName(mvendorid: string): string | undefined {
  return VENDORS[mvendorid.toLowerCase()];
}
