import { stripVTControlCharacters, styleText } from "node:util";

/** A stream that text is written to: `process.stdout`, `process.stderr`, or a collector in a test. */
export interface OutputStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
  on?(event: "error", listener: (error: NodeJS.ErrnoException) => void): unknown;
}

/** What a terminal is made from. */
export interface TerminalNeeds {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  /** The environment; NO_COLOR, TERM, COLUMNS and the locale are looked at. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What text means; the colour follows from it. */
export type Style = "title" | "good" | "warning" | "bad" | "quiet";

/** Where a verb speaks to a person or a program: results on standard output, everything else on standard error. */
export interface Terminal {
  /** Characters in a line; 80 where nobody knows. */
  readonly width: number;
  /** Whether characters beyond ASCII will be understood. */
  readonly unicode: boolean;
  /** A line (or several) of the result. */
  print(text?: string): void;
  /** A page that takes the place of the one before: the whole screen on a terminal, one after the other elsewhere. */
  printScreen(text: string): void;
  /** The whole result as one JSON document. */
  printJson(value: unknown): void;
  /** A remark that is not the result; unsaid when quiet. */
  note(text: string): void;
  error(text: string): void;
  /** A line that the next one overwrites, on terminals only. Undefined takes it away. */
  progress(text: string | undefined): void;
  /** The text in colour where standard output shows any, else as it is. */
  style(style: Style, text: string): string;
}

const STYLES: Readonly<Record<Style, Parameters<typeof styleText>[0]>> = {
  title: "bold",
  good: "green",
  warning: "yellow",
  bad: "red",
  quiet: "dim",
};

/**
 * A terminal on two streams. Colour only where standard output is a terminal, NO_COLOR (https://no-color.org) is not set and
 * `quiet` is not asked for. A reader that goes away early (`| head`) is no error.
 */
export function makeTerminal(needs: TerminalNeeds, options: { readonly quiet?: boolean } = {}): Terminal {
  const { stdout, stderr, env } = needs;
  const { quiet = false } = options;
  const hasColour = stdout.isTTY === true && !quiet && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb";
  const showsProgress = stderr.isTTY === true && !quiet && env["TERM"] !== "dumb";
  // A pseudo-terminal that nobody sized says 0.
  const width = stdout.columns || stderr.columns || Number.parseInt(env["COLUMNS"] ?? "", 10) || 80;
  for (const stream of [stdout, stderr]) stream.on?.("error", ignoreClosedPipe);
  let hasProgress = false;
  const clearProgress = (): void => {
    if (hasProgress) stderr.write("\r\u001b[2K");
    hasProgress = false;
  };
  const writeLine = (stream: OutputStream, text: string): void => {
    clearProgress();
    stream.write(`${text}\n`);
  };
  return {
    width,
    unicode: /utf-?8/i.test(env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"] || ""),
    print: (text = "") => writeLine(stdout, text),
    printScreen: (text) => writeLine(stdout, stdout.isTTY === true ? `\u001b[H\u001b[2J\u001b[3J${text}` : `${text}\n`),
    printJson: (value) => writeLine(stdout, JSON.stringify(value, undefined, 2)),
    note: (text) => {
      if (!quiet) writeLine(stderr, text);
    },
    error: (text) => writeLine(stderr, text),
    progress: (text) => {
      if (!showsProgress) return;
      clearProgress();
      if (text === undefined) return;
      stderr.write(text.slice(0, Math.max(0, width - 1)));
      hasProgress = true;
    },
    // The colour is decided above from the streams handed in; styleText's own look at the process would decide otherwise.
    style: (style, text) => (hasColour ? styleText(STYLES[style], text, { validateStream: false }) : text),
  };
}

/** How many columns a text takes, colours not counted. Every character counts as one. */
export function textWidth(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}

function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
}
