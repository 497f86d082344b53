/** The file system that holds the data directory, and the disk that holds the file system. */
import type { Host, VolumeSize } from "../host.ts";
import { failed, found, type ProbeResult } from "../probe-result.ts";
import { findBacking } from "./backing.ts";
import type { DiskKind } from "./disks.ts";
import { mountOf, readMounts } from "./mounts.ts";
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
  const { device, kind } = await findBacking(host, mount, mounts.value);
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
