/**
 * What a tree of processes used since the meter was put on it, read from outside the work.
 *
 * Memory is resident set size (RSS), summed over the processes: pages that several of them share count once for each. PSS would
 * share them out, but needs the right to trace the process and walks its page tables at every reading.
 */
export interface ProcessUsage {
  /**
   * CPU time in user and kernel mode, of the living processes and of those they have reaped, in microseconds (steps of 10 ms).
   */
  readonly cpuMicros: bigint;
  /** Resident bytes integrated over time (trapezoids between the readings), in byte-seconds. */
  readonly memoryByteSeconds: bigint;
  /** Most resident bytes at one reading, and at least the kernel's own high-water mark of each single process. */
  readonly peakMemoryBytes: bigint;
}

/** A meter on a process and all that it starts. */
export interface ProcessMeter {
  /** Reads now. Never throws: once the tree is gone it answers what was read last. */
  read(): ProcessUsage;
  /** Reads once more, if it still can, and ends the periodic readings. Calling it again answers the same. */
  stop(): ProcessUsage;
}

/** How a meter reads. */
export interface MeterOptions {
  /** Time between the meter's own readings, in milliseconds. Memory between two of them is interpolated. */
  readonly intervalMs: number;
}

/** Puts a meter on the process `pid` and its descendants, present and future. */
export type MeterProcessTree = (pid: number, options: MeterOptions) => ProcessMeter;

/** One process at one moment. */
export interface ProcessReading {
  readonly pid: number;
  readonly parentPid: number;
  /** When it started, in clock ticks since boot: tells a process from a later one with the same pid. */
  readonly startTicks: number;
  /** utime + stime + cutime + cstime, in clock ticks. */
  readonly cpuTicks: number;
  readonly residentBytes: number;
  /** Most that it ever held resident (VmHWM), in bytes. */
  readonly peakBytes: number;
}

/** USER_HZ: what the kernel tells user space a tick is, 1/100 s on every architecture that Node runs on (proc(5), sysconf(3)). */
const TICKS_PER_SECOND = 100;
const MICROS_PER_TICK = 1_000_000 / TICKS_PER_SECOND;

/** Folds readings of a tree into its usage. */
export interface UsageAccount {
  /** Adds one reading of the whole tree at `atMs` on a clock that never jumps. */
  add(atMs: number, tree: readonly ProcessReading[]): void;
  usage(): ProcessUsage;
}

/**
 * An account of one tree. A process that ends hands its time to the parent that reaps it (cutime); where its parent is outside
 * the tree or ended with it, nobody in the tree takes it over, and the last reading is kept here instead.
 */
export function makeUsageAccount(): UsageAccount {
  let last: { readonly atMs: number; readonly bytes: number; readonly tree: readonly ProcessReading[] } | undefined;
  let departedTicks = 0;
  let totalTicks = 0;
  let byteMillis = 0n;
  let peakBytes = 0;
  return {
    add: (atMs, tree) => {
      const living = new Set(tree.map(identityOf));
      const livingPids = new Set(tree.map((one) => one.pid));
      for (const gone of last?.tree ?? []) {
        if (!living.has(identityOf(gone)) && !livingPids.has(gone.parentPid)) departedTicks += gone.cpuTicks;
      }
      // A child that is reaped between the reading of its parent and its own is missed once: never count backwards.
      totalTicks = Math.max(totalTicks, departedTicks + sumOf(tree, (one) => one.cpuTicks));
      const bytes = sumOf(tree, (one) => one.residentBytes);
      if (last !== undefined) byteMillis += BigInt(Math.round(((last.bytes + bytes) / 2) * (atMs - last.atMs)));
      peakBytes = Math.max(peakBytes, bytes, ...tree.map((one) => one.peakBytes));
      last = { atMs, bytes, tree };
    },
    usage: () => ({
      cpuMicros: BigInt(totalTicks) * BigInt(MICROS_PER_TICK),
      memoryByteSeconds: byteMillis / 1000n,
      peakMemoryBytes: BigInt(peakBytes),
    }),
  };
}

function identityOf(one: ProcessReading): string {
  return `${one.pid}@${one.startTicks}`;
}

function sumOf(tree: readonly ProcessReading[], take: (one: ProcessReading) => number): number {
  return tree.reduce((sum, one) => sum + take(one), 0);
}

/**
 * One process from its `/proc/<pid>/stat` and `/proc/<pid>/status`, or undefined where `stat` is not one. A zombie has no memory
 * lines: it holds none. Follows proc_pid_stat(5) and proc_pid_status(5).
 */
export function parseProcess(stat: string, status: string): ProcessReading | undefined {
  // The name, in parentheses, may itself hold spaces and parentheses: the fields start after the last one.
  const nameEnd = stat.lastIndexOf(")");
  const pid = Number.parseInt(stat, 10);
  const fields = stat.slice(nameEnd + 2).split(" ");
  const field = (number: number): number => Number(fields[number - 3]);
  const parentPid = field(4);
  const cpuTicks = field(14) + field(15) + field(16) + field(17);
  const startTicks = field(22);
  if (nameEnd < 0 || ![pid, parentPid, cpuTicks, startTicks].every(Number.isSafeInteger)) return undefined;
  const residentBytes = kibibytes(status, "VmRSS") ?? 0;
  return { pid, parentPid, startTicks, cpuTicks, residentBytes, peakBytes: kibibytes(status, "VmHWM") ?? 0 };
}

function kibibytes(status: string, name: string): number | undefined {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
  return found === undefined ? undefined : Number(found) * 1024;
}
