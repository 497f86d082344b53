import { absent, type Figure, found, type MachineFacts, type Measurements, NOTHING_MEASURED } from "../../hal/index.ts";

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
      virtualization: undefined,
      fpu: sample.fpu ?? true,
      features: [],
      byteOrder: "little",
      logicalCpus,
      cores: logicalCpus,
      sockets: 1,
      threadsPerCore: 1,
      clusters: [],
      caches: [],
      minHz: undefined,
      maxHz: undefined,
      governors: [],
      allowedCpus,
      quotaMilliCpus,
      effectiveMilliCpus: Math.min(allowedCpus * 1000, quotaMilliCpus ?? Number.POSITIVE_INFINITY),
    }),
    memory: found({
      totalBytes: memoryBytes,
      availableBytes: memoryBytes,
      cgroupLimitBytes,
      usableBytes: Math.min(memoryBytes, cgroupLimitBytes ?? memoryBytes),
      swapTotalBytes: 0,
      swapFreeBytes: 0,
      swaps: [],
      zram: undefined,
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
    volumes: absent("none"),
    gpus: absent("none"),
    interfaces: absent("none"),
    routes: absent("none"),
    platform: absent("none"),
    board: absent("none"),
    thermal: absent("none"),
    power: absent("none"),
    clocks: absent("none"),
    watchdogs: absent("none"),
    tpm: absent("none"),
    serialPorts: absent("none"),
    hidDevices: absent("none"),
  };
}

/** A CPU figure whose threads got that much. */
export function makeCpuFigure(threads: number, gotMilliCpus: number, othersMilliCpus: number | undefined = 0): Figure {
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

/** A figure of that name and nothing special. */
export function makeFigure(name: string, value: number, unit: string): Figure {
  return { name, version: 1, value, unit, slices: [value], spreadPercent: 0, durationMs: 1000, conditions: {} };
}

/** A figure of the disk. */
export function makeDiskFigure(value: number, name = "disk.durable-writes", unit = "writes/s"): Figure {
  return { ...makeFigure(name, value, unit), conditions: { blockBytes: 4096, fileBytes: 2 ** 20, direct: true } };
}

/** Measurements of a machine whose eight threads got all they asked for, and for long. */
export function makeMeasured(
  writes = 5000,
  cpu: Figure = makeCpuFigure(8, 8000),
  more: { readonly sustainedPermille?: number; readonly reads?: number } = {},
): Measurements {
  const sustained = makeFigure("cpu.sustained", more.sustainedPermille ?? 970, "permille");
  const reads = makeDiskFigure(more.reads ?? 12_000, "disk.random-read", "IOPS");
  return { ...NOTHING_MEASURED, cpu: found([cpu, sustained]), disk: found([makeDiskFigure(writes), reads]) };
}
