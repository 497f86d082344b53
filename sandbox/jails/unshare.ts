import { dirname } from "node:path";
import type { Runtime } from "../runtime.ts";
import { commandOf, HELPER_ENV, JAIL_USER, type Jail, limitWords } from "./jail.ts";
import { INNER_NODE, INNER_RUNNER, libraryFolders } from "./layout.ts";

/** The programs that this jail is made of: util-linux, and `chroot`, `env` and `mkdir` of coreutils. */
export const UNSHARE_PROGRAMS = ["unshare", "setpriv", "sh", "mount", "umount", "pivot_root", "mkdir", "env", "chroot"] as const;

/** What a jail out of util-linux is made of. */
export interface UnshareParts {
  readonly runtime: Runtime;
  readonly unshare: string;
  readonly prlimit?: string | undefined;
  readonly isRoot: boolean;
  /** Those of `/usr`, `/bin`, `/sbin`, `/lib*` that exist: what builds the jail is found there. */
  readonly systemFolders: readonly string[];
}

/** Where the new root is put together: a folder that every Linux has, and that nothing is bound from. */
const STAGE = "/sys";
/** The runner's root, seen from the new root. */
const INNER_ROOT = "/jail";

/**
 * Builds the jail and stays as its first process. Arguments: the mounts as an fstab, folders and files to create (a line each),
 * then the command that goes into the inner root.
 *
 * The old root is detached, so nothing of the machine but the system's programs is left in the namespace, and those are outside
 * of the inner root. Old mounts can only be found through the old /proc while that is there. The command is a child and not this
 * process, because it loses the death signal when it changes its user; as the first process, this one ends all others in the
 * namespace with itself, and it ends when descriptor 0 does, which the agent holds. A shell writes "Killed" to its own standard error
 * when its child was, so the command alone has that of the job, in a shell of its
 * own: dash redirects for a command before it forks.
 */
const BUILD_SCRIPT = `set -euf
mount -n -t tmpfs -o mode=0755,size=256k,nosuid,nodev bonusnode ${STAGE}
cd ${STAGE}
IFS='
'
mkdir -p old $2
[ -d proc ] || ln -s old/proc proc
for file in $3; do : > ".$file"; done
printf %s "$1" > fstab
mount -n -a -T fstab
shift 3
pivot_root . old
cd /
umount -n -l /old
exec 5<&0
(
  set +e
  exec 6>&2 2>/dev/null
  (exec "$@" 0</dev/null 2>&6 5<&- 6>&-)
  printf '{"kind":"died","code":%d}\\n' $? >&3
) &
exec 0</dev/null 1>/dev/null 2>&1 3>&-
read -r _ <&5 || :
`;

/**
 * Namespaces by unshare(1) and a root built with mount(8) and pivot_root(8). Root then takes the user `nobody` without
 * capabilities in a chroot; an ordinary user, who has only his own number to map, goes through a second user namespace, where he
 * is nobody special. A process in a chroot cannot make user namespaces, which closes the way to most of the kernel's newer
 * corners.
 */
export function makeUnshareJail(parts: UnshareParts): Jail {
  const { runtime, unshare, prlimit, isRoot } = parts;
  const layout = layOut(parts);
  const enter = isRoot
    ? [
        ...["setpriv", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all,+setuid,+setgid,+sys_chroot"],
        ...["chroot", `--userspec=+${JAIL_USER}:+${JAIL_USER}`, "--groups=", INNER_ROOT],
      ]
    : [
        ...["setpriv", "--no-new-privs", "--inh-caps=-all"],
        ...["unshare", "--user", `--map-user=${JAIL_USER}`, `--map-group=${JAIL_USER}`, `--root=${INNER_ROOT}`, "--wd=/"],
      ];
  return {
    isolation: { level: "namespaces", mechanism: "util-linux unshare+setpriv" },
    programs: ["unshare", "setpriv", ...(prlimit === undefined ? [] : ["prlimit"])],
    watchParent: false,
    command: (program) =>
      commandOf(
        [
          ...limitWords(prlimit, program, !isRoot),
          unshare,
          ...(isRoot ? [] : ["--user", "--map-root-user"]),
          ...["--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child"],
          ...["sh", "-c", BUILD_SCRIPT, "sh", layout.fstab, layout.folders, layout.files],
          ...["env", "-i", `PATH=${HELPER_ENV.PATH}`, `LD_LIBRARY_PATH=${libraryFolders(runtime).join(":")}`, ...enter],
          ...[INNER_NODE, ...program.flags, `${INNER_RUNNER}/${runtime.runnerFile}`, JSON.stringify(program.settings)],
        ],
        HELPER_ENV,
      ),
  };
}

function layOut({ runtime, systemFolders, isRoot }: UnshareParts): { fstab: string; folders: string; files: string } {
  const readOnly = "ro,nosuid,nodev";
  const files = [
    { from: "/dev/null", to: "/dev/null", how: "bind,nosuid" },
    { from: runtime.nodePath, to: `${INNER_ROOT}${INNER_NODE}`, how: `bind,${readOnly}` },
    ...runtime.libraries.map((path) => ({ from: path, to: `${INNER_ROOT}${path}`, how: `bind,${readOnly}` })),
  ];
  const folders = [
    ...systemFolders.map((path) => ({ from: path, to: path, how: `rbind,${readOnly}` })),
    { from: runtime.runnerFolder, to: `${INNER_ROOT}${INNER_RUNNER}`, how: `bind,${readOnly}` },
    // The second user namespace is mapped through /proc. It stays outside of the inner root.
    ...(isRoot ? [] : [{ from: "/proc", to: "/proc", how: "rbind,nosuid" }]),
  ];
  const mounts = [...folders, ...files].map(({ from, to, how }) => `${escaped(from)} ${escaped(STAGE + to)} none ${how} 0 0\n`);
  const needed = new Set([...folders.map(({ to }) => to), ...files.map(({ to }) => dirname(to))]);
  return {
    fstab: mounts.join(""),
    folders: [...needed].map((path) => `.${path}`).join("\n"),
    files: files.map(({ to }) => to).join("\n"),
  };
}

/** A path as fstab(5) wants it: white space and backslashes in octal. */
function escaped(path: string): string {
  return path.replace(/[\s\\]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`);
}
