import type { Runtime } from "../runtime.ts";
import { commandOf, HELPER_ENV, JAIL_USER, type Jail, limitWords } from "./jail.ts";

/** What a plain child process can be made of. */
export interface ChildProcessParts {
  readonly runtime: Runtime;
  readonly prlimit?: string | undefined;
  readonly setpriv?: string | undefined;
  /** Whether to give up this process's user for `nobody`; only root can. */
  readonly changeUser: boolean;
  readonly isRoot: boolean;
}

/**
 * The least: a child process with what limits there are. The module sees no files because its host has no call that opens one;
 * should it break out of the engine, it has the rights of the runner's user.
 */
export function makeChildProcessJail(parts: ChildProcessParts): Jail {
  const { runtime, prlimit, setpriv, changeUser, isRoot } = parts;
  const unchanged = isRoot && !changeUser ? " as root" : "";
  const added = [prlimit === undefined ? "" : " + prlimit", setpriv === undefined ? "" : " + setpriv"].join("");
  return {
    isolation: { level: "process", mechanism: `child process${unchanged}${added}` },
    programs: [...(prlimit === undefined ? [] : ["prlimit"]), ...(setpriv === undefined ? [] : ["setpriv"])],
    // A second thread is the weaker watch: it stands still with the runner when that is paused.
    watchParent: setpriv === undefined,
    command: (program) =>
      commandOf(
        [
          ...limitWords(prlimit, program, !changeUser),
          ...(setpriv === undefined ? [] : [setpriv, "--no-new-privs", "--pdeathsig", "KILL"]),
          runtime.nodePath,
          ...program.flags,
          `${runtime.runnerFolder}/${runtime.runnerFile}`,
          JSON.stringify(program.settings),
        ],
        HELPER_ENV,
        changeUser ? JAIL_USER : undefined,
      ),
  };
}
