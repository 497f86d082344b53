/** Every file system of a machine, what its root is, and that a dead one hides no other. */
import { test } from "tap";
import { found, type Host } from "../../../hal/index.ts";
import { parseMountinfo } from "../../../hal/probes/mounts.ts";
import { chooseVolumes, readVolumes } from "../../../hal/probes/volumes.ts";
import { makeSimHost, makeTree, type Node } from "../../sim/machine-tree.ts";

const NEVER = new Promise<never>(() => undefined);
const SIZE = { realPath: "/", totalBytes: 1000, freeBytes: 400 };

async function volumesOf(
  mountinfo: string,
  nodes: Record<string, Node> = {},
  host?: Partial<Host>,
  patience: Promise<unknown> = NEVER,
) {
  const paths = parseMountinfo(mountinfo).map((mount) => [mount.mountPoint, SIZE]);
  const sim = makeSimHost(makeTree({ ...nodes, "/proc/self/mountinfo": mountinfo }, Object.fromEntries(paths)));
  const volumes = await readVolumes({ ...sim, ...host }, patience);
  if (volumes.kind !== "found") throw new Error(JSON.stringify(volumes));
  return volumes.value;
}

const PSEUDO = `22 27 0:21 / /proc rw - proc proc rw
23 27 0:22 / /sys rw - sysfs sysfs rw
24 27 0:6 / /dev rw - devtmpfs devtmpfs rw
25 24 0:23 / /dev/shm rw - tmpfs tmpfs rw
26 27 0:24 / /run rw - tmpfs tmpfs rw
`;

/** A disk with two partitions. */
const NVME: Readonly<Record<string, Node>> = {
  "/sys/block/nvme0n1": { link: "../devices/pci0000:00/0000:00:1d.0/nvme/nvme0/nvme0n1" },
  "/sys/devices/pci0000:00/0000:00:1d.0/nvme/nvme0/nvme0n1/size": "2000409264\n",
  "/sys/class/block/nvme0n1": { link: "../../devices/pci0000:00/0000:00:1d.0/nvme/nvme0/nvme0n1" },
  "/sys/class/block/nvme0n1p2": { link: "../../devices/pci0000:00/0000:00:1d.0/nvme/nvme0/nvme0n1/nvme0n1p2" },
  "/sys/dev/block/259:2": { link: "../../devices/pci0000:00/0000:00:1d.0/nvme/nvme0/nvme0n1/nvme0n1p2" },
};

test("a PC: one entry for each file system", async (t) => {
  const { root, mounted } = await volumesOf(
    `${PSEUDO}27 1 259:2 / / rw - ext4 /dev/nvme0n1p2 rw
28 27 259:2 /srv/data /data rw - ext4 /dev/nvme0n1p2 rw
29 27 259:1 / /boot/efi rw - vfat /dev/nvme0n1p1 rw
30 27 7:3 / /snap/core/1 ro - squashfs /dev/loop3 ro
31 27 0:50 / /var/lib/docker/overlay2/1/merged rw - overlay overlay rw,upperdir=/var/lib/docker/overlay2/1/diff
32 27 0:51 / /tmp rw - tmpfs tmpfs rw
`,
    NVME,
  );
  t.same(root, { kind: "ordinary", fileSystem: "ext4", upper: undefined });
  t.same(
    mounted.map(({ mountPoint, kind, freeBytes, readOnly }) => [mountPoint, kind, freeBytes, readOnly]),
    [
      ["/", "nvme", 400, false],
      ["/boot/efi", undefined, 400, false],
      ["/tmp", "ram", 400, false],
      ["/snap/core/1", undefined, 400, true],
    ],
  );
});

/** SYNTHETIC, after OpenWrt's documents: its root on NAND, on a loop over the rest of a card, and moved to a stick. */
const OVERLAY = "20 15 0:19 / / rw - overlay overlayfs:/overlay rw,lowerdir=/,upperdir=/overlay/upper,workdir=/overlay/work\n";
const ROM = "15 1 31:9 / /rom ro - squashfs /dev/root ro\n";

test("a router's root", async (t) => {
  const nand = await volumesOf(`${ROM}21 20 0:18 / /overlay rw - ubifs /dev/ubi0_2 rw\n${OVERLAY}`);
  t.same(nand.root, {
    kind: "overlay",
    fileSystem: "overlay",
    upper: { fileSystem: "ubifs", device: "/dev/ubi0_2", kind: "mtd" },
  });
  t.same(
    nand.mounted.map(({ mountPoint, kind }) => [mountPoint, kind]),
    [
      ["/", "mtd"],
      ["/overlay", "mtd"],
      ["/rom", undefined],
    ],
  );
  const card = {
    "/sys/block/mmcblk0": { link: "../devices/platform/mmc0/mmc0:0001/block/mmcblk0" },
    "/sys/devices/platform/mmc0/mmc0:0001/block/mmcblk0/size": "62333952\n",
    "/sys/devices/platform/mmc0/mmc0:0001/block/mmcblk0/device/type": "SD\n",
    "/sys/class/block/mmcblk0p2": { link: "../../devices/platform/mmc0/mmc0:0001/block/mmcblk0/mmcblk0p2" },
    "/sys/dev/block/7:0": { link: "../../devices/virtual/block/loop0" },
    "/sys/class/block/loop0/loop/backing_file": "/mmcblk0p2\n",
  };
  const loop = await volumesOf(`${ROM}21 20 7:0 / /overlay rw - f2fs /dev/loop0 rw\n${OVERLAY}`, card);
  t.match(loop.root, { kind: "overlay", upper: { fileSystem: "f2fs", device: "mmcblk0", kind: "sd" } });
  const unset = await volumesOf(`${ROM}21 20 0:18 / /overlay rw - tmpfs tmpfs rw\n${OVERLAY}`);
  t.match(unset.root, { kind: "overlay", upper: { kind: "ram" } }, "flash that is not ready yet: nothing is kept");
  const live = "1 0 0:1 / / rw - overlay overlay rw,lowerdir=/x,upperdir=/cow/upper\n";
  t.same((await volumesOf(live)).root, { kind: "overlay", fileSystem: "overlay", upper: undefined }, "a layer that is not seen");
});

test("other roots", async (t) => {
  const kindOf = async (line: string) => (await volumesOf(line)).root?.kind;
  t.equal(await kindOf("1 0 31:9 / / ro - squashfs /dev/root ro\n"), "read-only");
  t.equal(await kindOf("1 0 8:1 / / ro - ext4 /dev/sda1 rw\n"), "read-only");
  t.equal(await kindOf("1 0 0:1 / / rw - tmpfs none rw\n"), "memory");
  t.equal(await kindOf("1 0 0:1 / / rw - rootfs rootfs rw\n"), "memory");
  t.equal(await kindOf("1 0 0:1 / / rw - overlay overlay rw,lowerdir=/a:/b\n"), "read-only", "an overlay without an upper layer");
  t.equal(await kindOf("1 0 0:1 / / rw - rootfs rootfs rw\n2 1 8:1 / / rw - ext4 a rw\n"), "ordinary", "the latest at one place");
});

test("a file on a disk behind a loop", async (t) => {
  const nodes = {
    ...NVME,
    "/sys/dev/block/7:1": { link: "x/loop1" },
    "/sys/class/block/loop1/loop/backing_file": "/srv/image.ext4\n",
  };
  const { mounted } = await volumesOf("27 1 259:2 / / rw - ext4 a rw\n28 27 7:1 / /mnt rw - ext4 /dev/loop1 rw\n", nodes);
  t.match(mounted[1], { mountPoint: "/mnt", device: "nvme0n1", kind: "nvme" });
  const circle = { "/sys/dev/block/7:1": { link: "x/loop1" }, "/sys/class/block/loop1/loop/backing_file": "/mnt/in/itself\n" };
  const turning = await volumesOf("28 27 7:1 / /mnt rw - ext4 /dev/loop1 rw\n", circle);
  t.match(turning.mounted, [{ device: "/dev/loop1", kind: undefined }], "one that stands on itself ends");
});

test("dead file systems hide no other, and remote ones are not asked", async (t) => {
  const asked: string[] = [];
  const hanging = new Set(["/a"]);
  const readVolumeSize = (path: string) => {
    asked.push(path);
    return hanging.has(path) ? NEVER : Promise.resolve(found(SIZE));
  };
  const lines = ["/a", "/b", "/c", "/d"].map((path, index) => `${index} 1 8:${index} / ${path} rw - ext4 /dev/sda${index} rw\n`);
  const remote =
    "7 1 0:70 / /nas rw - nfs4 nas:/x rw\n8 1 0:71 / /far rw - fuse.sshfs far:/x rw\n9 1 0:72 / /own rw - fuse own rw\n";
  let giveUp = (): void => undefined;
  const patience = new Promise<void>((resolve) => {
    giveUp = resolve;
  });
  const reading = volumesOf(lines.join("") + remote, {}, { readVolumeSize }, patience);
  await new Promise((resolve) => setImmediate(resolve));
  giveUp();
  const { mounted } = await reading;
  t.same(
    mounted.map(({ mountPoint, freeBytes, kind }) => [mountPoint, freeBytes, kind]),
    [
      ["/a", undefined, undefined],
      ["/b", 400, undefined],
      ["/c", 400, undefined],
      ["/d", 400, undefined],
      ["/far", undefined, "network"],
      ["/nas", undefined, "network"],
      ["/own", undefined, undefined],
    ],
  );
  t.match(mounted[0]?.sizeUnknown, /did not answer/);
  t.match(mounted[5]?.sizeUnknown, /not asked: nfs4/);
  t.same(asked, ["/a", "/b", "/c", "/d"]);

  hanging.add("/b");
  asked.length = 0;
  const worse = await volumesOf(lines.join(""), {}, { readVolumeSize }, Promise.resolve());
  t.equal(worse.mounted.length, 4);
  t.same(asked, ["/a", "/b"], "two that hang hold two of the four threads, and no more are risked");
});

test("at most 64, writable ones first", (t) => {
  const lines = Array.from(
    { length: 200 },
    (_, index) => `${index} 1 7:${index} / /s/${index} ${index === 150 ? "rw" : "ro"} - squashfs x ro\n`,
  );
  const chosen = chooseVolumes(parseMountinfo(`${lines.join("")}900 1 8:1 / /z rw - ext4 /dev/sda1 rw\n`));
  t.equal(chosen.length, 64);
  t.equal(chosen[0]?.mountPoint, "/z");
  t.end();
});
