import type { ProbeResult } from "./probe-result.ts";

/** The file system that a path lies on. */
export interface VolumeSize {
  /** The path with every symbolic link followed. */
  readonly realPath: string;
  readonly totalBytes: number;
  /** Bytes that a process without privileges may still use. */
  readonly freeBytes: number;
}

/**
 * The machine as probes see it: a tree of small files. `host-linux.ts` reads the real one or a captured one; tests hold one in
 * memory. Paths are absolute. No method ever rejects, and nothing is ever written.
 */
export interface Host {
  /**
   * A file as text (UTF-8, broken bytes replaced). `absent`: no such file, or the kernel has no value there. `failed`: `denied`,
   * `too-large` past `maxBytes`, `unreadable`.
   */
  readText(path: string, maxBytes: number): Promise<ProbeResult<string>>;
  /** The names in a directory, sorted, without `.` and `..`. At most MAX_DIRECTORY_ENTRIES, else `too-large`. */
  list(path: string): Promise<ProbeResult<readonly string[]>>;
  /** Where a symbolic link points, as written in it. */
  readLink(path: string): Promise<ProbeResult<string>>;
  /** Size of the file system that holds an existing path. */
  readVolumeSize(path: string): Promise<ProbeResult<VolumeSize>>;
}
