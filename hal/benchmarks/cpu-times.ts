/** Ticks since boot, summed over all CPUs. */
export interface CpuTimes {
  readonly cpus: number;
  readonly total: number;
  /** Running something, whoever's it was. */
  readonly busy: number;
  /** Taken by the hypervisor while something wanted to run. */
  readonly steal: number;
}

/**
 * /proc/stat (proc_stat(5)): a line for all CPUs, then one for each: user nice system idle iowait irq softirq steal, then guest
 * times, which user and nice hold already. Undefined where it is no such file.
 */
export function parseCpuTimes(text: string): CpuTimes | undefined {
  const ticks = /^cpu +((?:\d{1,15} +){7}\d{1,15})/.exec(text)?.[1]?.split(/ +/).map(Number);
  const cpus = text.match(/^cpu\d+ /gm)?.length ?? 0;
  if (ticks === undefined || cpus === 0) return undefined;
  const [user = 0, nice = 0, system = 0, idle = 0, waiting = 0, interrupts = 0, deferred = 0, steal = 0] = ticks;
  const busy = user + nice + system + interrupts + deferred;
  return { cpus, total: busy + idle + waiting + steal, busy, steal };
}

/** Where the time between two readings went. */
export interface CpuShares {
  /** Thousandths of a core in use, on all CPUs together. */
  readonly busyMilliCpus: number;
  /** Share that the hypervisor took, in thousandths of all time. */
  readonly stealPermille: number;
}

/** Undefined where a reading is missing or no time has passed. */
export function cpuShares(before: CpuTimes | undefined, after: CpuTimes | undefined): CpuShares | undefined {
  if (before === undefined || after === undefined || after.total <= before.total) return undefined;
  const total = after.total - before.total;
  return {
    busyMilliCpus: Math.max(0, Math.round(((after.busy - before.busy) / total) * after.cpus * 1000)),
    stealPermille: Math.max(0, Math.round(((after.steal - before.steal) / total) * 1000)),
  };
}
