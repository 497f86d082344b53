/** Kinds of disks, and the disk under a directory: partitions, LVM, overlays, flash, containers. */
import { test } from "tap";
import { classifyDisk, type DiskTraits, readDisks } from "../../../hal/probes/disks.ts";
import { mountOf, parseMountinfo } from "../../../hal/probes/mounts.ts";
import { readVolume } from "../../../hal/probes/volume.ts";
import { makeSimHost, makeTree, type Node } from "../../sim/machine-tree.ts";

test("the kind of a disk", (t) => {
  const kindOf = (traits: Partial<DiskTraits> & { name: string }) =>
    classifyDisk({ sysPath: "", vendor: undefined, model: undefined, cardType: undefined, rotational: undefined, ...traits });
  const pci = "../devices/pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0/block/sda";
  t.equal(kindOf({ name: "vda", rotational: true }), "virtual", "the kernel calls virtio disks rotational");
  t.equal(
    kindOf({ name: "sda", rotational: true, sysPath: "../devices/pci0000:00/0000:00:05.0/virtio3/host2/block/sda" }),
    "virtual",
  );
  t.equal(kindOf({ name: "sda", rotational: true, vendor: "QEMU", model: "QEMU HARDDISK" }), "virtual");
  t.equal(kindOf({ name: "sda", rotational: true, vendor: "Msft", model: "Virtual Disk" }), "virtual");
  t.equal(kindOf({ name: "nvme0n1", rotational: false, model: "QEMU NVMe Ctrl" }), "virtual");
  t.equal(kindOf({ name: "nvme0n1", rotational: false, model: "Samsung SSD 990 PRO" }), "nvme");
  t.equal(kindOf({ name: "sda", rotational: true, sysPath: pci, vendor: "ATA", model: "ST4000DM004" }), "hdd");
  t.equal(kindOf({ name: "sda", rotational: false, sysPath: pci }), "ssd");
  t.equal(
    kindOf({ name: "sda", rotational: true, sysPath: "../devices/pci0000:00/0000:00:14.0/usb2/2-1/2-1:1.0/host6/block/sda" }),
    "usb",
  );
  t.equal(kindOf({ name: "mmcblk0", cardType: "MMC" }), "emmc");
  t.equal(kindOf({ name: "mmcblk0", cardType: "SD" }), "sd");
  t.equal(kindOf({ name: "mmcblk0" }), undefined, "a card that does not say what it is");
  t.equal(kindOf({ name: "mtdblock3" }), "mtd");
  t.equal(kindOf({ name: "nbd0" }), "network");
  t.equal(
    kindOf({ name: "sdb", rotational: false, sysPath: "../devices/platform/host3/session1/target3:0:0/block/sdb" }),
    "network",
  );
  t.equal(kindOf({ name: "zram0" }), "ram");
  t.equal(kindOf({ name: "sda" }), undefined, "neither turning nor not");
  t.equal(kindOf({ name: "pmem0" }), undefined);
  t.end();
});

const SDA = "../devices/pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0/block/sda";

/** A machine with one SATA disk: a partition of it, and LVM on encryption on another. */
const PC: Readonly<Record<string, Node>> = {
  "/sys/block/sda": { link: SDA },
  [`/sys/${SDA.slice(3)}/size`]: "1953525168\n",
  [`/sys/${SDA.slice(3)}/queue/rotational`]: "0\n",
  [`/sys/${SDA.slice(3)}/removable`]: "0\n",
  [`/sys/${SDA.slice(3)}/ro`]: "0\n",
  [`/sys/${SDA.slice(3)}/sda1/partition`]: "1\n",
  "/sys/class/block/sda": { link: `../${SDA}` },
  "/sys/class/block/sda1": { link: `../${SDA}/sda1` },
  "/sys/dev/block/8:1": { link: `../${SDA}/sda1` },
  "/sys/block/dm-0": { link: "../devices/virtual/block/dm-0" },
  "/sys/class/block/dm-0": { link: "../../devices/virtual/block/dm-0" },
  "/sys/devices/virtual/block/dm-0/size": "100\n",
  "/sys/devices/virtual/block/dm-0/slaves/sda1": "",
  "/sys/block/dm-1": { link: "../devices/virtual/block/dm-1" },
  "/sys/class/block/dm-1": { link: "../../devices/virtual/block/dm-1" },
  "/sys/devices/virtual/block/dm-1/size": "100\n",
  "/sys/devices/virtual/block/dm-1/slaves/dm-0": "",
  "/sys/dev/block/253:1": { link: "../../devices/virtual/block/dm-1" },
};
const SIZE = { realPath: "/data", totalBytes: 1000, freeBytes: 400 };

async function volumeOn(mountinfo: string, directory = "/data", nodes = PC) {
  const tree = makeTree({ ...nodes, "/proc/self/mountinfo": mountinfo }, { "/data": SIZE });
  const volume = await readVolume(makeSimHost(tree), directory);
  return volume.kind === "found" ? volume.value : volume;
}

test("the disk under a directory", async (t) => {
  t.match(await volumeOn("27 1 8:1 / / rw - ext4 /dev/root rw\n"), {
    device: "sda",
    kind: "ssd",
    fileSystem: "ext4",
    mountPoint: "/",
  });
  t.match(
    await volumeOn("27 1 253:1 / /data rw - xfs /dev/mapper/vg-data rw\n"),
    { device: "sda", kind: "ssd" },
    "LVM on encryption",
  );
  t.match(
    await volumeOn("27 1 0:44 /sub /data rw - btrfs /dev/sda1 rw,subvol=/sub\n"),
    { device: "sda", kind: "ssd" },
    "no device number",
  );
  t.match(await volumeOn("27 1 0:45 / /data rw - ubifs /dev/ubi0_2 rw\n"), { device: "/dev/ubi0_2", kind: "mtd" });
  t.match(await volumeOn("27 1 0:46 / /data rw - tmpfs tmpfs rw\n"), { kind: "ram" });
  t.match(await volumeOn("27 1 0:47 / /data rw - nfs4 nas:/export rw\n"), { device: "nas:/export", kind: "network" });
  t.match(
    await volumeOn("27 1 0:48 / /data rw - zfs tank/data rw\n"),
    { device: "tank/data", kind: undefined },
    "unknown is unknown",
  );
  t.match(await volumeOn("27 1 8:1 / /data ro,noatime - ext4 /dev/sda1 rw\n"), { readOnly: true });
  t.match(await volumeOn("27 1 8:1 / /data rw - ext4 /dev/sda1 rw\n", "/data/not/yet/there"), { path: "/data", kind: "ssd" });
});

test("what an overlay writes to", async (t) => {
  const overlay = "20 1 0:19 / / rw - overlay overlayfs:/overlay rw,lowerdir=/,upperdir=/overlay/upper,workdir=/overlay/work\n";
  t.match(await volumeOn(`${overlay}21 20 0:18 / /overlay rw - jffs2 /dev/mtdblock6 rw\n`), {
    fileSystem: "overlay",
    kind: "mtd",
  });
  t.match(await volumeOn(`${overlay}21 20 8:1 / /overlay rw - ext4 /dev/sda1 rw\n`), { fileSystem: "overlay", kind: "ssd" });
  const docker = "20 1 0:19 / / rw - overlay overlay rw,lowerdir=/x,upperdir=/var/lib/docker/overlay2/1/diff,workdir=/y\n";
  t.match(await volumeOn(docker), { fileSystem: "overlay", kind: undefined }, "a container does not see what is beneath");
});

test("listed are the disks themselves", async (t) => {
  const disks = await readDisks(
    makeSimHost(makeTree({ ...PC, "/sys/block/zram0/size": "100", "/sys/block/sr0/size": "2097151" })),
  );
  t.match(disks, { kind: "found", value: [{ name: "sda", kind: "ssd", sizeBytes: 1_000_204_886_016 }] });
  t.equal(disks.kind === "found" && disks.value.length, 1, "no layers, no memory, no drive for discs");
  t.match(await readDisks(makeSimHost(makeTree({}))), { kind: "absent" });
});

test("mounts", (t) => {
  const mounts = parseMountinfo(
    "36 35 98:0 /mnt1 /with\\040space rw,noatime master:1 propagate_from:2 - ext3 /dev/root rw,errors=continue\nbroken line\n1 2 3\n",
  );
  t.equal(mounts.length, 1);
  t.match(mounts[0], {
    deviceNumber: "98:0",
    root: "/mnt1",
    mountPoint: "/with space",
    fileSystem: "ext3",
    source: "/dev/root",
    readOnly: false,
  });
  const stacked = parseMountinfo(
    "1 0 8:1 / / rw - ext4 a rw\n2 1 8:2 / /d rw - ext4 b rw\n3 1 8:3 / /d rw - ext4 c rw\n4 1 8:4 / /data rw - ext4 e rw\n",
  );
  t.equal(mountOf("/d/x", stacked)?.source, "c", "the latest of two at one place");
  t.equal(mountOf("/dx", stacked)?.source, "a", "a name that only begins alike is another one");
  t.end();
});
