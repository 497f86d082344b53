import { randomUUID } from "node:crypto";
import { constants, mkdirSync } from "node:fs";
import { link, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { BaseError } from "./errors.ts";

/**
 * The bytes of a file that must not be larger than `maxBytes`. Throws `file-missing`, `file-too-large` or `file-unreadable`
 * (which is also what anything but a regular file answers, so that a pipe cannot hang the reader).
 */
export async function readFileBounded(path: string, maxBytes: number): Promise<Uint8Array> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const status = await file.stat();
      if (!status.isFile()) throw new BaseError("file-unreadable", `${path}: not a regular file`);
      // Files of the kernel state no size, so the buffer may have to grow.
      let buffer = Buffer.alloc(Math.min(maxBytes, Math.max(status.size, 4096)) + 1);
      let length = 0;
      while (length <= maxBytes) {
        if (length === buffer.length) buffer = Buffer.concat([buffer], Math.min(maxBytes + 1, 2 * length));
        const { bytesRead } = await file.read(buffer, length, buffer.length - length, length);
        if (bytesRead === 0) break;
        length += bytesRead;
      }
      if (length > maxBytes) throw new BaseError("file-too-large", `${path}: larger than ${maxBytes} bytes`);
      return buffer.subarray(0, length);
    } finally {
      await file.close();
    }
  } catch (thrown) {
    if (thrown instanceof BaseError) throw thrown;
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === "ENOENT") throw new BaseError("file-missing", `${path}: no such file`, { cause: thrown });
    throw new BaseError("file-unreadable", `${path}: cannot be read (${code})`, { cause: thrown });
  }
}

/** How a durable write treats what is there, and who may read the result. */
export interface DurableWrite {
  /** Permission bits of the new file. */
  readonly mode: number;
  /** Leave a file that is there already as it is, and fail with EEXIST. */
  readonly exclusive?: boolean;
}

/**
 * Writes a whole file so that after a power cut either the old or the new content is there, never a part: a temporary beside
 * it, synced, renamed (linked when `exclusive`), and the folder synced. Throws what the file system throws (ENOSPC, EACCES ...).
 */
export async function writeFileDurably(path: string, bytes: Uint8Array, how: DurableWrite): Promise<void> {
  // Unlike a process id, it is another one in every container that shares the folder, and for every call.
  const temporary = `${path}.new-${randomUUID()}`;
  makeFolder(dirname(path));
  try {
    const file = await open(temporary, "w", how.mode);
    try {
      await file.writeFile(bytes);
      await file.datasync();
    } finally {
      await file.close();
    }
    if (how.exclusive === true) await link(temporary, path);
    else await rename(temporary, path);
    await syncFolder(dirname(path));
  } finally {
    await rm(temporary, { force: true });
  }
}

/**
 * Makes a folder, and those above it, for its owner alone; one that is there stays as it is. Throws what the file system throws.
 * Node's own recursive making never ends below a folder where nothing can be made, such as `/proc` (measured on 22 and 24).
 */
export function makeFolder(path: string): void {
  const make = (): void => mkdirSync(path, { mode: 0o700 });
  try {
    make();
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === "EEXIST") return;
    if (code !== "ENOENT" || dirname(path) === path) throw thrown;
    makeFolder(dirname(path));
    make();
  }
}

/** Makes the names in a folder durable (a rename is not until its folder is synced). */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
