import { assert } from "../../base/index.ts";
import { type BoardProfile, defaultBoardsDirectory, loadBoards } from "../../hal/index.ts";

/** The board profiles of this repository. */
export async function shippedBoards(): Promise<readonly BoardProfile[]> {
  const boards = await loadBoards(defaultBoardsDirectory());
  assert(boards.ok, "the shipped board profiles do not load");
  return boards.value;
}
