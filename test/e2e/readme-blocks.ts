import { readFileSync } from "node:fs";

/** A command of the README, and what the README says that it prints. */
export interface Shown {
  readonly command: string;
  readonly output: readonly string[];
}

export const README = readFileSync(new URL("../../README.md", import.meta.url), "utf8");

/** The fenced blocks of a language in the README, in order, without their fences. */
export function blocksOf(language: string): string[] {
  return [...README.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms"))].map((match) => match[1] ?? "");
}

/** The commands of the `console` blocks: lines after `$ `, each with what follows it. */
export function shownCommands(): Shown[] {
  return blocksOf("console").flatMap((block) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((part) => {
        const [command = "", ...output] = part.trimEnd().split("\n");
        return { command, output };
      }),
  );
}

/** A line with everything that differs from run to run and from machine to machine taken for the same. */
export function shapeOf(line: string): string {
  return line
    .replace(/bxn1[a-z0-9]+/g, "ID")
    .replace(/\S*\/\.local\/state\//g, "STATE/")
    .replace(/\b[0-9a-f]{8,}\b/g, "HEX")
    .replace(/[✓✗]/g, "MARK")
    .replace(/[█░]+( [█░]+)*/g, "BARS")
    .replace(/\b(Lite|Normal|Super)\b/g, "TIER")
    .replace(/\(limited by [^)]*\)/g, "(limited)")
    .replace(/\bboard [a-z0-9-]+/g, "board BOARD")
    .replace(/\d+([.,:-]\d+)*/g, "N")
    .replace(/\bN (B|[KMGT]iB)(·s)?/g, "SIZE")
    .replace(/\bN (ms|s|min|h)\b/g, "TIME")
    .replace(/\s+/g, " ")
    .trim();
}

/** The first line of `shown` that `printed` does not have where it should; `...` stands for any lines. Undefined where all fits. */
export function firstDifference(shown: readonly string[], printed: readonly string[]): string | undefined {
  const shapes = printed.map(shapeOf);
  let at = 0;
  let maySkip = false;
  for (const line of shown) {
    if (line === "...") {
      maySkip = true;
      continue;
    }
    const found = maySkip ? shapes.indexOf(shapeOf(line), at) : shapes[at] === shapeOf(line) ? at : -1;
    if (found < 0) return line;
    at = found + 1;
    maySkip = false;
  }
  const isAllShown = maySkip || shapes.slice(at).every((shape) => shape === "");
  return isAllShown ? undefined : `after the last line: ${printed[at]}`;
}
