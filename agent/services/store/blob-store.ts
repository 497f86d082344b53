import { createHash } from "node:crypto";
import { type FileHandle, open, readdir, rename, rm, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { bytesEqual, fromHex, makeFolder, syncFolder, toHex } from "../../../base/index.ts";
import { AgentError } from "../../errors.ts";
import { DISK_RESERVE } from "../../limits.ts";

/** Blobs on disk, one file each under the first byte and the rest of their SHA-256. Files are whole or absent, never a part. */
export interface BlobStore {
  /**
   * Writes a blob from a stream of chunks, which has to have exactly this size and hash. Durable when it resolves. Throws
   * AgentError `blob-mismatch` for other bytes and `no-room` when the disk is full; what the stream throws passes through. Several writes
   * of one blob at a time do not disturb each other.
   */
  write(hash: Uint8Array, size: number, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void>;
  /** A range of a blob. Throws AgentError `blob-missing`, or `blob-damaged` when the file is shorter than asked for; else what the disk does. */
  read(hash: Uint8Array, offset: number, length: number): Promise<Uint8Array>;
  /** A whole blob with its hash checked; for modules. Throws as `read`, and `blob-damaged` when the hash is another. */
  readWhole(hash: Uint8Array, maxBytes: number): Promise<Uint8Array>;
  /** Forgets a blob; answers whether it was there. */
  remove(hash: Uint8Array): Promise<boolean>;
  /** Removes unfinished writes and files that `known` does not name; for the start, before anything is written. */
  sweep(known: readonly Uint8Array[]): Promise<void>;
  /** Bytes that may still be written, what the device keeps for itself taken off. */
  freeBytes(): Promise<number>;
}

/** Blobs below a directory of this machine. */
export function makeBlobStore(directory: string): BlobStore {
  const folderOf = (hash: Uint8Array): string => join(directory, toHex(hash.subarray(0, 1)));
  const fileOf = (hash: Uint8Array): string => join(folderOf(hash), toHex(hash.subarray(1)));
  let writes = 0;

  const openBlob = async (hash: Uint8Array): Promise<FileHandle> => {
    try {
      return await open(fileOf(hash), "r");
    } catch (cause) {
      // Any other trouble may pass, and the blob be there again.
      if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
      throw new AgentError("blob-missing", `blob ${toHex(hash).slice(0, 16)} is not here`, { cause });
    }
  };

  return {
    write: async (hash, size, chunks) => {
      writes += 1;
      const temporary = `${fileOf(hash)}.part${writes}`;
      try {
        makeFolder(folderOf(hash));
        await syncFolder(directory);
        await writeChecked(temporary, hash, size, chunks);
        await rename(temporary, fileOf(hash));
        await syncFolder(folderOf(hash));
      } catch (thrown) {
        await rm(temporary, { force: true });
        throw asRoomError(thrown);
      }
    },
    read: async (hash, offset, length) => {
      const file = await openBlob(hash);
      try {
        const buffer = Buffer.alloc(length);
        const { bytesRead } = await file.read(buffer, 0, length, offset);
        if (bytesRead < length)
          throw new AgentError("blob-damaged", `blob ${toHex(hash).slice(0, 16)} ends before byte ${offset + length}`);
        return buffer;
      } finally {
        await file.close();
      }
    },
    readWhole: async (hash, maxBytes) => {
      const file = await openBlob(hash);
      try {
        const { size } = await file.stat();
        if (size > maxBytes)
          throw new AgentError("blob-damaged", `blob ${toHex(hash).slice(0, 16)} is larger than ${maxBytes} bytes`);
        const bytes = await file.readFile();
        const found = createHash("sha256").update(bytes).digest();
        if (!bytesEqual(found, hash)) throw new AgentError("blob-damaged", `blob ${toHex(hash).slice(0, 16)} changed on disk`);
        return bytes;
      } finally {
        await file.close();
      }
    },
    remove: async (hash) => {
      try {
        await rm(fileOf(hash));
        return true;
      } catch (thrown) {
        if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return false;
        throw thrown;
      }
    },
    sweep: async (known) => {
      const names = new Set(known.map(toHex));
      for (const folder of await namesIn(directory)) {
        if (fromHex(folder)?.length !== 1) continue;
        for (const file of await namesIn(join(directory, folder))) {
          if (!names.has(`${folder}${file}`)) await rm(join(directory, folder, file), { force: true });
        }
      }
    },
    freeBytes: async () => {
      makeFolder(directory);
      const { bavail, blocks, bsize } = await statfs(directory);
      return Math.max(0, bavail * bsize - Math.max(DISK_RESERVE.bytes, blocks * bsize * DISK_RESERVE.share));
    },
  };
}

async function writeChecked(
  path: string,
  hash: Uint8Array,
  size: number,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  const file = await open(path, "w", 0o600);
  try {
    const hasher = createHash("sha256");
    let written = 0;
    for await (const chunk of chunks) {
      written += chunk.length;
      if (written > size) throw new AgentError("blob-mismatch", `it is longer than the ${size} bytes announced`);
      hasher.update(chunk);
      await file.writeFile(chunk);
    }
    if (written !== size) throw new AgentError("blob-mismatch", `it has ${written} bytes, not the ${size} announced`);
    if (!bytesEqual(hasher.digest(), hash)) throw new AgentError("blob-mismatch", "its SHA-256 is not the one announced");
    await file.datasync();
  } finally {
    await file.close();
  }
}

function asRoomError(thrown: unknown): unknown {
  const { code } = thrown as NodeJS.ErrnoException;
  if (code !== "ENOSPC" && code !== "EDQUOT") return thrown;
  return new AgentError("no-room", "the disk is full", { cause: thrown });
}

async function namesIn(directory: string): Promise<string[]> {
  return (await stat(directory).catch(() => undefined))?.isDirectory() === true ? readdir(directory) : [];
}
