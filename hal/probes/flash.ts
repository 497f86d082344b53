/**
 * Flash without a controller, and the wear that flash tells of itself in files: MTD partitions (/sys/class/mtd,
 * https://docs.kernel.org/driver-api/mtd and Documentation/ABI/testing/sysfs-class-mtd; /proc/mtd where /sys has none), UBI over them
 * (/sys/class/ubi, Documentation/ABI/stable/sysfs-class-ubi) and eMMC cards (JESD84-B51, extended CSD registers 267 to 269, which
 * the kernel shows as `life_time` and `pre_eol_info`). NVMe and SATA disks tell their wear through ioctl only, never here.
 */
import type { Host } from "../host.ts";
import { MAX_ATTRIBUTE_BYTES, MAX_DEVICES } from "../limits.ts";
import { known } from "../probe-result.ts";
import { cleanText, parseCount, readAttribute } from "./text.ts";

/** What flash tells of its wear. What is undefined, the device does not tell. */
export interface DiskWear {
  /** The device's own estimate of its life used up, in percent, as the ends of the step that it gives: 10 and 20 for "10 to 20 %". */
  readonly usedPercentAtLeast: number | undefined;
  /** Undefined also where the life that the maker promised is over. */
  readonly usedPercentAtMost: number | undefined;
  /** eMMC: spare blocks used. `warning`: 80 %, `urgent`: 90 %. */
  readonly preEol: "normal" | "warning" | "urgent" | undefined;
  /** UBI: erasures of the block that was erased most often. How many it stands depends on the chip and is in no file. */
  readonly maxEraseCount: number | undefined;
  /** Blocks that nothing is written to any more. */
  readonly badBlocks: number | undefined;
  /** Reads that the error correction could not mend, since the system started. */
  readonly eccFailures: number | undefined;
}

/** What an MTD partition is made of. */
export type FlashType = "nand" | "nor" | "dataflash" | "ram" | "rom";

/** One MTD partition. */
export interface FlashPartition {
  /** The kernel's name: `mtd3`. */
  readonly name: string;
  /** The partition's name: `u-boot`, `firmware`, `ubi`. */
  readonly label: string | undefined;
  readonly type: FlashType | undefined;
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  readonly wear: DiskWear | undefined;
}

/** MTD_WRITEABLE of the kernel's include/uapi/mtd/mtd-abi.h. */
const MTD_WRITEABLE = 0x400;

/** Reads the MTD partitions, at most MAX_DEVICES; none where there is no such flash. */
export async function readFlash(host: Host): Promise<readonly FlashPartition[]> {
  const names = known(await host.list("/sys/class/mtd"))?.filter((name) => /^mtd\d{1,4}$/.test(name)) ?? [];
  if (names.length === 0) return parseProcMtd(known(await host.readText("/proc/mtd", MAX_ATTRIBUTE_BYTES)) ?? "");
  const erasures = await readUbiWear(host);
  const partitions: FlashPartition[] = [];
  for (const name of names.slice(0, MAX_DEVICES)) {
    const partition = await readPartition(host, name, erasures);
    if (partition !== undefined) partitions.push(partition);
  }
  return partitions.sort((left, right) => Number(left.name.slice(3)) - Number(right.name.slice(3)));
}

/** The partitions in /proc/mtd: name, size and block size in hexadecimal, label. Lines that are none are left out. */
export function parseProcMtd(text: string): readonly FlashPartition[] {
  // The first line is the table's head.
  const lines = text.split("\n", MAX_DEVICES + 1).slice(1);
  return lines.flatMap((line) => {
    const [, name, size, label] = /^(mtd\d{1,4}): ([0-9a-f]{1,13}) [0-9a-f]{1,13} "(.*)"$/.exec(line) ?? [];
    if (name === undefined || size === undefined) return [];
    const sizeBytes = Number.parseInt(size, 16);
    return { name, label: cleanText(label), type: undefined, sizeBytes, readOnly: false, wear: undefined };
  });
}

/**
 * The wear of an eMMC card from its two life-time estimates (types A and B, of which the worse counts) and its end-of-life state.
 * Undefined where the card tells neither, as those before version 5.0 do.
 */
export function parseEmmcWear(lifeTime: string | undefined, preEolInfo: string | undefined): DiskWear | undefined {
  const estimates = (lifeTime ?? "").split(/\s+/).flatMap((text) => (/^0x[0-9a-f]{2}$/i.test(text) ? Number(text) : []));
  // 1 to 10 are steps of ten percent, 11 is past the promised life, 0 is not defined.
  const worst = Math.max(0, ...estimates.filter((estimate) => estimate <= 11));
  const preEol = ({ 1: "normal", 2: "warning", 3: "urgent" } as const)[Number(preEolInfo?.trim() || 0)];
  if (worst === 0 && preEol === undefined) return undefined;
  return {
    ...NOTHING_TOLD,
    usedPercentAtLeast: worst === 0 ? undefined : (worst - 1) * 10,
    usedPercentAtMost: worst === 0 || worst === 11 ? undefined : worst * 10,
    preEol,
  };
}

const NOTHING_TOLD: DiskWear = {
  usedPercentAtLeast: undefined,
  usedPercentAtMost: undefined,
  preEol: undefined,
  maxEraseCount: undefined,
  badBlocks: undefined,
  eccFailures: undefined,
};

async function readPartition(
  host: Host,
  name: string,
  erasures: ReadonlyMap<string, UbiWear>,
): Promise<FlashPartition | undefined> {
  const directory = `/sys/class/mtd/${name}`;
  const sizeBytes = parseCount(await readAttribute(host, `${directory}/size`));
  if (sizeBytes === undefined) return undefined;
  const flags = await readAttribute(host, `${directory}/flags`);
  const ubi = erasures.get(name);
  const wear: DiskWear = {
    ...NOTHING_TOLD,
    maxEraseCount: ubi?.maxEraseCount,
    badBlocks: ubi?.badBlocks ?? parseCount(await readAttribute(host, `${directory}/bad_blocks`)),
    eccFailures: parseCount(await readAttribute(host, `${directory}/ecc_failures`)),
  };
  return {
    name,
    label: cleanText(await readAttribute(host, `${directory}/name`)),
    type: flashType(await readAttribute(host, `${directory}/type`)),
    sizeBytes,
    readOnly: flags !== undefined && /^0x[0-9a-f]{1,8}$/i.test(flags) && (Number(flags) & MTD_WRITEABLE) === 0,
    wear: Object.values(wear).every((value) => value === undefined) ? undefined : wear,
  };
}

function flashType(text: string | undefined): FlashType | undefined {
  if (text === "mlc-nand") return "nand";
  return (["nand", "nor", "dataflash", "ram", "rom"] as const).find((type) => type === text);
}

type UbiWear = Pick<DiskWear, "maxEraseCount" | "badBlocks">;

/** By the name of the MTD partition that each UBI device lies on. */
async function readUbiWear(host: Host): Promise<ReadonlyMap<string, UbiWear>> {
  const devices = known(await host.list("/sys/class/ubi"))?.filter((name) => /^ubi\d{1,4}$/.test(name)) ?? [];
  const wear = new Map<string, UbiWear>();
  for (const device of devices.slice(0, MAX_DEVICES)) {
    const directory = `/sys/class/ubi/${device}`;
    const number = parseCount(await readAttribute(host, `${directory}/mtd_num`));
    if (number === undefined) continue;
    wear.set(`mtd${number}`, {
      maxEraseCount: parseCount(await readAttribute(host, `${directory}/max_ec`)),
      badBlocks: parseCount(await readAttribute(host, `${directory}/bad_peb_count`)),
    });
  }
  return wear;
}
