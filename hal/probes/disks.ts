/**
 * Disks: block devices of /sys/block (https://docs.kernel.org/admin-guide/abi-stable.html, "/sys/block"; sizes are in units of 512
 * bytes whatever the device's own block is) and bare flash, which routers may have without any block device.
 */
import type { Host } from "../host.ts";
import { MAX_DEVICES } from "../limits.ts";
import { found, known, type ProbeResult } from "../probe-result.ts";
import { type DiskWear, type FlashPartition, type FlashType, parseEmmcWear, readFlash } from "./flash.ts";
import { cleanText, linkName, parseCount, readAttribute } from "./text.ts";

/**
 * What stands behind a block device. `mtd` is flash without a controller, which wears; `virtual` is a disk that a hypervisor
 * simulates, of which nothing more is known; `network` is a disk elsewhere; `ram` is memory.
 */
export type DiskKind = "nvme" | "ssd" | "hdd" | "emmc" | "sd" | "usb" | "mtd" | "virtual" | "network" | "ram";

/** One disk: a block device, or a partition of bare flash, of which each is listed by itself. */
export interface DiskFacts {
  /** The kernel's name: `sda`, `nvme0n1`, `mmcblk0`, `mtdblock4`; `mtd4` where flash has no block device. */
  readonly name: string;
  /** Undefined for a device of a kind that this program does not know. */
  readonly kind: DiskKind | undefined;
  readonly sizeBytes: number;
  readonly model: string | undefined;
  readonly removable: boolean;
  readonly readOnly: boolean;
  /** Name of a flash partition: `u-boot`, `firmware`, `ubi`. */
  readonly label?: string | undefined;
  /** What bare flash is made of. */
  readonly flashType?: FlashType | undefined;
  /** Only eMMC and bare flash tell it in files; of all others it is undefined, not little. */
  readonly wear?: DiskWear | undefined;
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
const LAYER = /^(dm-|md|loop|bcache|zd)\d/;

/**
 * Other block devices that hold nobody's data: memory, discs, floppies, UBI volumes, which lie on an MTD listed by itself, and the
 * boot areas of an eMMC card.
 */
const NO_DISK = /^((zram|ram|sr|fd|ubiblock)\d|mmcblk\d+(boot\d|rpmb))/;

/**
 * Reads the disks that have a size, without layers (LVM, RAID, loops) and memory. A machine without any answers an empty list,
 * one that has neither a block layer nor bare flash `absent`.
 */
export async function readDisks(host: Host): Promise<ProbeResult<readonly DiskFacts[]>> {
  const names = await host.list("/sys/block");
  if (names.kind === "failed") return names;
  const flash = new Map((await readFlash(host)).map((partition) => [partition.name, partition]));
  if (names.kind === "absent" && flash.size === 0) return names;
  const disks: DiskFacts[] = [];
  for (const name of known(names) ?? []) {
    if (LAYER.test(name) || NO_DISK.test(name) || disks.length === MAX_DEVICES) continue;
    // The hidden paths of a disk that several controllers reach are that disk once more.
    if ((await readAttribute(host, `/sys/block/${name}/hidden`)) === "1") continue;
    const disk = await readDisk(host, name);
    const partition = flash.get(name.replace("block", ""));
    flash.delete(name.replace("block", ""));
    if (disk === undefined || disk.sizeBytes === 0) continue;
    disks.push(partition === undefined ? disk : { ...disk, ...told(partition) });
  }
  const bare = [...flash.values()].filter((partition) => partition.type !== "ram" && partition.sizeBytes > 0);
  return found([...disks, ...bare.map(flashDisk)].slice(0, MAX_DEVICES));
}

function flashDisk(partition: FlashPartition): DiskFacts {
  const { name, sizeBytes, readOnly } = partition;
  return { name, kind: "mtd", sizeBytes, model: undefined, removable: false, readOnly, ...told(partition) };
}

/** What only the flash layer knows of a disk. */
function told({ label, type, wear }: FlashPartition): Pick<DiskFacts, "label" | "flashType" | "wear"> {
  return { label, flashType: type, wear };
}

/** Reads one block device; undefined where it tells no size. */
export async function readDisk(host: Host, name: string): Promise<DiskFacts | undefined> {
  const directory = `/sys/block/${name}`;
  const sectors = parseCount(await readAttribute(host, `${directory}/size`));
  if (sectors === undefined) return undefined;
  const rotational = await readAttribute(host, `${directory}/queue/rotational`);
  // A memory card's model is called its name.
  const modelFile = name.startsWith("mmcblk") ? "name" : "model";
  const model = cleanText(await readAttribute(host, `${directory}/device/${modelFile}`));
  const traits: DiskTraits = {
    name,
    sysPath: known(await host.readLink(directory)) ?? "",
    vendor: cleanText(await readAttribute(host, `${directory}/device/vendor`)),
    model,
    cardType: await readAttribute(host, `${directory}/device/type`),
    rotational: rotational === undefined ? undefined : rotational === "1",
  };
  const kind = classifyDisk(traits);
  return {
    name,
    kind,
    sizeBytes: sectors * 512,
    model,
    removable: (await readAttribute(host, `${directory}/removable`)) === "1",
    readOnly: (await readAttribute(host, `${directory}/ro`)) === "1",
    wear: kind === "emmc" ? await readEmmcWear(host, directory) : undefined,
  };
}

async function readEmmcWear(host: Host, directory: string): Promise<DiskWear | undefined> {
  const lifeTime = await readAttribute(host, `${directory}/device/life_time`);
  return parseEmmcWear(lifeTime, await readAttribute(host, `${directory}/device/pre_eol_info`));
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
  if (/^(nbd|rbd|drbd)\d/.test(name) || /\/session\d+\/|\/nvme-fabrics\//.test(sysPath)) return "network";
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
