import { textWidth } from "./terminal.ts";

/** How a table looks. */
export interface TableOptions {
  /** Columns whose texts end at the same place, counted from 0: numbers. The others start at the same place. */
  readonly alignRight?: readonly number[];
  /** Spaces before each line. */
  readonly indent?: number;
  /** Spaces between columns. */
  readonly gap?: number;
  /** Characters in a line. The last column is broken at spaces to fit; undefined: never broken. */
  readonly width?: number;
}

/** Rows of cells as aligned lines, without spaces at their ends. Cells may hold colours; rows may differ in length. */
export function formatTable(rows: readonly (readonly string[])[], options: TableOptions = {}): string {
  const { alignRight = [], indent = 0, gap = 2, width } = options;
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) => Math.max(0, ...rows.map((row) => textWidth(row[column] ?? ""))));
  const before = indent + widths.slice(0, -1).reduce((sum, each) => sum + each + gap, 0);
  const lines = rows.flatMap((row) => {
    const last = columns - 1;
    const wrapped = wrapText(row[last] ?? "", width === undefined ? undefined : width - before);
    return wrapped.map((part, index) => {
      const cells = Array.from({ length: columns }, (_, column) =>
        column === last ? part : index === 0 ? (row[column] ?? "") : "",
      );
      const padded = cells.map((cell, column) => pad(cell, widths[column] ?? 0, alignRight.includes(column)));
      return `${" ".repeat(indent)}${padded.join(" ".repeat(gap))}`.trimEnd();
    });
  });
  return lines.join("\n");
}

/** A text broken at spaces into lines of at most `width` characters; a longer word keeps a line of its own. */
export function wrapText(text: string, width: number | undefined): readonly string[] {
  // Narrower than this, broken text is harder to read than what the terminal makes of it.
  if (width === undefined || width < 20 || textWidth(text) <= width) return [text];
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && textWidth(line) + 1 + textWidth(word) > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

function pad(cell: string, width: number, toTheRight: boolean): string {
  const space = " ".repeat(Math.max(0, width - textWidth(cell)));
  return toTheRight ? space + cell : cell + space;
}
