/**
 * OpenWrt's configuration files (https://openwrt.org/docs/guide-user/base-system/uci, "file syntax"). They hold passwords and keys
 * too, so only the options that are asked for are kept.
 */
import { MAX_UCI_SECTIONS } from "../limits.ts";
import { cleanText } from "./text.ts";

/** One section: `config interface 'wan'` and the options below it. */
export interface UciSection {
  readonly type: string;
  readonly name: string | undefined;
  /** Values by option; a list has several. */
  readonly options: ReadonlyMap<string, readonly string[]>;
}

/** Values of one option that are kept; a bridge has one for each port. */
const MAX_VALUES = 64;

/** A word as the syntax has it: quoted, with anything but the quote inside, or plain. */
const WORD = /\s+(?:'([^']*)'|"([^"]*)"|([^\s'"#]+))/y;

/**
 * The sections of a configuration file with the `wanted` options, at most MAX_UCI_SECTIONS. Lines that are no such thing are left
 * out, and with them texts over several lines, which none of the wanted options has.
 */
export function parseUci(text: string, wanted: ReadonlySet<string>): readonly UciSection[] {
  const sections: { type: string; name: string | undefined; options: Map<string, string[]> }[] = [];
  for (const line of text.split("\n")) {
    const [keyword, first, second] = wordsOf(line);
    if (keyword === "config" && first !== undefined) {
      if (sections.length === MAX_UCI_SECTIONS) break;
      sections.push({ type: first, name: second, options: new Map() });
    }
    const options = sections.at(-1)?.options;
    if (options === undefined || first === undefined || second === undefined || !wanted.has(first)) continue;
    const values = options.get(first) ?? [];
    if (keyword === "option") options.set(first, [second]);
    else if (keyword === "list" && values.length < MAX_VALUES) options.set(first, [...values, second]);
  }
  return sections;
}

/** At most three words of a line. */
function wordsOf(line: string): readonly (string | undefined)[] {
  const words: (string | undefined)[] = [];
  const text = ` ${line}`;
  WORD.lastIndex = 0;
  while (words.length < 3) {
    const match = WORD.exec(text);
    if (match === null) break;
    words.push(cleanText(match[1] ?? match[2] ?? match[3]));
  }
  WORD.lastIndex = 0;
  return words;
}
