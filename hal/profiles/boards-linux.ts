import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { BaseError, failure, messageOf, type Result, readFileBounded, success } from "../../base/index.ts";
import { HalError } from "../errors.ts";
import { MAX_BOARD_BYTES, MAX_BOARDS } from "../limits.ts";
import { type BoardFile, type DecodedBoard, decodeBoards } from "./board.ts";
import { canTie } from "./board-match.ts";
import type { BoardProfile } from "./board-schema.ts";

/** Where the profiles lie that ship with the program: `boards/` beside this room, in a checkout and in the built package alike. */
export function defaultBoardsDirectory(): string {
  return fileURLToPath(new URL("../../boards", import.meta.url));
}

/** Where a device's owner puts profiles of his own. It need not exist. */
export const OWNERS_BOARDS_DIRECTORY = "/etc/bonusnode/boards.d";

/**
 * The profiles of a directory: every `*.toml` in it, each named by its id. One bad file fails them all, because without it another,
 * more generous profile would match. Errors: `boards-unreadable`, `board-invalid` with every problem of every bad file.
 */
export async function loadBoards(directory: string): Promise<Result<readonly BoardProfile[], HalError>> {
  const files = await readBoardFiles(directory);
  return files.ok ? profilesOf(decodeBoards(files.value)) : files;
}

/** Profiles that ship and the owner's. */
export interface LoadedBoards {
  readonly boards: readonly BoardProfile[];
  /** What is wrong with the owner's, none of which is in `boards` then; undefined where nothing is. */
  readonly problem: string | undefined;
}

/**
 * The profiles that ship, and the owner's beside them, marked as such. Something wrong with the owner's is told and leaves the others
 * alone: the owner's mistake must not stop the device. Errors as in `loadBoards`, about what ships.
 */
export async function loadAllBoards(shippedDirectory: string, ownersDirectory: string): Promise<Result<LoadedBoards, HalError>> {
  const shippedFiles = await readBoardFiles(shippedDirectory);
  if (!shippedFiles.ok) return shippedFiles;
  const shipped = profilesOf(decodeBoards(shippedFiles.value));
  if (!shipped.ok) return shipped;
  const files = await readBoardFiles(ownersDirectory, { mayBeMissing: true });
  if (files.ok && files.value.length === 0) return success({ boards: shipped.value, problem: undefined });
  const owners = files.ok ? profilesOf(decodeBoards(files.value, shippedFiles.value)) : files;
  if (!owners.ok) return success({ boards: shipped.value, problem: owners.error.message });
  const marked = owners.value.map((board): BoardProfile => ({ ...board, isOwners: true }));
  return success({ boards: [...shipped.value, ...marked], problem: undefined });
}

/**
 * What is right or wrong with files, and with every `*.toml` in the directories among `paths`. A base may be one of them, one beside
 * them, or one in `shippedDirectory`. Two that match the same machines equally well are wrong as well. Errors: `boards-unreadable`.
 */
export async function checkBoards(
  paths: readonly string[],
  shippedDirectory: string,
): Promise<Result<readonly DecodedBoard[], HalError>> {
  const shipped = await readBoardFiles(shippedDirectory);
  if (!shipped.ok) return shipped;
  const checked: BoardFile[] = [];
  const beside: BoardFile[] = [];
  for (const path of paths) {
    if (await isDirectory(path)) {
      const files = await readBoardFiles(path);
      if (!files.ok) return files;
      checked.push(...files.value);
    } else {
      checked.push(await readBoardFile(path));
      const others = await readBoardFiles(dirname(resolve(path)), { mayBeMissing: true });
      beside.push(...(others.ok ? others.value : []));
    }
  }
  return success(refuseTies(decodeBoards(checked, [...shipped.value, ...beside])));
}

/** Two good profiles between which nothing decides are both bad. */
function refuseTies(decoded: readonly DecodedBoard[]): readonly DecodedBoard[] {
  return decoded.map(({ file, board }) => {
    const rivals = decoded.filter(
      (other) => board.ok && other.board.ok && other.file !== file && canTie(board.value, other.board.value),
    );
    const problems = rivals.map(
      (rival) => `${file}: match: as specific as ${rival.file} for the same machines; make one more so`,
    );
    return problems.length === 0 ? { file, board } : { file, board: failure(problems) };
  });
}

function profilesOf(decoded: readonly DecodedBoard[]): Result<readonly BoardProfile[], HalError> {
  const problems = decoded.flatMap(({ board }) => (board.ok ? [] : board.error));
  if (problems.length > 0) return failure(new HalError("board-invalid", problems.join("\n")));
  return success(decoded.flatMap(({ board }) => (board.ok ? [board.value] : [])));
}

async function readBoardFiles(
  directory: string,
  options: { readonly mayBeMissing?: boolean } = {},
): Promise<Result<readonly BoardFile[], HalError>> {
  try {
    const names = (await readdir(directory)).filter((name) => name.endsWith(".toml")).sort();
    if (names.length > MAX_BOARDS) {
      return failure(new HalError("boards-unreadable", `${directory} holds more than ${MAX_BOARDS} board profiles`));
    }
    const files: BoardFile[] = [];
    for (const name of names) files.push(await readBoardFile(join(directory, name)));
    return success(files);
  } catch (thrown) {
    if (options.mayBeMissing === true && (thrown as NodeJS.ErrnoException).code === "ENOENT") return success([]);
    const message = `cannot read the board profiles in ${directory}: ${messageOf(thrown)}`;
    return failure(new HalError("boards-unreadable", message, { cause: thrown }));
  }
}

async function readBoardFile(file: string): Promise<BoardFile> {
  if (!basename(file).endsWith(".toml")) return { file, problem: `${file}: a board's file is named ID.toml` };
  let bytes: Uint8Array;
  try {
    bytes = await readFileBounded(file, MAX_BOARD_BYTES);
  } catch (thrown) {
    if (!(thrown instanceof BaseError)) throw thrown;
    return { file, problem: thrown.message };
  }
  try {
    return { file, text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch {
    return { file, problem: `${file}: not TOML: not UTF-8; is it a text file?` };
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return await stat(path).then(
    (status) => status.isDirectory(),
    () => false,
  );
}
