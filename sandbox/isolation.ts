/** How strangers' code is kept apart, from weaker to stronger. */
export const ISOLATION_LEVELS = ["process", "namespaces"] as const;

/**
 * `process`: a child process, resource limits as far as the machine has the programs for them, and a host that offers no files.
 * `namespaces`: also its own user or an unused one, and its own process, network, mount and IPC namespaces, no capabilities, no
 * new privileges, and a root that holds nothing but the runtime.
 */
export type IsolationLevel = (typeof ISOLATION_LEVELS)[number];

/** The isolation that is really obtained. */
export interface Isolation {
  readonly level: IsolationLevel;
  /** The program that gives it, and its version where that matters: at most 64 characters. */
  readonly mechanism: string;
}

/** Something that a machine has or lacks. */
export interface Capability {
  readonly name: string;
  readonly available: boolean;
  /** Why it is not available. */
  readonly why?: string;
}

/** Whether isolation of one level is enough where another is demanded. */
export function isIsolationEnough(obtained: IsolationLevel, demanded: IsolationLevel): boolean {
  return ISOLATION_LEVELS.indexOf(obtained) >= ISOLATION_LEVELS.indexOf(demanded);
}
