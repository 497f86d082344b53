import { absent, type CpuFigure, type DiskFigure, found, type MachineFacts, type Measurements } from "../../hal/index.ts";

/** Values of a machine that reaches Super everywhere; tests lower one at a time. */
export interface Sample {
  readonly arch?: string;
  readonly fpu?: boolean;
  readonly logicalCpus?: number;
  readonly allowedCpus?: number;
  readonly quotaMilliCpus?: number;
  readonly memoryBytes?: number;
  readonly cgroupLimitBytes?: number;
  readonly freeBytes?: number;
  readonly readOnly?: boolean;
}

const GIB = 2 ** 30;

/** Facts of a machine that is good at everything, but for what the sample says. */
export function makeFacts(sample: Sample = {}): MachineFacts {
  const { logicalCpus = 8, memoryBytes = 16 * GIB, allowedCpus = logicalCpus, quotaMilliCpus, cgroupLimitBytes } = sample;
  return {
    cpu: found({
      arch: sample.arch ?? "x86_64",
      model: "Sample",
      vendor: undefined,
      hypervisor: false,
      fpu: sample.fpu ?? true,
      logicalCpus,
      cores: logicalCpus,
      allowedCpus,
      quotaMilliCpus,
      effectiveMilliCpus: Math.min(allowedCpus * 1000, quotaMilliCpus ?? Number.POSITIVE_INFINITY),
    }),
    memory: found({
      totalBytes: memoryBytes,
      availableBytes: memoryBytes,
      cgroupLimitBytes,
      usableBytes: Math.min(memoryBytes, cgroupLimitBytes ?? memoryBytes),
    }),
    disks: found([{ name: "sda", kind: "ssd", sizeBytes: 500 * GIB, model: undefined, removable: false, readOnly: false }]),
    volume: found({
      path: "/data",
      mountPoint: "/data",
      fileSystem: "ext4",
      device: "sda",
      kind: "ssd",
      totalBytes: 500 * GIB,
      freeBytes: sample.freeBytes ?? 200 * GIB,
      readOnly: sample.readOnly ?? false,
    }),
    gpus: absent("none"),
    interfaces: absent("none"),
    platform: absent("none"),
    board: absent("none"),
  };
}

/** A CPU figure whose threads got that much. */
export function makeCpuFigure(threads: number, gotMilliCpus: number, othersMilliCpus: number | undefined = 0): CpuFigure {
  return {
    name: "cpu.integer",
    version: 1,
    value: 1000,
    unit: "Mop/s",
    slices: [990, 1000],
    spreadPercent: 1,
    durationMs: 1000,
    conditions: { threads, gotMilliCpus, othersMilliCpus, stealPermille: 0 },
  };
}

/** A disk figure. */
export function makeDiskFigure(value: number): DiskFigure {
  return {
    name: "disk.durable-writes",
    version: 1,
    value,
    unit: "writes/s",
    slices: [value],
    spreadPercent: 0,
    durationMs: 1000,
    conditions: { blockBytes: 4096, fileBytes: 2 ** 20, direct: true },
  };
}

/** Measurements of a machine whose eight threads got all they asked for. */
export function makeMeasured(writes = 5000, cpu: CpuFigure = makeCpuFigure(8, 8000)): Measurements {
  return { cpu: found(cpu), disk: found(makeDiskFigure(writes)) };
}
