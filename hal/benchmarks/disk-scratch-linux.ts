import { randomFillSync } from "node:crypto";
import { closeSync, constants, fdatasyncSync, openSync, readSync, rmSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { BLOCK_BYTES, CHUNK_BYTES } from "./disk-plan.ts";

/** A file without a name, of random data. Every method throws the error of the file system. */
export interface ScratchFile {
  /** Whether reads and writes go around the page cache. */
  readonly direct: boolean;
  /** What was written so far. */
  readonly writtenBytes: () => number;
  /** Reads or writes `bytes` (at most CHUNK_BYTES, whole blocks) at a place (whole blocks). */
  read(bytes: number, position: number): void;
  write(bytes: number, position: number): void;
  /** Returns when all that was written is on stable storage, as far as the disk tells. */
  sync(): void;
  close(): void;
}

/** Direct I/O where the file system has it, else through the page cache. The file is empty. */
export function openScratchFile(directory: string): ScratchFile {
  // Throws where there is none; below, the same error can mean that the file system takes no such file.
  statSync(directory);
  const memory = makeAlignedMemory(CHUNK_BYTES + BLOCK_BYTES);
  // Random, because some disks and file systems store equal or empty blocks without writing them.
  randomFillSync(memory);
  for (const direct of [true, false]) {
    const file = openNameless(directory, direct ? constants.O_DIRECT : 0);
    if (file === undefined) continue;
    try {
      const offset = findAlignment(file, memory);
      if (offset !== undefined) return makeScratchFile(file, direct, memory.subarray(offset, offset + CHUNK_BYTES));
    } catch (thrown) {
      closeSync(file);
      throw thrown;
    }
    closeSync(file);
  }
  throw Object.assign(new Error("the file system takes no such file"), { code: "ENOTSUP" });
}

function makeScratchFile(file: number, direct: boolean, memory: Uint8Array): ScratchFile {
  const words = new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
  let written = BLOCK_BYTES;
  let stamp = 0;
  return {
    direct,
    writtenBytes: () => written,
    read: (bytes, position) => {
      const count = readSync(file, memory, 0, bytes, position);
      if (count !== bytes) throw new Error(`${count} of ${bytes} bytes read`);
    },
    write: (bytes, position) => {
      // No block is written twice with the same content.
      for (let at = 0; at < bytes; at += BLOCK_BYTES) words.setUint32(at, stamp++);
      const count = writeSync(file, memory, 0, bytes, position);
      // A short write is how a disk says that it is nearly full (write(2)).
      if (count !== bytes) throw Object.assign(new Error(`${count} of ${bytes} bytes written`), { code: "ENOSPC" });
      written += bytes;
    },
    sync: () => fdatasyncSync(file),
    close: () => closeSync(file),
  };
}

/**
 * Writes chunk after chunk until the file is as large as wanted or the time is over, and puts it on stable storage: Node cannot
 * reserve space without writing, and reads of what was never written do not reach the disk. Answers the file's size, at least one
 * chunk.
 */
export function layOut(file: ScratchFile, fileBytes: number, layoutMs: number): number {
  const endMs = performance.now() + layoutMs;
  let size = 0;
  do {
    file.write(CHUNK_BYTES, size);
    size += CHUNK_BYTES;
    // Through the page cache everything is written at once, and the disk's time is spent in the sync.
    if (!file.direct) file.sync();
  } while (size < fileBytes && performance.now() < endMs);
  file.sync();
  return size;
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

/** The part of the WebAssembly interface that is used here; Node's types leave it to the browser's. */
interface WebAssemblyMemories {
  readonly Memory: new (size: { readonly initial: number; readonly maximum: number }) => { readonly buffer: ArrayBuffer };
}

/**
 * Memory that begins at a page's start, so that no access is split over one page more than needed: that of WebAssembly does. Where
 * there is none, any memory; `findAlignment` finds what the disk takes.
 */
function makeAlignedMemory(bytes: number): Uint8Array {
  const pages = Math.ceil(bytes / 65_536);
  try {
    const { WebAssembly } = globalThis as unknown as { readonly WebAssembly: WebAssemblyMemories };
    return new Uint8Array(new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer);
  } catch {
    return new Uint8Array(bytes);
  }
}

/**
 * Direct I/O wants memory aligned to the disk's block, and JavaScript cannot ask where its memory lies. The kernel refuses a wrong
 * address with EINVAL, so the offset is found by trying; undefined where none is taken.
 */
function findAlignment(file: number, memory: Uint8Array): number | undefined {
  for (let offset = 0; offset < BLOCK_BYTES; offset += 8) {
    try {
      writeSync(file, memory, offset, BLOCK_BYTES, 0);
      return offset;
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== "EINVAL") throw thrown;
    }
  }
  return undefined;
}
