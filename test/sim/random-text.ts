import { randomInt } from "node:crypto";
import fc from "fast-check";

/** The seed of this run; BONUS_SEED replays another one. */
export const seed = Number(process.env["BONUS_SEED"] ?? randomInt(2 ** 31));

const WORDS = [
  "processor\t: 0\n",
  "vendor_id\t: x\n",
  "flags\t\t: fpu lm hypervisor\n",
  "CPU implementer\t: 0x41\n",
  "CPU part\t: 0xd03\n",
  "isa\t: rv64gc\n",
  "cpu model\t: MIPS\n",
  "MemTotal:       24684084 kB\n",
  "MemAvailable: 99999999999999999999 kB\n",
  "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n",
  "0::/a/../b\n",
  "Cpus_allowed_list:\t0-1\n",
  "cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1\n",
  "max 100000\n",
  "50000 100000\n",
  "-1",
  "18446744073709551615",
  "4294967295",
  "0-3,8",
  "DISTRIB_RELEASE='x'\n",
  "schema = 1\n[match]\n",
  "\u0000",
  "\\040",
];

/** Text that looks like the kernel's, like nothing, or like both. */
export const hostileText = fc
  .array(fc.oneof(fc.constantFrom(...WORDS), fc.string({ unit: "binary", maxLength: 20 })), { maxLength: 20 })
  .map((parts) => parts.join(""));
