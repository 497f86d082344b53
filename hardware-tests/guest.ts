import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { makeSmallMachine } from "./built-program.ts";
import { debianFiles } from "./debian-files.ts";

/*
 * A machine with a kernel of its own: QEMU, Debian's kernel, and a root file system in memory that holds BusyBox, Node and the built
 * program (see makeSmallMachine). QEMU computes every instruction itself (no KVM), so it runs anywhere, at about a tenth of the speed:
 * a guest that does nothing takes ten to twenty seconds, each start of Node about four.
 *
 *     const { steps } = runGuest({
 *       kernel: "linux-image-amd64",
 *       modules: ["dummy_hcd", "usb_f_acm", "usb_f_hid", "cdc_acm", "usbhid", "hid_generic", "xhci_pci"],
 *       devices: ["-device", "qemu-xhci", "-device", "usb-tablet"],
 *       steps: { gadget: "mount -t configfs ...", talk: "/bin/node /program/..." },
 *     });
 *     steps["talk"]; // { status, output }
 *
 * With these modules and a gadget made in configfs there are /dev/ttyACM0 with /dev/ttyGS0 as its other end, /dev/hidraw1 with
 * /dev/hidg0, and /dev/hidraw0 of QEMU's tablet. Nothing loads a driver by itself when a device appears, so all have to be named.
 */

/** What a guest has and does. */
export interface GuestOptions {
  /** Debian's package of the kernel. That for clouds is a third of the size, and has neither USB nor gadgets. */
  readonly kernel: "linux-image-cloud-amd64" | "linux-image-amd64";
  /** Modules that are loaded before the first step, and, before each of them, those that it depends on. */
  readonly modules?: readonly string[];
  /** An empty ext4 file system of this size is mounted on /var/lib, on a virtio disk; it wants the modules virtio_pci and virtio_blk. */
  readonly diskMebibytes?: number;
  /** More arguments for QEMU: devices, mostly. */
  readonly devices?: readonly string[];
  /**
   * Scripts by name. Each is run in the order given by a shell of its own, whatever became of those before, with /proc, /sys and /dev
   * in place. What they write to standard output comes back, standard error goes to the console.
   */
  readonly steps: Readonly<Record<string, string>>;
  /** How long the whole guest may take. */
  readonly timeoutMs?: number;
}

/** What became of a step. */
export interface GuestStep {
  readonly status: number;
  readonly output: string;
}

/** What became of a guest. */
export interface GuestEnd {
  /** The steps that came to their end, by name. */
  readonly steps: Readonly<Record<string, GuestStep>>;
  /** What kernel and programs wrote to the console: to be shown when a step is missing. */
  readonly console: string;
}

const CPUS = 2;
const MEMORY_MIB = 1536;

/** Boots a guest, runs its steps and waits until it is off; one that is not by then is ended. Everything it was made of is removed. */
export function runGuest(options: GuestOptions): GuestEnd {
  const files = debianFiles({ suite: "bookworm", architecture: "amd64", packages: [options.kernel] });
  const [kernel] = globSync(join(files, "boot", "vmlinuz-*"));
  if (kernel === undefined) throw new Error(`${options.kernel} holds no kernel`);
  const folder = mkdtempSync(join(tmpdir(), "bonusnode-guest-"));
  try {
    const initrd = join(folder, "initrd");
    makeInitrd(join(folder, "root"), initrd, files, options);
    const [console, answers] = [join(folder, "console"), join(folder, "answers")];
    const { error } = spawnSync(
      "qemu-system-x86_64",
      [
        ...["-accel", "tcg,thread=multi", "-cpu", "max", "-smp", String(CPUS), "-m", String(MEMORY_MIB)],
        ...["-nodefaults", "-display", "none", "-no-reboot", "-kernel", kernel, "-initrd", initrd],
        ...["-append", "console=ttyS0 quiet panic=-1", "-serial", `file:${console}`, "-serial", `file:${answers}`],
        ...diskArguments(folder, options),
        ...(options.devices ?? []),
      ],
      { stdio: ["ignore", "ignore", "inherit"], timeout: options.timeoutMs ?? 120_000, killSignal: "SIGKILL" },
    );
    // A QEMU that did not start wrote neither.
    const [said, answered] = [console, answers].map((file) => (existsSync(file) ? readFileSync(file, "utf8") : ""));
    return { steps: parseAnswers(answered ?? ""), console: `${said}${error === undefined ? "" : String(error)}` };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The root file system as an archive that the kernel unpacks into memory. Not compressed: that would cost the guest more time. */
function makeInitrd(root: string, initrd: string, files: string, { modules = [], diskMebibytes, steps }: GuestOptions): void {
  makeSmallMachine({ root, compiledParts: true });
  mkdirSync(join(root, "modules"));
  mkdirSync(join(root, "steps"));
  const load = modulePaths(files, modules).map((path) => {
    copyFileSync(path, join(root, "modules", basename(path)));
    return `insmod /modules/${basename(path)}`;
  });
  const run = Object.entries(steps).map(([name, script]) => {
    writeFileSync(join(root, "steps", name), `${script}\n`);
    return `echo; echo "${BEGIN}${name}"; sh /steps/${name}; echo "${END}$?"`;
  });
  const mountDisk = diskMebibytes === undefined ? [] : ["mount -t ext4 /dev/vda /var/lib"];
  const init = [
    ...["#!/bin/busybox sh", "/bin/busybox --install -s /bin", "export PATH=/bin HOME=/"],
    ...["mount -t proc proc /proc", "mount -t sysfs sysfs /sys", "mount -t devtmpfs devtmpfs /dev"],
    ...[...load, ...mountDisk, "stty -F /dev/ttyS1 raw", "exec </dev/null >/dev/ttyS1", ...run, "sync", "poweroff -f", ""],
  ];
  writeFileSync(join(root, "init"), init.join("\n"), { mode: 0o755 });
  execFileSync("sh", ["-c", `find . | busybox cpio -o -H newc > "$1"`, "sh", initrd], { cwd: root, stdio: "pipe" });
}

/** The files of these modules in an order in which they can be loaded. */
function modulePaths(files: string, names: readonly string[]): readonly string[] {
  const byName = new Map(
    globSync(join(files, "lib", "modules", "*", "kernel", "**", "*.ko")).map((path) => [moduleName(basename(path, ".ko")), path]),
  );
  const paths = new Set<string>();
  const visit = (name: string): void => {
    const path = byName.get(moduleName(name));
    if (path === undefined) throw new Error(`the kernel has no module ${name}`);
    if (paths.has(path)) return;
    // The section .modinfo holds "depends=NAME,NAME" between zero bytes; no circle is possible.
    const depends = /\0depends=([^\0]*)\0/.exec(readFileSync(path, "latin1"))?.[1] ?? "";
    for (const other of depends.split(",").filter((word) => word !== "")) visit(other);
    paths.add(path);
  };
  for (const name of names) visit(name);
  return [...paths];
}

/** The kernel takes "-" and "_" in a module's name for the same. */
function moduleName(name: string): string {
  return name.replaceAll("-", "_");
}

function diskArguments(folder: string, { diskMebibytes }: GuestOptions): readonly string[] {
  if (diskMebibytes === undefined) return [];
  const image = join(folder, "disk");
  execFileSync("mkfs.ext4", ["-q", image, `${diskMebibytes}M`], { stdio: ["ignore", "ignore", "inherit"] });
  return ["-drive", `file=${image},format=raw,if=virtio`];
}

const BEGIN = "bonusnode-step-begins ";
const END = "bonusnode-step-ends ";

/** What came over the second serial line. A step that was cut off is not among the answers. */
function parseAnswers(text: string): Readonly<Record<string, GuestStep>> {
  const steps: Record<string, GuestStep> = {};
  for (const part of text.split(`\n${BEGIN}`).slice(1)) {
    const end = part.lastIndexOf(END);
    const name = part.slice(0, part.indexOf("\n"));
    if (end >= 0)
      steps[name] = { status: Number.parseInt(part.slice(end + END.length), 10), output: part.slice(name.length + 1, end) };
  }
  return steps;
}
