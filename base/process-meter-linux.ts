import { existsSync, readdirSync, readFileSync } from "node:fs";
import { type MeterOptions, makeUsageAccount, type ProcessMeter, type ProcessReading, parseProcess } from "./process-meter.ts";

/** Answers the pids of a process's children, zombies included; nothing for a process that is gone. */
export type FindChildren = (pid: number) => readonly number[];

/**
 * Puts a meter on the process `pid` and its descendants, read from `/proc` of this machine. A descendant that was seen once stays
 * in the tree when its parent ends and it is handed to another one. Processes that live shorter than the time between two
 * readings count through the parent that reaps them.
 */
export function meterProcessTree(pid: number, options: MeterOptions): ProcessMeter {
  const account = makeUsageAccount();
  let known: ReadonlyMap<number, number | undefined> = new Map([[pid, undefined]]);
  const sample = (): void => {
    const tree = readProcessTree(known, chooseFindChildren());
    account.add(performance.now(), tree);
    known = new Map(tree.map((one) => [one.pid, one.startTicks]));
    isOver ||= tree.length === 0;
  };
  let isOver = false;
  sample();
  const timer = setInterval(() => {
    if (!isOver) sample();
  }, options.intervalMs);
  timer.unref();
  return {
    read: () => {
      if (!isOver) sample();
      return account.usage();
    },
    stop: () => {
      if (!isOver) sample();
      isOver = true;
      clearInterval(timer);
      return account.usage();
    },
  };
}

/**
 * The processes `roots` and all their descendants that live now, each once. A root is named by its pid and by when it started (in
 * clock ticks since boot, undefined where that is not known yet): another process that got its pid is left out, with all that it
 * started.
 */
export function readProcessTree(roots: ReadonlyMap<number, number | undefined>, findChildren: FindChildren): ProcessReading[] {
  const seen = new Set(roots.keys());
  const tree: ProcessReading[] = [];
  // A set iterates over what is added while it does.
  for (const pid of seen) {
    const reading = parseProcess(readText(`/proc/${pid}/stat`), readText(`/proc/${pid}/status`));
    if (reading === undefined || (roots.get(pid) ?? reading.startTicks) !== reading.startTicks) continue;
    tree.push(reading);
    for (const child of findChildren(pid)) seen.add(child);
  }
  return tree;
}

/** The pids of a process and of all its living descendants, itself first; none when it is gone. */
export function listProcessTree(pid: number): readonly number[] {
  return readProcessTree(new Map([[pid, undefined]]), chooseFindChildren()).map((one) => one.pid);
}

/** The cheap way where the kernel has it (CONFIG_PROC_CHILDREN), else the way that always works. */
function chooseFindChildren(): FindChildren {
  return existsSync("/proc/thread-self/children") ? childrenByTask : childrenByScan();
}

/** Children as the kernel lists them for each thread of a process, proc_tid_children(5). */
export function childrenByTask(pid: number): readonly number[] {
  return namesIn(`/proc/${pid}/task`).flatMap((thread) =>
    readText(`/proc/${pid}/task/${thread}/children`).split(" ").filter(Boolean).map(Number),
  );
}

/** Children from one look at every process of the machine, for kernels without a list of them. */
export function childrenByScan(): FindChildren {
  const byParent = new Map<number, number[]>();
  for (const name of namesIn("/proc").filter((one) => /^\d+$/.test(one))) {
    const reading = parseProcess(readText(`/proc/${name}/stat`), "");
    if (reading === undefined) continue;
    const siblings = byParent.get(reading.parentPid);
    if (siblings === undefined) byParent.set(reading.parentPid, [reading.pid]);
    else siblings.push(reading.pid);
  }
  return (pid) => byParent.get(pid) ?? [];
}

/** What a file of `/proc` says, or nothing when its process ended meanwhile. */
function readText(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
