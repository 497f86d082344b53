import { existsSync } from "node:fs";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { BaseError, failure, fromHex, MAX_TOML_BYTES, type Result, readFileBounded, success } from "../base/index.ts";

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
    return success(Buffer.from(await readFileBounded(path, MAX_TOML_BYTES)).toString("utf8"));
  } catch (thrown) {
    if (!(thrown instanceof BaseError)) throw thrown;
    return failure(thrown.code === "file-missing" ? `${thrown.message}; ${what}` : thrown.message);
  }
}

/** Paths in a configuration file are meant from where that file is. */
export function besideConfig(configFile: string, path: string): string {
  return isAbsolute(path) ? path : join(dirname(resolve(configFile)), path);
}

/** The files that a `[broker]` table names. */
interface BrokerFiles {
  readonly ca_file?: string | undefined;
  readonly certificate_file?: string | undefined;
  readonly password_file?: string | undefined;
}

/** A `[broker]` table with its files found from where the configuration is. */
export function brokerBeside<Broker extends BrokerFiles>(configFile: string, broker: Broker): Broker {
  const beside = (path: string | undefined): string | undefined =>
    path === undefined ? undefined : besideConfig(configFile, path);
  const { ca_file, certificate_file, password_file } = broker;
  return {
    ...broker,
    ca_file: beside(ca_file),
    certificate_file: beside(certificate_file),
    password_file: beside(password_file),
  };
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
    const bytes = await readFileBounded(path, MAX_MESSAGE_FILE_BYTES);
    return success(fromHex(Buffer.from(bytes).toString("latin1").replace(/\s+/g, "")) ?? new Uint8Array(bytes));
  } catch (thrown) {
    if (!(thrown instanceof BaseError)) throw thrown;
    return failure(thrown.message);
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
