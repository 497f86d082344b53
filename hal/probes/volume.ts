/** The file system that holds the data directory, and the disk that holds the file system. */
import type { Host, VolumeSize } from "../host.ts";
import { MAX_LAYERS } from "../limits.ts";
import { failed, found, type ProbeResult } from "../probe-result.ts";
import { blockDeviceName, type DiskKind, findDiskUnder } from "./disks.ts";
import { isBelow, type Mount, mountOf, readMounts } from "./mounts.ts";
import { cleanText } from "./text.ts";

/** Where data would be kept. */
export interface VolumeFacts {
  /** The data directory or, while it does not exist, the nearest directory above it that does; links followed. */
  readonly path: string;
  readonly mountPoint: string;
  /** As the kernel names it: ext4, btrfs, ubifs, overlay ... */
  readonly fileSystem: string;
  /** The disk's name, or what was mounted where there is no disk. */
  readonly device: string | undefined;
  /** Undefined where what is beneath cannot be seen, as in most containers. */
  readonly kind: DiskKind | undefined;
  readonly totalBytes: number;
  /** Bytes that a process without privileges may still use. */
  readonly freeBytes: number;
  readonly readOnly: boolean;
}

/** Reads the volume that holds, or will hold, `directory` (an absolute path). */
export async function readVolume(host: Host, directory: string): Promise<ProbeResult<VolumeFacts>> {
  const size = await readNearestSize(host, directory);
  if (size.kind !== "found") return size;
  const mounts = await readMounts(host);
  if (mounts.kind !== "found") return mounts;
  const mount = mountOf(size.value.realPath, mounts.value);
  if (mount === undefined) return failed("malformed", `no mount in /proc/self/mountinfo holds ${size.value.realPath}`);
  const { device, kind } = await findBacking(host, mount, mounts.value, MAX_LAYERS);
  return found({
    path: size.value.realPath,
    mountPoint: mount.mountPoint,
    fileSystem: cleanText(mount.fileSystem) ?? "unknown",
    device: cleanText(device),
    kind,
    totalBytes: size.value.totalBytes,
    freeBytes: size.value.freeBytes,
    readOnly: mount.readOnly,
  });
}

/** Of the directory itself or, while it does not exist, of the nearest one above it that does. */
async function readNearestSize(host: Host, directory: string): Promise<ProbeResult<VolumeSize>> {
  const parts = directory.split("/").filter((part) => part !== "");
  for (let length = parts.length; length > 0; length--) {
    const size = await host.readVolumeSize(`/${parts.slice(0, length).join("/")}`);
    if (size.kind !== "absent") return size;
  }
  return host.readVolumeSize("/");
}

const FLASH_FILE_SYSTEMS: ReadonlySet<string> = new Set(["jffs2", "ubifs", "yaffs", "yaffs2"]);
const MEMORY_FILE_SYSTEMS: ReadonlySet<string> = new Set(["tmpfs", "ramfs", "rootfs", "devtmpfs"]);
const NETWORK_FILE_SYSTEM = /^(nfs4?|cifs|smb3|9p|virtiofs|ceph|glusterfs|fuse\.(sshfs|s3fs|rclone))$/;

async function findBacking(
  host: Host,
  mount: Mount,
  mounts: readonly Mount[],
  layers: number,
): Promise<{ device: string | undefined; kind: DiskKind | undefined }> {
  const { fileSystem, source } = mount;
  if (FLASH_FILE_SYSTEMS.has(fileSystem)) return { device: source, kind: "mtd" };
  if (MEMORY_FILE_SYSTEMS.has(fileSystem)) return { device: source, kind: "ram" };
  if (NETWORK_FILE_SYSTEM.test(fileSystem)) return { device: source, kind: "network" };
  const beneath = fileSystem === "overlay" ? upperMount(mount, mounts) : undefined;
  if (beneath !== undefined && layers > 0) return findBacking(host, beneath, mounts, layers - 1);
  const disk = await findDisk(host, mount);
  return { device: disk?.name ?? source, kind: disk?.kind };
}

/**
 * What an overlay writes to. In a container the path of its upper layer is the host's, and leads nowhere or back to the overlay
 * itself, so a mount that does not lie apart from it says nothing.
 */
function upperMount(overlay: Mount, mounts: readonly Mount[]): Mount | undefined {
  const upper = overlay.options.find((option) => option.startsWith("upperdir="))?.slice("upperdir=".length);
  const mount = upper === undefined ? undefined : mountOf(upper, mounts);
  return mount === undefined || mount === overlay || isBelow(overlay.mountPoint, mount.mountPoint) ? undefined : mount;
}

/** By device number, which also finds `/dev/root`; file systems of several devices have none and are found by their source. */
async function findDisk(host: Host, mount: Mount) {
  const name = (await blockDeviceName(host, mount.deviceNumber)) ?? /^\/dev\/([\w-]+)$/.exec(mount.source)?.[1];
  return name === undefined ? undefined : findDiskUnder(host, name, MAX_LAYERS);
}
