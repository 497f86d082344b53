import { opendir, readlink, realpath, statfs } from "node:fs/promises";
import { resolve } from "node:path";
import { BaseError, messageOf, readFileBounded } from "../base/index.ts";
import { type CapturedPlace, findInTree } from "./captures/captured-tree-linux.ts";
import type { Host } from "./host.ts";
import { MAX_DIRECTORY_ENTRIES } from "./limits.ts";
import { absent, failed, found, type ProbeResult } from "./probe-result.ts";

/** Which tree to read. */
export interface LinuxHostOptions {
  /**
   * A directory that holds a captured machine (`proc/`, `sys/`, `etc/`, `tmp/sysinfo/` ... below it). It may come from anybody:
   * links in it, absolute ones too, count from this directory and never lead out of it, pipes and devices in it are not opened,
   * and it has no volumes. Undefined: this machine.
   */
  readonly root?: string;
}

/** The kernel's files of this machine, or those of a captured one. */
export function makeLinuxHost(options: LinuxHostOptions = {}): Host {
  return options.root === undefined || options.root === "" ? makeLiveHost() : makeCapturedHost(resolve(options.root));
}

function makeLiveHost(): Host {
  return {
    readText: (path, maxBytes) => answered(path, () => readBounded(path, maxBytes)),
    list: (path) => answered(path, () => listDirectory(path, path)),
    readLink: (path) => answered(path, async () => found(await readlink(path))),
    readVolumeSize: (path) =>
      answered(path, async () => {
        const realPath = await realpath(path);
        const { bsize, blocks, bavail } = await statfs(realPath);
        return found({ realPath, totalBytes: blocks * bsize, freeBytes: bavail * bsize });
      }),
  };
}

function makeCapturedHost(root: string): Host {
  const located = <Value>(
    path: string,
    followLast: boolean,
    ask: (place: CapturedPlace) => Promise<ProbeResult<Value>>,
  ): Promise<ProbeResult<Value>> =>
    answered(path, async () => {
      const place = await findInTree(root, path, followLast);
      if (place === undefined) return failed("unreadable", `cannot read ${path}: its links go round in a circle`);
      return place.is === undefined ? absent(`${path} is not there`) : ask(place);
    });
  return {
    readText: (path, maxBytes) =>
      located(path, true, async ({ realPath, is }) => {
        // Opening a device can start something, so it is not even tried.
        if (is === "other") return failed("unreadable", `cannot read ${path}: a pipe, socket or device`);
        return readBounded(realPath, maxBytes);
      }),
    list: (path) => located(path, true, ({ realPath }) => listDirectory(realPath, path)),
    readLink: (path) => located(path, false, async ({ realPath }) => found(await readlink(realPath))),
    readVolumeSize: async () => absent("a captured tree has no volumes"),
  };
}

async function readBounded(realPath: string, maxBytes: number): Promise<ProbeResult<string>> {
  return found(Buffer.from(await readFileBounded(realPath, maxBytes)).toString("utf8"));
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
