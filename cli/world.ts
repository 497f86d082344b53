import { type Clock, type Log, type LogLevel, makeLog } from "../base/index.ts";
import { makeTerminal, type OutputStream, type Terminal } from "./terminal.ts";

type Signal = "SIGINT" | "SIGTERM" | "SIGHUP";

/** The process around a command line, handed in by `main.ts`. */
export interface World {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly clock: Clock;
  /** The version of this program. */
  readonly version: string;
  /** Calls the handler at each signal until the answer is called. */
  readonly onSignal: (signal: Signal, handler: () => void) => () => void;
  /** Ends the process without further ado. */
  readonly exitNow: (code: number) => void;
}

/** What every verb is handed. */
export interface Verb extends World {
  readonly terminal: Terminal;
}

/** The verb's surroundings, quiet or not. */
export function makeVerb(world: World, quiet: boolean): Verb {
  return { ...world, terminal: makeTerminal(world, { quiet }) };
}

/** The log of a program: lines for people on a terminal, JSON for journald and collectors. */
export function logFor(verb: Verb, program: string, level: LogLevel): Log {
  return makeLog({ level, program, format: verb.stderr.isTTY === true ? "text" : "json" });
}

/** A signal that is aborted by Ctrl-C or SIGTERM; a second Ctrl-C, a moment later, ends the process at once. */
export function untilStopped(verb: Verb): { readonly signal: AbortSignal; readonly release: () => void } {
  const stopping = new AbortController();
  let firstAt = 0;
  const onStop = (): void => {
    // A terminal's Ctrl-C may arrive twice, through a parent that forwards it.
    if (stopping.signal.aborted && verb.clock.monotonicMs() - firstAt > 500) verb.exitNow(130);
    if (!stopping.signal.aborted) firstAt = verb.clock.monotonicMs();
    stopping.abort();
  };
  const releases = [verb.onSignal("SIGINT", onStop), verb.onSignal("SIGTERM", onStop)];
  const release = (): void => {
    for (const each of releases) each();
  };
  return { signal: stopping.signal, release };
}
