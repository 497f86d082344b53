/** What goes to which stream, and when it is coloured: each case a pair of collecting streams and an environment. */
import { test } from "tap";
import { makeTerminal, type OutputStream, textWidth } from "../../../cli/terminal.ts";

interface Collector extends OutputStream {
  text: string;
  fail(error: NodeJS.ErrnoException): void;
}

function collector(tty: { isTTY?: boolean; columns?: number } = {}): Collector {
  let listener: (error: NodeJS.ErrnoException) => void = () => undefined;
  return {
    ...tty,
    text: "",
    write(text) {
      this.text += text;
    },
    on(_event, heard) {
      listener = heard;
    },
    fail: (error) => listener(error),
  };
}

function terminalOn(tty: boolean, env: Record<string, string> = {}, quiet = false) {
  const stdout = collector(tty ? { isTTY: true, columns: 40 } : {});
  const stderr = collector(tty ? { isTTY: true, columns: 40 } : {});
  return { stdout, stderr, terminal: makeTerminal({ stdout, stderr, env }, { quiet }) };
}

test("results on standard output, the rest on standard error", (t) => {
  const { terminal, stdout, stderr } = terminalOn(false);
  terminal.print("result");
  terminal.print();
  terminal.printJson({ a: 1, b: undefined });
  terminal.note("remark");
  terminal.error("wrong");
  t.equal(stdout.text, 'result\n\n{\n  "a": 1\n}\n');
  t.equal(stderr.text, "remark\nwrong\n");
  t.end();
});

test("quiet leaves out remarks and progress, not results and errors", (t) => {
  const { terminal, stdout, stderr } = terminalOn(true, {}, true);
  terminal.note("remark");
  terminal.progress("half");
  terminal.print("result");
  terminal.error("wrong");
  t.equal(stdout.text, "result\n");
  t.equal(stderr.text, "wrong\n");
  t.end();
});

test("colour only where somebody wants it", (t) => {
  const styled = (tty: boolean, env: Record<string, string> = {}, quiet = false): string =>
    terminalOn(tty, env, quiet).terminal.style("good", "x");
  t.equal(styled(true), "\u001b[32mx\u001b[39m");
  t.equal(styled(true, { NO_COLOR: "" }), "\u001b[32mx\u001b[39m", "an empty NO_COLOR asks for nothing");
  t.equal(styled(true, { NO_COLOR: "1" }), "x");
  t.equal(styled(true, { TERM: "dumb" }), "x");
  t.equal(styled(true, {}, true), "x");
  t.equal(styled(false), "x");
  t.equal(styled(false, { FORCE_COLOR: "1" }), "x", "the environment of the process decides nothing");
  t.end();
});

test("the progress line is overwritten, cut to the width, and gone before anything else is said", (t) => {
  const { terminal, stderr, stdout } = terminalOn(true);
  terminal.progress("half");
  terminal.progress("x".repeat(100));
  terminal.print("result");
  terminal.progress(undefined);
  t.equal(stderr.text, `half\r\u001b[2K${"x".repeat(39)}\r\u001b[2K`);
  t.equal(stdout.text, "result\n");
  const piped = terminalOn(false);
  piped.terminal.progress("half");
  t.equal(piped.stderr.text, "", "nothing on a pipe");
  t.end();
});

test("the width and the characters", (t) => {
  t.equal(terminalOn(true).terminal.width, 40);
  t.equal(terminalOn(false).terminal.width, 80);
  t.equal(terminalOn(false, { COLUMNS: "120" }).terminal.width, 120);
  t.equal(makeTerminal({ stdout: collector({ isTTY: true, columns: 0 }), stderr: collector(), env: {} }).width, 80);
  t.equal(terminalOn(false, { LANG: "C.UTF-8" }).terminal.unicode, true);
  t.equal(terminalOn(false, { LANG: "de_DE.utf8", LC_ALL: "C" }).terminal.unicode, false);
  t.equal(terminalOn(false).terminal.unicode, false);
  t.equal(textWidth("\u001b[32mgrün\u001b[39m"), 4);
  t.end();
});

test("a reader that goes away is no error, anything else is", (t) => {
  const { stdout } = terminalOn(false);
  const error = (code: string): NodeJS.ErrnoException => Object.assign(new Error(code), { code });
  t.doesNotThrow(() => stdout.fail(error("EPIPE")));
  t.throws(() => stdout.fail(error("ENOSPC")));
  t.end();
});
