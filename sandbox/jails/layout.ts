import { dirname } from "node:path";
import type { Runtime } from "../runtime.ts";

/** Where Node and the runner lie inside a jail that has a root of its own; libraries keep their paths. */
export const INNER_NODE = "/node";
export const INNER_RUNNER = "/runner";

/** The folders of the libraries, each once: the loader's own list of folders is a file that jails do not hold. */
export function libraryFolders(runtime: Runtime): string[] {
  return [...new Set(runtime.libraries.map((path) => dirname(path)))];
}
