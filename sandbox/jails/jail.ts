import type { Isolation } from "../isolation.ts";
import { CPU_GRACE_SECONDS, MAX_JAIL_PROCESSES, MAX_OPEN_FILES } from "../limits.ts";

/** A program to start, with all that it inherits. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  /** User and group that it is started as; absent: those of this process. */
  readonly user?: number;
}

/** What is to run inside. */
export interface JailedProgram {
  /** Flags of Node and V8. */
  readonly flags: readonly string[];
  /** The runner's only argument. */
  readonly settings: RunnerSettings;
  /** CPU limit of the job, in milliseconds. */
  readonly cpuMs: number;
  /** RLIMIT_DATA in bytes; absent: none. */
  readonly mappedBytes?: number;
}

/** What the runner is told on its command line. */
export interface RunnerSettings {
  /** Paths of the machine that a jail should hide: the runner reports those that exist. */
  readonly probe: readonly string[];
  /** Whether nothing but the runner itself ends it when this process is gone. */
  readonly watchParent: boolean;
}

/**
 * One way to keep the runner apart. All of them hand it four descriptors: 0 stays open as long as this process lives, 1 and 2
 * take its output, 3 is the channel.
 */
export interface Jail {
  readonly isolation: Isolation;
  /** Names of the programs it is made of, as capabilities. */
  readonly programs: readonly string[];
  readonly watchParent: boolean;
  command(program: JailedProgram): Command;
}

/** The user and group (`nobody`) that the runner gets where this process may choose. */
export const JAIL_USER = 65_534;

/** The environment of the programs that build a jail: fixed, so that nothing of ours leaks and their messages can be read. */
export const HELPER_ENV = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" } as const;

/**
 * The words that put resource limits before a command, prlimit(1). The number of processes counts for a user on the whole
 * machine, so it is limited only where the runner's user is not the owner's.
 */
export function limitWords(prlimit: string | undefined, program: JailedProgram, isOwnUser: boolean): string[] {
  if (prlimit === undefined) return [];
  const cpuSeconds = Math.ceil(program.cpuMs / 1000) + CPU_GRACE_SECONDS;
  return [
    prlimit,
    "--core=0",
    `--nofile=${MAX_OPEN_FILES}`,
    // One second between the two: at the hard limit the kernel sends a SIGKILL that would not say why.
    `--cpu=${cpuSeconds}:${cpuSeconds + 1}`,
    ...(program.mappedBytes === undefined ? [] : [`--data=${program.mappedBytes}`]),
    ...(isOwnUser ? [] : [`--nproc=${MAX_JAIL_PROCESSES}`]),
  ];
}

/** The command out of all its words. */
export function commandOf(words: readonly string[], env: Readonly<Record<string, string>>, user?: number): Command {
  const [file = "", ...args] = words;
  return user === undefined ? { file, args, env } : { file, args, env, user };
}
