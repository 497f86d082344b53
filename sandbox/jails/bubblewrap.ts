import type { Runtime } from "../runtime.ts";
import { commandOf, HELPER_ENV, JAIL_USER, type Jail, limitWords } from "./jail.ts";
import { INNER_NODE, INNER_RUNNER, libraryFolders } from "./layout.ts";

/** What a bubblewrap jail is made of. */
export interface BubblewrapParts {
  readonly runtime: Runtime;
  readonly bwrap: string;
  /** As in `bubblewrap 0.8.0`. */
  readonly version: string;
  readonly prlimit?: string | undefined;
  /** Root hands bubblewrap to `nobody`, so that the runner is not root outside of its namespace either. */
  readonly isRoot: boolean;
}

/**
 * bubblewrap, bwrap(1): all namespaces new, no capabilities, no new privileges, an empty root with Node, its libraries and the
 * runner in it, read-only. Killing the outer process, or this one, ends all.
 */
export function makeBubblewrapJail({ runtime, bwrap, version, prlimit, isRoot }: BubblewrapParts): Jail {
  const mechanism = /^bubblewrap [\d.]+$/.test(version) ? version : "bubblewrap";
  return {
    isolation: { level: "namespaces", mechanism },
    programs: ["bwrap", ...(prlimit === undefined ? [] : ["prlimit"])],
    watchParent: false,
    command: (program) =>
      commandOf(
        [
          ...limitWords(prlimit, program, !isRoot),
          bwrap,
          ...["--unshare-all", "--unshare-user", "--die-with-parent", "--new-session"],
          ...(canDisableUserNamespaces(version) ? ["--disable-userns"] : []),
          ...["--uid", `${JAIL_USER}`, "--gid", `${JAIL_USER}`, "--cap-drop", "ALL", "--clearenv"],
          ...["--setenv", "LD_LIBRARY_PATH", libraryFolders(runtime).join(":")],
          ...runtime.libraries.flatMap((path) => ["--ro-bind", path, path]),
          ...["--ro-bind", runtime.nodePath, INNER_NODE, "--ro-bind", runtime.runnerFolder, INNER_RUNNER],
          ...["--remount-ro", "/", "--chdir", "/", "--"],
          ...[INNER_NODE, ...program.flags, `${INNER_RUNNER}/${runtime.runnerFile}`, JSON.stringify(program.settings)],
        ],
        HELPER_ENV,
        isRoot ? JAIL_USER : undefined,
      ),
  };
}

/** `--disable-userns` came with 0.8.0; without it a broken-out runner could make namespaces of its own inside the jail. */
function canDisableUserNamespaces(version: string): boolean {
  const [major = 0, minor = 0] = (/(\d+)\.(\d+)/.exec(version) ?? []).slice(1).map(Number);
  return major > 0 || minor >= 8;
}
