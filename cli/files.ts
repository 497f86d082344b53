import { readFile } from "node:fs/promises";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { failure, type Result, success } from "../base/index.ts";

/** Where a program's state is: the flag, else BONUSNODE_STATE_DIR, else what the configuration says. */
export function chooseStateDirectory(
  flag: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  configured: string,
): string {
  const fromEnv = env["BONUSNODE_STATE_DIR"];
  return resolve(flag ?? (fromEnv === undefined || fromEnv === "" ? configured : fromEnv));
}

/** The text of a file, or a line that says why not and what to do. */
export async function readTextFile(path: string, what: string): Promise<Result<string, string>> {
  try {
    return success(await readFile(path, "utf8"));
  } catch (thrown) {
    const { code, message } = thrown as NodeJS.ErrnoException;
    return failure(code === "ENOENT" ? `${path}: no such file; ${what}` : `${path}: cannot be read: ${message}`);
  }
}

/** Paths in a configuration file are meant from where that file is. */
export function besideConfig(configFile: string, path: string): string {
  return isAbsolute(path) ? path : join(dirname(resolve(configFile)), path);
}

/** Where `bonusnode up` keeps its state unless told otherwise: the user's state folder (XDG Base Directory Specification). */
export function defaultUpDirectory(env: Readonly<Record<string, string | undefined>>): string {
  const home = env["HOME"] ?? "/tmp";
  return join(env["XDG_STATE_HOME"] ?? join(home, ".local", "state"), "bonusnode-up");
}
