import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { failure, MAX_TOML_BYTES, messageOf, type Result, readFileBounded, success } from "../base/index.ts";
import { type BoardProfile, decodeBoard } from "./board.ts";
import { HalError } from "./errors.ts";
import { MAX_BOARDS } from "./limits.ts";

/** Where the profiles lie that ship with the program: `boards/` beside this room, in a checkout and in the built package alike. */
export function defaultBoardsDirectory(): string {
  return fileURLToPath(new URL("../boards", import.meta.url));
}

/**
 * The profiles of a directory: every `*.toml` in it, each named by its id. One bad file fails them all, because without it another,
 * more generous profile would match. Errors: `boards-unreadable`, `board-invalid` with every problem of the first bad file.
 */
export async function loadBoards(directory: string): Promise<Result<readonly BoardProfile[], HalError>> {
  const profiles: BoardProfile[] = [];
  try {
    const names = (await readdir(directory)).filter((name) => name.endsWith(".toml")).sort();
    if (names.length > MAX_BOARDS) {
      return failure(new HalError("boards-unreadable", `${directory} holds more than ${MAX_BOARDS} board profiles`));
    }
    for (const name of names) {
      const text = Buffer.from(await readFileBounded(join(directory, name), MAX_TOML_BYTES)).toString("utf8");
      const decoded = decodeBoard(text, join(directory, name));
      if (!decoded.ok) return decoded;
      if (`${decoded.value.id}.toml` !== name) {
        const message = `${join(directory, name)}: its id is ${decoded.value.id}; rename the file to ${decoded.value.id}.toml`;
        return failure(new HalError("board-invalid", message));
      }
      profiles.push(decoded.value);
    }
    return success(profiles);
  } catch (thrown) {
    const message = `cannot read the board profiles in ${directory}: ${messageOf(thrown)}`;
    return failure(new HalError("boards-unreadable", message, { cause: thrown }));
  }
}
