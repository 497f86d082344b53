import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type CommandEnd, runToEnd } from "./built-program.ts";

/*
 * A machine with another processor: QEMU computes each instruction of its Node, and the kernel is this machine's. So /sys and most of
 * /proc tell about this machine; the files that describe the processor and the board are laid over them.
 */

/** Such a machine. */
export interface ForeignMachine {
  /** Where its root is put together: a folder that is empty or not there. */
  readonly root: string;
  /** The folder whose `lib` and `usr` it has: libraries of its processor. */
  readonly files: string;
  readonly qemu: "qemu-aarch64-static" | "qemu-arm-static";
  /** Its Node. */
  readonly node: string;
  /** Files that tell about it, by absolute path. */
  readonly told: Readonly<Record<string, string>>;
}

/** A function that runs the machine's Node with arguments, to its end. */
export function makeForeignMachine({
  root,
  files,
  qemu,
  node,
  told,
}: ForeignMachine): (...args: readonly string[]) => CommandEnd {
  mkdirSync(root, { recursive: true });
  for (const name of ["lib", "usr"]) symlinkSync(join(files, name), join(root, name));
  for (const [path, text] of Object.entries(told)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return (...args) => runToEnd([qemu, "-L", root, node, ...args]);
}

/** What a 32-bit or 64-bit ARM kernel tells of a board with two processors of one kind. The serial number must never be passed on. */
export function armBoard(cpu: {
  readonly arch: "aarch64" | "armv7l";
  readonly features: string;
  readonly architecture: number;
  readonly part: string;
  readonly compatible: readonly string[];
}): Readonly<Record<string, string>> {
  const processor = (number: number): string =>
    `processor\t: ${number}\nBogoMIPS\t: 108.00\nFeatures\t: ${cpu.features}\nCPU implementer\t: 0x41\n` +
    `CPU architecture: ${cpu.architecture}\nCPU variant\t: 0x0\nCPU part\t: ${cpu.part}\nCPU revision\t: 3\n\n`;
  return {
    "/proc/cpuinfo": `${processor(0)}${processor(1)}Hardware\t: A board\nRevision\t: c03111\nSerial\t\t: ${BOARD_SERIAL}\n`,
    "/proc/sys/kernel/arch": `${cpu.arch}\n`,
    "/proc/device-tree/compatible": cpu.compatible.map((name) => `${name}\0`).join(""),
    "/proc/device-tree/serial-number": `${BOARD_SERIAL}\0`,
  };
}

/** The serial number of the boards above. */
export const BOARD_SERIAL = "10000000abcdef99";
