import { lstat, readlink } from "node:fs/promises";

/** Links followed on one path, as many as the kernel follows (path_resolution(7)). */
const MAX_LINKS = 40;

/** Where a path of a captured machine lies in the folder that holds it. */
export interface CapturedPlace {
  /** No part of it is a link, but the last one where links at the end are not followed. */
  readonly realPath: string;
  /** What lies there; undefined: nothing. */
  readonly is: "file" | "directory" | "link" | "other" | undefined;
}

/**
 * Finds a path below `root` as the captured machine would: links count from `root`, which nothing leads out of, neither an absolute
 * link nor `..`. Undefined: the links go round in a circle. Throws what the file system throws, but for ENOENT and ENOTDIR.
 */
export async function findInTree(root: string, path: string, followLast: boolean): Promise<CapturedPlace | undefined> {
  let rest = partsOf(path);
  let at: readonly string[] = [];
  let is: CapturedPlace["is"] = "directory";
  for (let links = 0; rest.length > 0; ) {
    const [part = "", ...later] = rest;
    rest = later;
    if (part === "..") {
      at = at.slice(0, -1);
      is = "directory";
      continue;
    }
    const realPath = `${root}/${[...at, part].join("/")}`;
    is = is === "directory" ? await kindOf(realPath) : undefined;
    const isFollowed = is === "link" && (later.length > 0 || followLast);
    if (!isFollowed) {
      at = [...at, part];
      if (is === undefined) break;
      continue;
    }
    links += 1;
    if (links > MAX_LINKS) return undefined;
    const target = await readlink(realPath);
    if (target.startsWith("/")) at = [];
    is = "directory";
    rest = [...partsOf(target), ...later];
  }
  return { realPath: [root, ...at].join("/"), is };
}

function partsOf(path: string): readonly string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

async function kindOf(path: string): Promise<CapturedPlace["is"]> {
  try {
    const status = await lstat(path);
    if (status.isFile()) return "file";
    if (status.isDirectory()) return "directory";
    return status.isSymbolicLink() ? "link" : "other";
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw thrown;
  }
}
