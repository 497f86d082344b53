import type { ChannelMessage } from "./channel.ts";

/** A process as `/proc/<pid>/status` shows it, proc_pid_status(5). */
export interface OutsideView {
  /** Its pid in each nested pid namespace, ours first. */
  readonly pids: readonly number[];
  /** Whether it has no capability, effective or to be had again. */
  readonly isPowerless: boolean;
  readonly hasNoNewPrivileges: boolean;
  /** Bytes mapped writable: what RLIMIT_DATA counts. */
  readonly mappedBytes: number;
}

/** The view that a status file gives, or undefined where it is not one. */
export function parseOutsideView(status: string): OutsideView | undefined {
  const field = (name: string): string | undefined => new RegExp(`^${name}:\\s*(.*)$`, "m").exec(status)?.[1];
  const pid = field("Pid");
  if (pid === undefined) return undefined;
  const sets = ["CapInh", "CapPrm", "CapEff", "CapAmb"].map(field);
  return {
    pids: (field("NSpid") ?? pid).split(/\s+/).map(Number),
    isPowerless: sets.every((set) => set !== undefined && /^0+$/.test(set)),
    hasNoNewPrivileges: field("NoNewPrivs") === "1",
    mappedBytes: Number.parseInt(field("VmData") ?? "0", 10) * 1024,
  };
}

/** The one of several processes that calls itself `pid` in the innermost namespace. */
export function findRunner(views: readonly OutsideView[], pid: number): OutsideView | undefined {
  const same = views.filter((view) => view.pids.at(-1) === pid);
  return same.sort((left, right) => right.pids.length - left.pids.length)[0];
}

/**
 * What is missing from the isolation that a jail of level `namespaces` promises, or undefined. One half is what the runner sees
 * from the inside before it takes a job, the other what the kernel says about it from the outside.
 */
export function findIsolationGap(ready: ChannelMessage & { kind: "ready" }, view: OutsideView | undefined): string | undefined {
  if (view === undefined) return "the runner is not among the jail's processes";
  if (view.pids.length < 2) return "the runner has no pid namespace of its own";
  if (!view.isPowerless) return "the runner has capabilities";
  if (!view.hasNoNewPrivileges) return "the runner could gain privileges";
  if (ready.sees.length > 0) return `the runner sees ${ready.sees.slice(0, 3).join(", ")}`;
  const interfaces = ready.interfaces.filter((name) => name !== "lo");
  return interfaces.length === 0 ? undefined : `the runner sees the network (${interfaces.slice(0, 3).join(", ")})`;
}
