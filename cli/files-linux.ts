import { existsSync } from "node:fs";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { failure, fromHex, messageOf, type Result, success } from "../base/index.ts";

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

/** Whether there is something at a path. */
export function isThere(path: string): boolean {
  return existsSync(path);
}

/** A message from a file: its bytes, or those bytes as hexadecimal text; or a line that says why not. */
export async function readMessageFile(path: string): Promise<Result<Uint8Array, string>> {
  try {
    const bytes = await readFile(path);
    if (bytes.length > MAX_MESSAGE_FILE_BYTES) return failure(`${path}: too large to be a message`);
    return success(fromHex(bytes.toString("latin1").replace(/\s+/g, "")) ?? new Uint8Array(bytes));
  } catch (thrown) {
    return failure(`${path}: cannot be read: ${messageOf(thrown)}`);
  }
}

/** The largest message as hexadecimal text with white space between its bytes fits several times. */
const MAX_MESSAGE_FILE_BYTES = 1_048_576;

/** Writes a text file and copies another beside it, for the demonstration; their folder is made. */
export async function writeBeside(path: string, text: string, source: URL, name: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await copyFile(source, join(dirname(path), name));
  await writeFile(path, text);
}

/** The version of this program, from its package. */
export async function readVersion(): Promise<string> {
  const { version } = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8")) as { version: string };
  return version;
}
