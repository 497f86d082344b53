/**
 * Every file system that holds data here (/proc/self/mountinfo and statfs(2)), and what the root is: on routers mostly an overlay
 * over a read-only image, which decides where something may be kept.
 */
import type { Host } from "../host.ts";
import { MAX_VOLUMES } from "../limits.ts";
import { absent, failed, found, known, type ProbeResult, whyMissing } from "../probe-result.ts";
import { findBacking, isMemory, isRemote, upperMount } from "./backing.ts";
import type { DiskKind } from "./disks.ts";
import { isBelow, type Mount, mountOf, readMounts } from "./mounts.ts";
import { cleanText } from "./text.ts";

/** One mounted file system. */
export interface MountedVolume {
  readonly mountPoint: string;
  /** As the kernel names it: ext4, btrfs, ubifs, overlay ... */
  readonly fileSystem: string;
  /** The disk's name, or what was mounted where there is no disk. */
  readonly device: string | undefined;
  /** Undefined where what is beneath cannot be seen. */
  readonly kind: DiskKind | undefined;
  /** Undefined where it was not asked for, or no answer came; `sizeUnknown` says why. */
  readonly totalBytes: number | undefined;
  /** Bytes that a process without privileges may still use. */
  readonly freeBytes: number | undefined;
  readonly sizeUnknown: string | undefined;
  readonly readOnly: boolean;
}

/** What `/` is. */
export interface RootFileSystem {
  /**
   * `overlay`: writes go to `upper`. `read-only`: an image such as squashfs, or a disk mounted so. `memory`: writes are gone after a
   * restart, as in an initramfs or a live system. `ordinary`: a file system on a disk.
   */
  readonly kind: "ordinary" | "read-only" | "overlay" | "memory";
  readonly fileSystem: string;
  /** What an overlay writes to; its kind `ram` means that nothing is kept. Undefined where that cannot be seen, as in a container. */
  readonly upper: Pick<MountedVolume, "fileSystem" | "device" | "kind"> | undefined;
}

/** The file systems here. */
export interface VolumesFacts {
  readonly root: RootFileSystem | undefined;
  /** Writable ones first, by mount point; at most MAX_VOLUMES. */
  readonly mounted: readonly MountedVolume[];
}

/**
 * Reads the file systems. `patience` ends the wait for sizes: a device that died while mounted never answers, and must not hide the
 * others. File systems of other machines and of programs (FUSE) are listed without being asked at all.
 */
export async function readVolumes(host: Host, patience: Promise<unknown>): Promise<ProbeResult<VolumesFacts>> {
  const mounts = await readMounts(host);
  if (mounts.kind !== "found") return mounts;
  const chosen = chooseVolumes(mounts.value);
  const sizes = await readSizes(host, chosen, patience);
  const mounted: MountedVolume[] = [];
  for (const [index, mount] of chosen.entries()) {
    const size = sizes[index] ?? NO_ANSWER;
    const { device, kind } = await findBacking(host, mount, mounts.value);
    mounted.push({
      mountPoint: cleanText(mount.mountPoint) ?? "/",
      fileSystem: cleanText(mount.fileSystem) ?? "unknown",
      device: cleanText(device),
      kind,
      totalBytes: known(size)?.totalBytes,
      freeBytes: known(size)?.freeBytes,
      sizeUnknown: whyMissing(size),
      readOnly: mount.readOnly,
    });
  }
  return found({ root: await readRoot(host, mounts.value), mounted });
}

/** File systems that the kernel or a program makes up, and that hold nobody's data. */
const PSEUDO =
  /^(autofs|binder|bpf|binfmt_misc|cgroup2?|configfs|debugfs|devpts|devtmpfs|efivarfs|fusectl|hugetlbfs|mqueue|nfsd|nsfs|proc|pstore|ramfs|resctrl|rootfs|rpc_pipefs|securityfs|selinuxfs|smackfs|sysfs|tracefs|fuse\.(lxcfs|gvfsd-fuse|portal|snapfuse))$/;

/** Where the system's own small file systems in memory lie. */
const SYSTEM_DIRECTORIES = ["/dev", "/proc", "/sys", "/run"];

/**
 * The mounts worth naming: one for each file system, the whole of it rather than a part, the shortest mount point of equal ones.
 * Left out are pseudo file systems, memory in the system's own directories, overlays that are not the root (a container's, which
 * take their space from a file system listed anyway), and what a later mount at the same place hides.
 */
export function chooseVolumes(mounts: readonly Mount[]): readonly Mount[] {
  const visible = new Map(mounts.map((mount) => [mount.mountPoint, mount]));
  const byDevice = new Map<string, Mount>();
  for (const mount of visible.values()) {
    const { fileSystem, mountPoint, deviceNumber } = mount;
    if (PSEUDO.test(fileSystem) || (fileSystem === "overlay" && mountPoint !== "/")) continue;
    if (isMemory(fileSystem) && SYSTEM_DIRECTORIES.some((directory) => isBelow(mountPoint, directory))) continue;
    const other = byDevice.get(deviceNumber);
    if (other === undefined || comparePreference(mount, other) < 0) byDevice.set(deviceNumber, mount);
  }
  return [...byDevice.values()].sort(compareOrder).slice(0, MAX_VOLUMES);
}

/** A whole file system before a part of one; then the shorter mount point. */
function comparePreference(left: Mount, right: Mount): number {
  return Number(left.root !== "/") - Number(right.root !== "/") || left.mountPoint.length - right.mountPoint.length;
}

function compareOrder(left: Mount, right: Mount): number {
  return Number(left.readOnly) - Number(right.readOnly) || (left.mountPoint < right.mountPoint ? -1 : 1);
}

type Size = ProbeResult<{ readonly totalBytes: number; readonly freeBytes: number }>;

const NO_ANSWER = failed("timeout", "the file system did not answer in time");

/** Reads asked at a time. Each that hangs holds one of the four threads that all file access of this program shares. */
const LANES = 2;

async function readSizes(
  host: Host,
  mounts: readonly Mount[],
  patience: Promise<unknown>,
): Promise<readonly (Size | undefined)[]> {
  const sizes: (Size | undefined)[] = mounts.map(() => undefined);
  const queue = mounts.entries();
  let isOver = false;
  const lane = async (): Promise<void> => {
    for (const [index, { mountPoint, fileSystem }] of queue) {
      if (isOver) return;
      sizes[index] = isRemote(fileSystem)
        ? absent(`not asked: ${fileSystem} may wait for another machine or program`)
        : await host.readVolumeSize(mountPoint);
    }
  };
  const lanes = Array.from({ length: LANES }, lane);
  await Promise.race([Promise.all(lanes), patience]);
  isOver = true;
  // A copy, so that an answer that comes late changes nothing.
  return [...sizes];
}

async function readRoot(host: Host, mounts: readonly Mount[]): Promise<RootFileSystem | undefined> {
  const root = mountOf("/", mounts);
  if (root === undefined) return undefined;
  const fileSystem = cleanText(root.fileSystem) ?? "unknown";
  const beneath = root.fileSystem === "overlay" ? upperMount(root, mounts) : undefined;
  if (beneath === undefined) return { kind: kindOfRoot(root), fileSystem, upper: undefined };
  const { device, kind } = await findBacking(host, beneath, mounts);
  const upper = { fileSystem: cleanText(beneath.fileSystem) ?? "unknown", device: cleanText(device), kind };
  return { kind: kindOfRoot(root), fileSystem, upper };
}

/** Tells what a root is from its mount. Pure. An overlay without an upper layer is as read-only as one mounted so. */
export function kindOfRoot({ fileSystem, readOnly, options }: Mount): RootFileSystem["kind"] {
  const isWritableOverlay = fileSystem === "overlay" && options.some((option) => option.startsWith("upperdir="));
  if (isMemory(fileSystem)) return "memory";
  if (readOnly || /^(squashfs|erofs|cramfs|romfs|iso9660)$/.test(fileSystem)) return "read-only";
  return fileSystem === "overlay" ? (isWritableOverlay ? "overlay" : "read-only") : "ordinary";
}
