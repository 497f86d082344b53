import { randomFillSync } from "node:crypto";
import { closeSync, constants, fdatasyncSync, fsyncSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { MAX_WRITES_PER_SLICE, SLICE_MS, SLICES } from "../limits.ts";
import type { SlicePort } from "./slices.ts";

export const BLOCK_BYTES = 4096;
export const FILE_BYTES = 256 * BLOCK_BYTES;

/** Odd, so that stepping by it visits all 256 blocks before it comes back; and no two in a row are neighbours. */
const STEP = 97;

/**
 * The work of the disk measurement: writes one block after the other at scattered places of a small file, each on stable storage
 * before the next. The file has no name in its directory, so nothing is left of it however this ends.
 */
export async function runDiskSlices(port: SlicePort, directory: string): Promise<void> {
  let file: ScratchFile;
  try {
    file = openScratchFile(directory);
  } catch (thrown) {
    return failWith(port, thrown, directory);
  }
  try {
    await port.ready({ direct: file.direct });
    for (let slice = 0, written = 0; slice < SLICES; slice++) {
      const startMs = performance.now();
      let count = 0;
      let elapsedMs = 0;
      while (elapsedMs < SLICE_MS && count < MAX_WRITES_PER_SLICE) {
        file.writeBlock(written++);
        count++;
        elapsedMs = performance.now() - startMs;
      }
      port.slice({ count, elapsedMs });
    }
  } catch (thrown) {
    failWith(port, thrown, directory);
  } finally {
    file.close();
  }
}

interface ScratchFile {
  readonly direct: boolean;
  writeBlock(index: number): void;
  close(): void;
}

/** Direct I/O where the file system has it, else through the page cache, which fdatasync empties each time. */
function openScratchFile(directory: string): ScratchFile {
  const bytes = new Uint8Array(FILE_BYTES + BLOCK_BYTES);
  // Random, because some disks and file systems store equal or empty blocks without writing them.
  randomFillSync(bytes);
  for (const direct of [true, false]) {
    const file = openNameless(directory, direct ? constants.O_DIRECT : 0);
    const offset = file === undefined ? undefined : findAlignment(file, bytes);
    if (file === undefined) continue;
    if (offset === undefined) {
      closeSync(file);
      continue;
    }
    writeSync(file, bytes, offset, FILE_BYTES, 0);
    fsyncSync(file);
    const blocks = FILE_BYTES / BLOCK_BYTES;
    return {
      direct,
      writeBlock: (index) => {
        const source = offset + (index % blocks) * BLOCK_BYTES;
        bytes[source] = index & 0xff;
        writeSync(file, bytes, source, BLOCK_BYTES, ((index * STEP) % blocks) * BLOCK_BYTES);
        fdatasyncSync(file);
      },
      close: () => closeSync(file),
    };
  }
  throw Object.assign(new Error("the file system takes no such file"), { code: "ENOTSUP" });
}

/** __O_TMPFILE of the kernel's include/uapi/asm-generic/fcntl.h, which Node does not name. */
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;

/** Errors of a file system that does not know nameless files or direct I/O (open(2)). */
const UNSUPPORTED: ReadonlySet<string> = new Set(["EINVAL", "ENOTSUP", "EOPNOTSUPP", "EISDIR", "ENOENT", "ENOSYS"]);

/** A file without a name, or else one whose name is removed at once. Undefined where the file system refuses both. */
function openNameless(directory: string, flags: number): number | undefined {
  const named = join(directory, ".bonusnode-disk-probe");
  const ways = [
    () => openSync(directory, O_TMPFILE | constants.O_RDWR | flags, 0o600),
    () => {
      // One fixed name, so that what a kill leaves between these two calls is taken away by the next run.
      const file = openSync(named, constants.O_CREAT | constants.O_NOFOLLOW | constants.O_RDWR | flags, 0o600);
      rmSync(named, { force: true });
      return file;
    },
  ];
  for (const way of ways) {
    try {
      return way();
    } catch (thrown) {
      if (!UNSUPPORTED.has((thrown as NodeJS.ErrnoException).code ?? "")) throw thrown;
    }
  }
  return undefined;
}

/**
 * Direct I/O wants memory aligned to the disk's block, and JavaScript cannot ask where its memory lies. The kernel refuses a wrong
 * address with EINVAL, so the offset is found by trying; undefined where none is taken.
 */
function findAlignment(file: number, bytes: Uint8Array): number | undefined {
  for (let offset = 0; offset < BLOCK_BYTES; offset += 8) {
    try {
      writeSync(file, bytes, offset, BLOCK_BYTES, 0);
      return offset;
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== "EINVAL") throw thrown;
    }
  }
  return undefined;
}

function failWith(port: SlicePort, thrown: unknown, directory: string): void {
  const { code = "", message } = thrown as NodeJS.ErrnoException;
  if (code === "EACCES" || code === "EPERM") {
    port.fail("denied", `no permission to write in ${directory}; run this as the user that runs the agent`);
  } else if (code === "ENOSPC" || code === "EDQUOT") {
    port.fail("unreadable", `no room in ${directory} for a file of ${FILE_BYTES / 2 ** 20} MiB`);
  } else {
    port.fail("unreadable", `cannot write in ${directory}: ${code === "" ? message : code}`);
  }
}
