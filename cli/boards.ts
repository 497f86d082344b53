import { type BoardProfile, checkBoards, defaultBoardsDirectory, loadAllBoards, OWNERS_BOARDS_DIRECTORY } from "../hal/index.ts";
import { EXIT } from "./exit-codes.ts";
import { formatTable } from "./table.ts";
import type { Terminal } from "./terminal.ts";

/** Where the verb looks for profiles. */
export interface BoardsVerbNeeds {
  readonly shippedDirectory: string;
  readonly ownersDirectory: string;
}

function defaultNeeds(): BoardsVerbNeeds {
  return { shippedDirectory: defaultBoardsDirectory(), ownersDirectory: OWNERS_BOARDS_DIRECTORY };
}

/**
 * Reads board profiles, files or whole directories, and says of each whether it is good. Problems go to standard error as
 * `file:line: key: message`, one a line. Answers 0, or 78 where there is any.
 */
export async function runBoardsCheck(
  paths: readonly string[],
  options: { readonly json?: boolean },
  terminal: Terminal,
  needs: BoardsVerbNeeds = defaultNeeds(),
): Promise<number> {
  const checked = await checkBoards(paths, needs.shippedDirectory);
  if (!checked.ok) {
    terminal.error(checked.error.message);
    return EXIT.configuration;
  }
  if (checked.value.length === 0) {
    terminal.error(`no *.toml in ${paths.join(", ")}`);
    return EXIT.configuration;
  }
  const results = checked.value.map(({ file, board }) =>
    board.ok ? { file, ok: true, id: board.value.id, problems: [] } : { file, ok: false, problems: board.error },
  );
  if (options.json === true) terminal.printJson(results);
  for (const { file, ok, problems } of results) {
    if (ok && options.json !== true) terminal.print(`${file}: ${terminal.style("good", "ok")}`);
    for (const problem of problems) terminal.error(problem);
  }
  return results.every(({ ok }) => ok) ? EXIT.ok : EXIT.configuration;
}

/** Lists every profile there is, the owner's among them. Answers 0, or 78 where the owner's or those that ship are broken. */
export async function runBoardsList(
  options: { readonly json?: boolean },
  terminal: Terminal,
  needs: BoardsVerbNeeds = defaultNeeds(),
): Promise<number> {
  const loaded = await loadAllBoards(needs.shippedDirectory, needs.ownersDirectory);
  if (!loaded.ok) {
    terminal.error(loaded.error.message);
    return EXIT.configuration;
  }
  const { problem } = loaded.value;
  const boards = loaded.value.boards.toSorted((left, right) => (left.id < right.id ? -1 : 1));
  if (options.json === true) terminal.printJson(boards.map(describe));
  else {
    const rows = boards
      .map(describe)
      .map((row) => [row.id, row.name, row.class, row.max_tier, row.from === "owner" ? "yours" : ""]);
    const heads = ["id", "name", "class", "at most", ""].map((head) => terminal.style("title", head));
    terminal.print(formatTable([heads, ...rows]));
  }
  if (problem !== undefined) terminal.error(problem);
  return problem === undefined ? EXIT.ok : EXIT.configuration;
}

function describe({ id, board, limits, file, isOwners }: BoardProfile) {
  const from = isOwners === true ? ("owner" as const) : ("program" as const);
  return { id, name: board.name, class: board.class, max_tier: limits.max_tier, from, file };
}
