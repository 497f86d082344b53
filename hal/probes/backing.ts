/** What stands behind a mount: a disk, bare flash, memory or another machine, looked for through overlays, loops and layers. */
import type { Host } from "../host.ts";
import { MAX_LAYERS } from "../limits.ts";
import { known } from "../probe-result.ts";
import { blockDeviceName, type DiskKind, findDiskUnder } from "./disks.ts";
import { isBelow, type Mount, mountOf } from "./mounts.ts";
import { readAttribute } from "./text.ts";

const FLASH_FILE_SYSTEMS: ReadonlySet<string> = new Set(["jffs2", "ubifs", "yaffs", "yaffs2"]);
const MEMORY_FILE_SYSTEMS: ReadonlySet<string> = new Set(["tmpfs", "ramfs", "rootfs", "devtmpfs"]);
const NETWORK_FILE_SYSTEM =
  /^(nfs4?|cifs|smb3|smbfs|9p|virtiofs|ceph|glusterfs|afs|coda|lustre|beegfs|fuse\.(sshfs|s3fs|rclone))$/;

/** What holds a mount's data. */
export interface Backing {
  /** The disk's name, or what was mounted where there is no disk. */
  readonly device: string;
  /** Undefined where what is beneath cannot be seen, as in most containers. */
  readonly kind: DiskKind | undefined;
}

/** Whether a file system is somebody else's: asking it for its size may wait for a machine that is gone. */
export function isRemote(fileSystem: string): boolean {
  return NETWORK_FILE_SYSTEM.test(fileSystem) || /^fuse(\.|$)/.test(fileSystem);
}

/** Whether a file system lies in memory and is gone after a restart. */
export function isMemory(fileSystem: string): boolean {
  return MEMORY_FILE_SYSTEMS.has(fileSystem);
}

/** Finds what holds a mount. `layers` bounds how many overlays and loops are looked through. */
export async function findBacking(host: Host, mount: Mount, mounts: readonly Mount[], layers = MAX_LAYERS): Promise<Backing> {
  const { fileSystem, source } = mount;
  if (FLASH_FILE_SYSTEMS.has(fileSystem)) return { device: source, kind: "mtd" };
  if (isMemory(fileSystem)) return { device: source, kind: "ram" };
  if (NETWORK_FILE_SYSTEM.test(fileSystem)) return { device: source, kind: "network" };
  const beneath = fileSystem === "overlay" ? upperMount(mount, mounts) : undefined;
  if (beneath !== undefined && layers > 0) return findBacking(host, beneath, mounts, layers - 1);
  // By device number, which also finds `/dev/root`; file systems of several devices have none and are found by their source.
  const name = (await blockDeviceName(host, mount.deviceNumber)) ?? /^\/dev\/([\w-]+)$/.exec(source)?.[1];
  const loop = /^loop\d+/.exec(name ?? "")?.[0];
  if (loop !== undefined) return (await findUnderLoop(host, loop, mounts, layers)) ?? { device: source, kind: undefined };
  const disk = name === undefined ? undefined : await findDiskUnder(host, name, MAX_LAYERS);
  return { device: disk?.name ?? source, kind: disk?.kind };
}

/**
 * The mount that an overlay writes to. In a container the path of its upper layer is the host's, and leads nowhere or back to the
 * overlay itself, so a mount that does not lie apart from it says nothing.
 */
export function upperMount(overlay: Mount, mounts: readonly Mount[]): Mount | undefined {
  const upper = overlay.options.find((option) => option.startsWith("upperdir="))?.slice("upperdir=".length);
  const mount = upper === undefined ? undefined : mountOf(upper, mounts);
  return mount === undefined || mount === overlay || isBelow(overlay.mountPoint, mount.mountPoint) ? undefined : mount;
}

/**
 * A loop stands on a file or on a device: OpenWrt's writable layer is a loop over the rest of the partition that holds its image, and
 * gives that partition's name from a `/dev` of its own time, so the name alone counts.
 */
async function findUnderLoop(host: Host, loop: string, mounts: readonly Mount[], layers: number): Promise<Backing | undefined> {
  const path = await readAttribute(host, `/sys/class/block/${loop}/loop/backing_file`);
  if (path === undefined || layers === 0) return undefined;
  const device = /^\/(?:dev\/)?([\w-]+)$/.exec(path)?.[1];
  if (device !== undefined && known(await host.readLink(`/sys/class/block/${device}`)) !== undefined) {
    const disk = await findDiskUnder(host, device, layers);
    return disk === undefined ? undefined : { device: disk.name, kind: disk.kind };
  }
  const mount = mountOf(path, mounts);
  return mount === undefined ? undefined : findBacking(host, mount, mounts, layers - 1);
}
