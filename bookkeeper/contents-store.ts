import { closeSync, existsSync, openSync, readdirSync, readSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import type { ReadableStream } from "node:stream/web";
import { fromHex, readFileBounded, sha256, toHex, writeFileDurably } from "../base/index.ts";
import { MAX_CONTENT_BYTES } from "./limits.ts";

/** The blobs that this bookkeeper placed on nodes, kept so that it can serve them and check answers about them. */
export interface Contents {
  /** Keeps bytes and answers their SHA-256. */
  put(bytes: Uint8Array): Promise<Uint8Array>;
  has(hash: Uint8Array): boolean;
  /** A range, or undefined where the content is gone or shorter. */
  readRange(hash: Uint8Array, offset: number, length: number): Uint8Array | undefined;
  /** The whole content. Throws BaseError `file-missing`. */
  read(hash: Uint8Array): Promise<Uint8Array>;
  /** Its size in bytes and the content as a stream; undefined where it is gone. */
  open(hash: Uint8Array): Promise<{ readonly size: number; readonly stream: ReadableStream } | undefined>;
  remove(hash: Uint8Array): void;
  all(): readonly Uint8Array[];
}

/** Contents as files named by their hash below a directory. */
export function makeContents(directory: string): Contents {
  const fileOf = (hash: Uint8Array): string => join(directory, toHex(hash));
  return {
    put: async (bytes) => {
      const hash = sha256(bytes);
      if (!existsSync(fileOf(hash))) await writeFileDurably(fileOf(hash), bytes, { mode: 0o600 });
      return hash;
    },
    has: (hash) => existsSync(fileOf(hash)),
    readRange: (hash, offset, length) => {
      let file: number;
      try {
        file = openSync(fileOf(hash), "r");
      } catch {
        return undefined;
      }
      try {
        const buffer = Buffer.alloc(length);
        return readSync(file, buffer, 0, length, offset) === length ? buffer : undefined;
      } catch {
        // A disk that cannot be read, or an offset beyond any file.
        return undefined;
      } finally {
        closeSync(file);
      }
    },
    read: (hash) => readFileBounded(fileOf(hash), MAX_CONTENT_BYTES),
    open: async (hash) => {
      const file = await open(fileOf(hash), "r").catch(() => undefined);
      if (file === undefined) return undefined;
      const { size } = await file.stat();
      return { size, stream: file.readableWebStream({ autoClose: true }) };
    },
    remove: (hash) => rmSync(fileOf(hash), { force: true }),
    all: () => (existsSync(directory) ? readdirSync(directory).flatMap((name) => fromHex(name) ?? []) : []),
  };
}
