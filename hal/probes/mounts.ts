/**
 * Mounted file systems, from /proc/self/mountinfo
 * (https://docs.kernel.org/filesystems/proc.html, "/proc/<pid>/mountinfo").
 */
import type { Host } from "../host.ts";
import { MAX_KERNEL_FILE_BYTES } from "../limits.ts";
import { failed, found, type ProbeResult } from "../probe-result.ts";

/** One mounted file system. */
export interface Mount {
  /** Device number as `major:minor`; major 0 where no block device stands behind it. */
  readonly deviceNumber: string;
  /** The part of the file system that is mounted; `/` for all of it. */
  readonly root: string;
  readonly mountPoint: string;
  readonly fileSystem: string;
  /** What was mounted: `/dev/sda1`, `overlay`, `server:/share`. */
  readonly source: string;
  readonly readOnly: boolean;
  /** Options of the file system as a whole, as `name` or `name=value`. */
  readonly options: readonly string[];
}

/** Reads the mounts that this process sees, in the order in which they were made. */
export async function readMounts(host: Host): Promise<ProbeResult<readonly Mount[]>> {
  const text = await host.readText("/proc/self/mountinfo", MAX_KERNEL_FILE_BYTES);
  if (text.kind !== "found") return text;
  const mounts = parseMountinfo(text.value);
  if (!text.value.endsWith("\n")) return failed("malformed", "/proc/self/mountinfo is cut off");
  return mounts.length === 0 ? failed("malformed", "/proc/self/mountinfo names no mount") : found(mounts);
}

/** The mounts in a mountinfo file; lines that are none are left out. */
export function parseMountinfo(text: string): readonly Mount[] {
  return text.split("\n").flatMap((line) => {
    // The optional fields in the middle vary in number; a single dash ends them.
    const [before, after] = line.split(" - ", 2);
    const [, , deviceNumber, root, mountPoint, mountOptions] = before?.split(" ") ?? [];
    const [fileSystem, source, superOptions = ""] = after?.split(" ") ?? [];
    if (!deviceNumber || !root || !mountPoint || !mountOptions || !fileSystem || source === undefined) return [];
    const options = superOptions.split(",").map(unescapeOctal);
    return {
      deviceNumber,
      root: unescapeOctal(root),
      mountPoint: unescapeOctal(mountPoint),
      fileSystem,
      source: unescapeOctal(source),
      readOnly: mountOptions.split(",").includes("ro") || options.includes("ro"),
      options,
    };
  });
}

/** The mount that a path (with links followed) lies on: the longest mount point above it, the latest of equal ones. */
export function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
  let best: Mount | undefined;
  for (const mount of mounts) {
    if (isBelow(path, mount.mountPoint) && mount.mountPoint.length >= (best?.mountPoint.length ?? 0)) best = mount;
  }
  return best;
}

/** Whether `path` is `directory` or lies somewhere in it. */
export function isBelow(path: string, directory: string): boolean {
  return directory === "/" || path === directory || path.startsWith(`${directory}/`);
}

/** Space, tab, newline and backslash come as \040 and so on. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
