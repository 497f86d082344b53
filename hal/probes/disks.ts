/**
 * Block devices: /sys/block (https://docs.kernel.org/admin-guide/abi-stable.html, "/sys/block"; sizes are in units of 512 bytes
 * whatever the device's own block is).
 */
import type { Host } from "../host.ts";
import { MAX_DEVICES } from "../limits.ts";
import { found, known, type ProbeResult } from "../probe-result.ts";
import { cleanText, linkName, parseCount, readAttribute } from "./text.ts";

/**
 * What stands behind a block device. `mtd` is flash without a controller, which wears; `virtual` is a disk that a hypervisor
 * simulates, of which nothing more is known; `network` is a disk elsewhere; `ram` is memory.
 */
export type DiskKind = "nvme" | "ssd" | "hdd" | "emmc" | "sd" | "usb" | "mtd" | "virtual" | "network" | "ram";

/** One block device. */
export interface DiskFacts {
  /** The kernel's name: `sda`, `nvme0n1`, `mmcblk0`. */
  readonly name: string;
  /** Undefined for a device of a kind that this program does not know. */
  readonly kind: DiskKind | undefined;
  readonly sizeBytes: number;
  readonly model: string | undefined;
  readonly removable: boolean;
  readonly readOnly: boolean;
}

/** The attributes by which the kind of a device is told. */
export interface DiskTraits {
  readonly name: string;
  /** The device's place in /sys, such as `../devices/pci0000:00/0000:00:02.0/virtio1/block/vda`. */
  readonly sysPath: string;
  readonly vendor: string | undefined;
  readonly model: string | undefined;
  /** `MMC` or `SD`, which only memory cards have. */
  readonly cardType: string | undefined;
  readonly rotational: boolean | undefined;
}

/** Layers over other devices, and loops over files. */
const LAYER = /^(dm-|md|loop|bcache)\d/;

/** Other block devices that hold nobody's data: memory, discs, floppies, and UBI volumes, which lie on an MTD listed by itself. */
const NO_DISK = /^(zram|ram|sr|fd|ubiblock)\d/;

/**
 * Reads the disks that have a size, without layers (LVM, RAID, loops) and memory. A machine without any answers an empty list,
 * one whose kernel has no block layer `absent`.
 */
export async function readDisks(host: Host): Promise<ProbeResult<readonly DiskFacts[]>> {
  const names = await host.list("/sys/block");
  if (names.kind !== "found") return names;
  const disks: DiskFacts[] = [];
  for (const name of names.value) {
    if (LAYER.test(name) || NO_DISK.test(name) || disks.length === MAX_DEVICES) continue;
    const disk = await readDisk(host, name);
    if (disk !== undefined && disk.sizeBytes > 0) disks.push(disk);
  }
  return found(disks);
}

/** Reads one block device; undefined where it tells no size. */
export async function readDisk(host: Host, name: string): Promise<DiskFacts | undefined> {
  const directory = `/sys/block/${name}`;
  const sectors = parseCount(await readAttribute(host, `${directory}/size`));
  if (sectors === undefined) return undefined;
  const rotational = await readAttribute(host, `${directory}/queue/rotational`);
  const model = cleanText(await readAttribute(host, `${directory}/device/model`));
  const traits: DiskTraits = {
    name,
    sysPath: known(await host.readLink(directory)) ?? "",
    vendor: cleanText(await readAttribute(host, `${directory}/device/vendor`)),
    model,
    cardType: await readAttribute(host, `${directory}/device/type`),
    rotational: rotational === undefined ? undefined : rotational === "1",
  };
  return {
    name,
    kind: classifyDisk(traits),
    sizeBytes: sectors * 512,
    model,
    removable: (await readAttribute(host, `${directory}/removable`)) === "1",
    readOnly: (await readAttribute(host, `${directory}/ro`)) === "1",
  };
}

/** Makers of disks that exist only in a hypervisor, as they stand in a SCSI or NVMe device's vendor or model. */
const VIRTUAL_MAKERS = /\b(QEMU|VBOX|VMware|Msft|Virtual|Xen|KVM)\b/i;

/**
 * The kind of a device. Whether it turns is asked last and believed only of SATA, SAS and IDE disks: the kernel calls every disk of
 * unknown nature rotational, those of a hypervisor above all.
 */
export function classifyDisk(traits: DiskTraits): DiskKind | undefined {
  const { name, sysPath, cardType } = traits;
  if (/^(zram|ram)\d/.test(name)) return "ram";
  if (/^(mtdblock|ubiblock)/.test(name)) return "mtd";
  if (/^mmcblk\d/.test(name)) return cardType === "MMC" ? "emmc" : cardType === "SD" ? "sd" : undefined;
  if (/^(vd|xvd)[a-z]/.test(name) || /\/(virtio|vmbus|xen)/i.test(sysPath)) return "virtual";
  if (VIRTUAL_MAKERS.test(`${traits.vendor ?? ""} ${traits.model ?? ""}`)) return "virtual";
  if (/^(nbd|rbd|drbd)\d/.test(name) || /\/session\d+\//.test(sysPath)) return "network";
  if (/\/usb\d/.test(sysPath)) return "usb";
  if (/^nvme\d/.test(name)) return "nvme";
  if (/^[sh]d[a-z]/.test(name) && traits.rotational !== undefined) return traits.rotational ? "hdd" : "ssd";
  return undefined;
}

/** The disk under a partition or under layers: the first one that `name` (as in /sys/class/block) finally stands on. */
export async function findDiskUnder(host: Host, name: string, layers: number): Promise<DiskFacts | undefined> {
  if (layers === 0) return undefined;
  const below = known(await host.list(`/sys/class/block/${name}/slaves`))?.[0];
  if (below !== undefined) return findDiskUnder(host, below, layers - 1);
  if (known(await host.readLink(`/sys/block/${name}`)) !== undefined) return LAYER.test(name) ? undefined : readDisk(host, name);
  // A partition's directory lies inside its disk's.
  const place = known(await host.readLink(`/sys/class/block/${name}`))?.split("/");
  const parent = place?.at(-2);
  return parent === undefined || parent === "block" ? undefined : findDiskUnder(host, parent, layers - 1);
}

/** The name of a block device by its number (`8:1`); undefined where it is none. */
export function blockDeviceName(host: Host, deviceNumber: string): Promise<string | undefined> {
  return linkName(host, `/sys/dev/block/${deviceNumber}`);
}
