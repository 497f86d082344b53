import { writeSync } from "node:fs";
import { pino } from "pino";
import type { Log, LogLevel } from "./log.ts";

/** Where log lines go and how they look. */
export interface LogOptions {
  readonly level: LogLevel;
  /** `json`: one object a line, for journald and collectors. `text`: a line a person reads. */
  readonly format: "json" | "text";
  /** The program's name, on every line. */
  readonly program: string;
}

/** A log on standard error, written before the call returns, so that the last words of a process that dies are there. */
export function makeLog(options: LogOptions): Log {
  const write = options.format === "json" ? writeLine : (line: string) => writeLine(readable(line));
  return pino(
    {
      level: options.level,
      base: { program: options.program },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (level) => ({ level }) },
    },
    { write },
  );
}

function writeLine(line: string): void {
  try {
    writeSync(2, line);
  } catch {
    // Standard error is closed or full: there is nobody left to tell.
  }
}

/** `12:00:01 warn  broker lost  attempt=3` from the line's JSON. */
function readable(line: string): string {
  const { level, time, msg, program: _program, ...fields } = JSON.parse(line, withoutLoss) as Record<string, unknown>;
  const pairs = Object.entries(fields).map(([name, value]) => `${name}=${shown(value)}`);
  return `${String(time).slice(11, 19)} ${String(level).padEnd(5)} ${String(msg)}${pairs.length === 0 ? "" : `  ${pairs.join(" ")}`}\n`;
}

/** Whole numbers that a JavaScript number does not hold exactly stay the text they were. */
function withoutLoss(_name: string, value: unknown, { source }: { readonly source?: string } = {}): unknown {
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? source : value;
}

/** A value in a line of text: quoted where it would break the line or play tricks on the terminal. */
function shown(value: unknown): string {
  const tricky = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;
  if (typeof value === "string" && !tricky.test(value)) return value;
  return JSON.stringify(value).replace(tricky, (character) =>
    [...Array(character.length).keys()].map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`).join(""),
  );
}
