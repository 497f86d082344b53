/** Disks of whole machines: a PC, a single-board computer, routers with bare flash; and the wear that flash tells of itself. */
import { test } from "tap";
import { known } from "../../../hal/index.ts";
import { classifyDisk, readDisks } from "../../../hal/probes/disks.ts";
import { parseEmmcWear, parseProcMtd, readFlash } from "../../../hal/probes/flash.ts";
import { makeSimHost, makeTree, type Node } from "../../sim/machine-tree.ts";

function disk(name: string, place: string, files: Record<string, string>): Record<string, Node> {
  const directory = `/sys/devices/${place}/block/${name}`;
  const nodes = Object.entries(files).map(([file, text]) => [`${directory}/${file}`, `${text}\n`]);
  return { [`/sys/block/${name}`]: { link: `../devices/${place}/block/${name}` }, ...Object.fromEntries(nodes) };
}

async function disksOf(nodes: Record<string, Node>) {
  return known(await readDisks(makeSimHost(makeTree(nodes)))) ?? [];
}

test("a PC with NVMe, a hard disk and a stick", async (t) => {
  const disks = await disksOf({
    ...disk("nvme0n1", "pci0000:00/0000:00:1d.0/nvme/nvme0", {
      size: "2000409264",
      "queue/rotational": "0",
      "device/model": "Samsung SSD 990 PRO",
      "device/serial": "SECRET",
    }),
    ...disk("nvme0c0n1", "pci0000:00/0000:00:1d.0/nvme/nvme0", { size: "2000409264", hidden: "1" }),
    ...disk("sda", "pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0", { size: "7814037168", "queue/rotational": "1" }),
    ...disk("sdb", "pci0000:00/0000:00:14.0/usb2/2-1/2-1:1.0/host6/target6:0:0/6:0:0:0", {
      size: "60062500",
      "queue/rotational": "1",
      removable: "1",
    }),
    ...disk("zd0", "virtual", { size: "100" }),
  });
  t.same(
    disks.map(({ name, kind, removable, wear }) => [name, kind, removable, wear]),
    [
      ["nvme0n1", "nvme", false, undefined],
      ["sda", "hdd", false, undefined],
      ["sdb", "usb", true, undefined],
    ],
    "no layer, no second path to the same disk, and no wear made up",
  );
  t.notMatch(JSON.stringify(disks), /SECRET/);
  const traits = { name: "nvme1n1", vendor: undefined, model: undefined, cardType: undefined, rotational: false };
  t.equal(classifyDisk({ ...traits, sysPath: "../devices/virtual/nvme-fabrics/ctl/nvme1/nvme1n1" }), "network");
});

test("a single-board computer with eMMC and a card", async (t) => {
  const disks = await disksOf({
    ...disk("mmcblk0", "platform/fe330000.mmc/mmc_host/mmc0/mmc0:0001", {
      size: "30535680",
      "device/type": "MMC",
      "device/name": "BJTD4R",
      "device/life_time": "0x02 0x01",
      "device/pre_eol_info": "0x01",
      "device/cid": "SECRET",
    }),
    ...disk("mmcblk0boot0", "platform/fe330000.mmc/mmc_host/mmc0/mmc0:0001", { size: "8192", "device/type": "MMC" }),
    ...disk("mmcblk1", "platform/fe320000.mmc/mmc_host/mmc1/mmc1:aaaa", {
      size: "62333952",
      "device/type": "SD",
      "device/name": "SD32G",
    }),
  });
  t.same(
    disks.map(({ name, kind, model }) => [name, kind, model]),
    [
      ["mmcblk0", "emmc", "BJTD4R"],
      ["mmcblk1", "sd", "SD32G"],
    ],
    "not the boot areas",
  );
  t.match(disks[0]?.wear, { usedPercentAtLeast: 10, usedPercentAtMost: 20, preEol: "normal" }, "the worse of two estimates");
  t.equal(disks[1]?.wear, undefined, "cards tell none");
  t.notMatch(JSON.stringify(disks), /SECRET/);
});

test("the life of an eMMC card", (t) => {
  t.match(parseEmmcWear("0x0a 0x0a\n", "0x02"), { usedPercentAtLeast: 90, usedPercentAtMost: 100, preEol: "warning" });
  t.match(parseEmmcWear("0x0b 0x01", "0x03"), { usedPercentAtLeast: 100, usedPercentAtMost: undefined, preEol: "urgent" });
  t.match(parseEmmcWear("0x01 0x00", undefined), { usedPercentAtLeast: 0, usedPercentAtMost: 10, preEol: undefined });
  t.match(parseEmmcWear(undefined, "0x01"), { usedPercentAtLeast: undefined, preEol: "normal" });
  for (const [life, state] of [
    ["0x00 0x00", "0x00"],
    ["0xff 0x10", "0x09"],
    ["", ""],
    ["constructor", "constructor"],
    [undefined, undefined],
  ]) {
    t.equal(parseEmmcWear(life, state), undefined, `${life} ${state}`);
  }
  t.end();
});

/** SYNTHETIC, after the kernel's documents: SPI NAND in two partitions, UBI on the second. */
const NAND: Readonly<Record<string, Node>> = {
  "/sys/class/mtd/mtd0/name": "BL2\n",
  "/sys/class/mtd/mtd0/type": "nand\n",
  "/sys/class/mtd/mtd0/size": "1048576\n",
  "/sys/class/mtd/mtd0/flags": "0x0\n",
  "/sys/class/mtd/mtd0/bad_blocks": "0\n",
  "/sys/class/mtd/mtd0/ecc_failures": "0\n",
  "/sys/class/mtd/mtd0ro/dev": "90:1\n",
  "/sys/class/mtd/mtd1/name": "ubi\n",
  "/sys/class/mtd/mtd1/type": "nand\n",
  "/sys/class/mtd/mtd1/size": "257949696\n",
  "/sys/class/mtd/mtd1/flags": "0x400\n",
  "/sys/class/mtd/mtd1/bad_blocks": "3\n",
  "/sys/class/mtd/mtd1/ecc_failures": "1\n",
  "/sys/class/mtd/mtd10/size": "4096\n",
  "/sys/class/mtd/mtd10/type": "ram\n",
  "/sys/class/ubi/version": "1\n",
  "/sys/class/ubi/ubi0/mtd_num": "1\n",
  "/sys/class/ubi/ubi0/max_ec": "412\n",
  "/sys/class/ubi/ubi0/bad_peb_count": "2\n",
  "/sys/class/ubi/ubi0_2/name": "rootfs_data\n",
};

test("a router with nothing but MTD and UBI", async (t) => {
  const disks = await disksOf(NAND);
  t.same(
    disks.map(({ name, kind, label, flashType, readOnly }) => [name, kind, label, flashType, readOnly]),
    [
      ["mtd0", "mtd", "BL2", "nand", true],
      ["mtd1", "mtd", "ubi", "nand", false],
    ],
    "flash that is memory is no disk",
  );
  t.match(disks[0]?.wear, { maxEraseCount: undefined, badBlocks: 0, eccFailures: 0 });
  t.match(disks[1]?.wear, { maxEraseCount: 412, badBlocks: 2, eccFailures: 1, usedPercentAtMost: undefined });
});

test("the same flash is listed once where it has a block device", async (t) => {
  const disks = await disksOf({ ...NAND, ...disk("mtdblock1", "platform/spi/mtd/mtd1", { size: "503808" }) });
  t.same(
    disks.map(({ name, label, wear }) => [name, label, wear?.maxEraseCount]),
    [
      ["mtdblock1", "ubi", 412],
      ["mtd0", "BL2", undefined],
    ],
  );
});

test("a kernel that has only /proc/mtd", async (t) => {
  const text =
    'dev:    size   erasesize  name\nmtd0: 00040000 00010000 "u-boot"\nmtd1: 00fb0000 00010000 "firmware"\nmtd2: x 1 "no"\n';
  t.same(
    parseProcMtd(text).map(({ name, label, sizeBytes }) => [name, label, sizeBytes]),
    [
      ["mtd0", "u-boot", 262_144],
      ["mtd1", "firmware", 16_449_536],
    ],
  );
  t.match(await disksOf({ "/proc/mtd": text }), [{ name: "mtd0", kind: "mtd", wear: undefined }, { name: "mtd1" }]);
  t.same(await readFlash(makeSimHost(makeTree({}))), []);
  t.match(await readDisks(makeSimHost(makeTree({}))), { kind: "absent" });
  t.ok(parseProcMtd('mtd1: 1 1 "a"\n'.repeat(100_000)).length <= 256);
});
