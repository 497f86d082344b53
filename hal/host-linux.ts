import { opendir, readlink, realpath, statfs } from "node:fs/promises";
import { BaseError, messageOf, readFileBounded } from "../base/index.ts";
import type { Host } from "./host.ts";
import { MAX_DIRECTORY_ENTRIES } from "./limits.ts";
import { absent, failed, found, type ProbeResult } from "./probe-result.ts";

/** Which tree to read. */
export interface LinuxHostOptions {
  /**
   * A directory that holds a captured machine (`proc/`, `sys/`, ... below it). Absolute links inside it lead out of it, and it has
   * no volumes. Undefined: this machine.
   */
  readonly root?: string;
}

/** The kernel's files of this machine, or those of a captured one. */
export function makeLinuxHost(options: LinuxHostOptions = {}): Host {
  const { root = "" } = options;
  return {
    readText: (path, maxBytes) =>
      answered(path, async () => found(Buffer.from(await readFileBounded(root + path, maxBytes)).toString("utf8"))),
    list: (path) => answered(path, () => listDirectory(root + path, path)),
    readLink: (path) => answered(path, async () => found(await readlink(root + path))),
    readVolumeSize: async (path) => {
      if (root !== "") return absent("a captured tree has no volumes");
      return answered(path, async () => {
        const realPath = await realpath(path);
        const { bsize, blocks, bavail } = await statfs(realPath);
        return found({ realPath, totalBytes: blocks * bsize, freeBytes: bavail * bsize });
      });
    },
  };
}

async function listDirectory(realPath: string, path: string): Promise<ProbeResult<readonly string[]>> {
  const names: string[] = [];
  for await (const entry of await opendir(realPath, { bufferSize: 256 })) {
    if (names.length === MAX_DIRECTORY_ENTRIES) {
      return failed("too-large", `${path} has more than ${MAX_DIRECTORY_ENTRIES} entries`);
    }
    names.push(entry.name);
  }
  return found(names.sort());
}

/** Errors by which the kernel says that there is no such thing, or no value for it (errno(3)). */
const ABSENT_CODES: ReadonlySet<string> = new Set([
  "ENOENT",
  "ENOTDIR",
  "EINVAL",
  "ENODEV",
  "ENXIO",
  "ENODATA",
  "ENOTSUP",
  "EOPNOTSUPP",
]);

async function answered<Value>(path: string, ask: () => Promise<ProbeResult<Value>>): Promise<ProbeResult<Value>> {
  try {
    return await ask();
  } catch (thrown) {
    if (thrown instanceof BaseError && thrown.code === "file-too-large") return failed("too-large", `${path} is too large`);
    const cause = thrown instanceof BaseError ? thrown.cause : thrown;
    const code = (cause as NodeJS.ErrnoException | undefined)?.code ?? "";
    if (ABSENT_CODES.has(code)) return absent(`${path} is not there`);
    if (code === "EACCES" || code === "EPERM") return failed("denied", `no permission to read ${path}`);
    return failed("unreadable", `cannot read ${path}: ${code === "" ? messageOf(thrown) : code}`);
  }
}
