/**
 * The disk measurement: its plan and its figures from made reports, and the real thing on a real directory for what does not depend
 * on speed: that it keeps its limits, leaves nothing behind however it ends, and says why a directory takes no file.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import fc from "fast-check";
import { type Test, test } from "tap";
import { makeDiskBenchmark } from "../../../hal/benchmarks/disk-linux.ts";
import { CHUNK_BYTES, makeScatter, planDisk } from "../../../hal/benchmarks/disk-plan.ts";
import { type DiskReport, diskFigures, explainDiskError, percentileOf } from "../../../hal/benchmarks/disk-report.ts";
import type { Figure } from "../../../hal/benchmarks/figure.ts";
import { failed } from "../../../hal/index.ts";
import {
  DISK_BUDGET_MS,
  DISK_FILE_BYTES,
  DISK_FREE_SHARE,
  DISK_MIN_FILE_BYTES,
  DISK_ROUNDS,
  DISK_SMALL_BUDGET_MS,
  DISK_SMALL_FILE_BYTES,
  MAX_WRITES_PER_SLICE,
} from "../../../hal/limits.ts";
import { whyNotMeasureDisk } from "../../../hal/measure.ts";
import { readVolume } from "../../../hal/probes/volume.ts";
import { makeSimHost, makeTree } from "../../sim/machine-tree.ts";

const MIB = 1024 * 1024;

test("a plan keeps to its time and to a share of what is free", (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 300, max: 60_000 }), fc.double({ min: 0, max: 1e15, noNaN: true }), (budgetMs, freeBytes) => {
      const plan = planDisk(budgetMs, freeBytes);
      if (plan === undefined) return freeBytes / DISK_FREE_SHARE < DISK_MIN_FILE_BYTES;
      const { fileBytes, layoutMs, rounds, work, sliceMs } = plan;
      const isWithin = fileBytes <= Math.min(DISK_FILE_BYTES, freeBytes / DISK_FREE_SHARE) && fileBytes % CHUNK_BYTES === 0;
      return isWithin && layoutMs + rounds * work.length * sliceMs <= budgetMs && sliceMs > 0;
    }),
  );
  t.match(planDisk(DISK_BUDGET_MS, 1e12), { fileBytes: DISK_FILE_BYTES, work: { length: 5 } });
  t.match(planDisk(DISK_SMALL_BUDGET_MS, 1e12), {
    fileBytes: DISK_SMALL_FILE_BYTES,
    work: ["random-read", "durable-writes"],
  });
  t.equal(planDisk(DISK_BUDGET_MS, DISK_MIN_FILE_BYTES * DISK_FREE_SHARE - 1), undefined);
  t.equal(planDisk(DISK_BUDGET_MS, Number.NaN), undefined);
  t.end();
});

test("scattered places are all visited before one comes again", (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20_000 }), (count) => {
      const scatter = makeScatter(count);
      const seen = new Set(Array.from({ length: count }, scatter));
      return seen.size === count && Math.max(...seen) === count - 1 && Math.min(...seen) === 0;
    }),
  );
  t.end();
});

const REPORT: DiskReport = {
  setup: { whyBuffered: undefined, fileBytes: 64 * MIB, slices: 6 },
  slices: [
    { work: "sequential-read", count: 100, bytes: 100 * MIB, elapsedMs: 100 },
    { work: "random-read", count: 2000, bytes: 2000 * 4096, elapsedMs: 200 },
    { work: "durable-writes", count: 4, bytes: 4 * 4096, elapsedMs: 8, latenciesUs: [1000, 2000, 3000, 2000.4] },
    { work: "sequential-read", count: 100, bytes: 100 * MIB, elapsedMs: 200 },
    { work: "random-read", count: 1000, bytes: 1000 * 4096, elapsedMs: 200 },
    { work: "durable-writes", count: 2, bytes: 2 * 4096, elapsedMs: 16, latenciesUs: [9000, 7000] },
  ],
  writtenBytes: 70 * MIB,
  durationMs: 1234,
};

test("figures out of slices", (t) => {
  const conditions = { fileBytes: 64 * MIB, direct: true, writtenBytes: 70 * MIB };
  t.strictSame(diskFigures(REPORT), [
    {
      name: "disk.sequential-read",
      version: 1,
      unit: "MB/s",
      value: 1048,
      slices: [1048, 524],
      spreadPercent: 50,
      durationMs: 1234,
      conditions: { blockBytes: MIB, ...conditions },
    },
    {
      name: "disk.random-read",
      version: 1,
      unit: "IOPS",
      value: 10_000,
      slices: [10_000, 5000],
      spreadPercent: 50,
      durationMs: 1234,
      conditions: { blockBytes: 4096, ...conditions },
    },
    {
      name: "disk.durable-writes",
      version: 2,
      unit: "writes/s",
      value: 500,
      slices: [500, 125],
      spreadPercent: 75,
      durationMs: 1234,
      conditions: { blockBytes: 4096, ...conditions },
    },
    {
      name: "disk.sync-p50",
      version: 1,
      value: 2000,
      unit: "us",
      slices: [2000, 7000],
      spreadPercent: 71,
      durationMs: 1234,
      conditions: { blockBytes: 4096, ...conditions, samples: 6 },
    },
    {
      name: "disk.sync-p99",
      version: 1,
      value: 9000,
      unit: "us",
      slices: [3000, 9000],
      spreadPercent: 67,
      durationMs: 1234,
      conditions: { blockBytes: 4096, ...conditions, samples: 6 },
    },
  ]);
  const buffered = diskFigures({
    ...REPORT,
    setup: { ...REPORT.setup, whyBuffered: "memory" },
    slices: REPORT.slices.slice(2, 3),
  });
  t.same(
    buffered.map((figure) => [figure.name, figure.conditions["direct"], figure.conditions["readsLeftOut"]]),
    [
      ["disk.durable-writes", false, "memory"],
      ["disk.sync-p50", false, "memory"],
      ["disk.sync-p99", false, "memory"],
    ],
  );
  t.same(diskFigures({ ...REPORT, slices: [] }), []);
  t.end();
});

test("percentiles are values that occurred", (t) => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
  t.equal(percentileOf(hundred, 50), 50);
  t.equal(percentileOf(hundred, 99), 99);
  t.equal(percentileOf([7], 99), 7);
  t.ok(Number.isNaN(percentileOf([], 50)));
  fc.assert(
    fc.property(fc.array(fc.nat(), { minLength: 1 }), fc.integer({ min: 1, max: 100 }), (values, percent) => {
      const value = percentileOf(values, percent);
      const notAbove = values.filter((each) => each <= value).length;
      return values.includes(value) && notAbove * 100 >= values.length * percent;
    }),
  );
  t.end();
});

test("every error of a file system says what to do or what it means", (t) => {
  const said = (code: string) => explainDiskError({ code, message: "-" }, "/data");
  t.match(said("EACCES"), { code: "denied", message: /no permission to write in \/data/ });
  t.match(said("EPERM"), { code: "denied" });
  t.match(said("EROFS"), { code: "unreadable", message: /read-only/ });
  t.match(said("ENOSPC"), { code: "unreadable", message: /no room in \/data/ });
  t.match(said("EDQUOT"), { code: "unreadable", message: /quota/ });
  t.match(said("EIO"), { code: "unreadable", message: /input\/output error/ });
  t.match(said("ENOENT"), { code: "unreadable", message: /\/data is no directory/ });
  t.match(said("ENOTSUP"), { code: "unreadable", message: /takes no such file/ });
  t.match(said("ENOMEM"), { code: "unreadable", message: "cannot write in /data: ENOMEM" });
  t.match(explainDiskError({ message: "a bug" }, "/data"), { message: /a bug/ });
  t.end();
});

/** A directory on the disk, or wherever temporary files are. */
function makeDirectory(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), "bonusnode-disk-"));
  t.teardown(() => rmSync(directory, { recursive: true }));
  return directory;
}

/** Files of this process that lie in a directory, named or not. */
function openIn(directory: string): string[] {
  return readdirSync("/proc/self/fd").flatMap((name) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${name}`);
      return path.startsWith(`${directory}/`) ? [path] : [];
    } catch {
      return [];
    }
  });
}

const DIRECT = ["sequential-read", "sequential-write", "random-read", "random-write", "durable-writes", "sync-p50", "sync-p99"];
const READ_OR_UNSYNCED = /read|random-write/;

/** Where temporary files lie in memory or reads come from there, only what is synced is measured. */
function expectedNames(figures: readonly Figure[], names: readonly string[]): string[] {
  const isDirect = figures[0]?.conditions["direct"] === true;
  return names.filter((name) => isDirect || !READ_OR_UNSYNCED.test(name)).map((name) => `disk.${name}`);
}

test("a whole measurement", async (t) => {
  const directory = makeDirectory(t);
  const fractions: number[] = [];
  let namesSeen = 0;
  let turns = 0;
  const ticking = setInterval(() => turns++, 1);
  const result = await makeDiskBenchmark()(
    { directory, budgetMs: 1500, freeBytes: 8 * MIB * DISK_FREE_SHARE },
    {
      onProgress: (fraction) => {
        fractions.push(fraction);
        namesSeen += readdirSync(directory).length;
      },
    },
  );
  clearInterval(ticking);
  if (result.kind !== "found") return t.fail(JSON.stringify(result));
  const names = result.value.map(({ name }) => name);
  t.same(names, expectedNames(result.value, DIRECT));
  for (const { name, value, slices, spreadPercent, durationMs, conditions } of result.value) {
    t.ok(Number.isSafeInteger(value) && value >= 0, name);
    t.ok(slices.length >= 1 && slices.length <= DISK_ROUNDS, name);
    if (!name.includes("sync")) t.equal(value, Math.max(...slices), name);
    t.ok(spreadPercent >= 0 && spreadPercent <= 100, name);
    t.ok(Number.isSafeInteger(durationMs), name);
    t.ok(Number(conditions["fileBytes"]) <= 8 * MIB && Number(conditions["fileBytes"]) >= MIB, name);
    t.ok(Number(conditions["writtenBytes"]) <= 2 * 8 * MIB + 2 * DISK_ROUNDS * MAX_WRITES_PER_SLICE * 4096 + 4096, name);
  }
  t.same(
    fractions,
    fractions.toSorted((left, right) => left - right),
  );
  t.ok((fractions.at(-1) ?? 2) <= 1);
  t.ok(turns > 0, "the event loop went on");
  t.equal(namesSeen, 0, "the file has no name while it is written");
  t.same(readdirSync(directory), []);
  t.same(openIn(directory), []);
});

test("a small device is asked for less", async (t) => {
  const result = await makeDiskBenchmark()({ directory: makeDirectory(t), budgetMs: 400 }, {});
  if (result.kind !== "found") return t.fail(JSON.stringify(result));
  const names = result.value.map(({ name }) => name);
  t.same(names, expectedNames(result.value, ["random-read", "durable-writes", "sync-p50", "sync-p99"]));
  t.ok(Number(result.value[0]?.conditions["fileBytes"]) <= DISK_SMALL_FILE_BYTES);
});

test("a directory that takes no file is told, not thrown", async (t) => {
  const measure = (directory: string) => makeDiskBenchmark()({ directory, budgetMs: 400 }, {});
  t.match(await measure("/proc"), { kind: "failed", error: { code: "unreadable", message: /cannot write in \/proc/ } });
  t.match(await measure("/no/such/place"), { kind: "failed", error: { message: /\/no\/such\/place is no directory/ } });
  t.match(await measure(import.meta.filename), { kind: "failed", error: { message: /is no directory/ } });
  // Nobody may make files there, root included; some containers mount it read-only.
  t.match(await measure("/sys"), { kind: "failed", error: { message: /no permission to write in \/sys|read-only/ } });
});

test("where too little is free nothing is measured", async (t) => {
  const directory = makeDirectory(t);
  const result = await makeDiskBenchmark()({ directory, budgetMs: 400, freeBytes: 10 * MIB }, {});
  t.match(result, { kind: "absent", why: /only 10 MB are free/ });
});

test("a stop ends it with its reason, and the file is gone", async (t) => {
  const directory = makeDirectory(t);
  const reason = new Error("enough");
  const early = AbortSignal.abort(reason);
  await t.rejects(makeDiskBenchmark()({ directory, budgetMs: 1500 }, { signal: early }), { message: "enough" });
  for (const after of [1, 2, 7]) {
    const stop = new AbortController();
    let steps = 0;
    const onProgress = (): void => {
      steps++;
      if (steps === after) stop.abort(reason);
    };
    await t.rejects(makeDiskBenchmark()({ directory, budgetMs: 1500 }, { signal: stop.signal, onProgress }), {
      message: "enough",
    });
    t.equal(steps, after, "nothing is told after the stop");
  }
  t.same(readdirSync(directory), []);
  // The thread ends by itself, at the latest when the disk has answered it.
  while (openIn(directory).length > 0) await new Promise(setImmediate);
});

test("a kill in the middle leaves nothing behind", async (t) => {
  const directory = makeDirectory(t);
  for (const after of [1, 5, 9]) {
    const child = spawn(process.execPath, [join(import.meta.dirname, "disk-benchmark-child.ts"), directory], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let lines = 0;
    for await (const _ of createInterface({ input: child.stdout })) {
      lines++;
      if (lines === after) child.kill("SIGKILL");
    }
    t.ok(lines >= after, "it was killed while it measured");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    t.equal(child.signalCode, "SIGKILL");
    t.same(readdirSync(directory), []);
  }
});

const CARD = {
  "/sys/dev/block/179:2": { link: "../../devices/platform/mmc0/mmc0:0001/block/mmcblk0/mmcblk0p2" },
  "/sys/class/block/mmcblk0p2": { link: "../../devices/platform/mmc0/mmc0:0001/block/mmcblk0/mmcblk0p2" },
  "/sys/devices/platform/mmc0/mmc0:0001/block/mmcblk0/mmcblk0p2/size": "100\n",
  "/sys/block/mmcblk0": { link: "../devices/platform/mmc0/mmc0:0001/block/mmcblk0" },
  "/sys/devices/platform/mmc0/mmc0:0001/block/mmcblk0/size": "60000000\n",
  "/sys/devices/platform/mmc0/mmc0:0001/block/mmcblk0/device/type": "SD\n",
} as const;

test("an overlay over flash, a card or memory is left alone", async (t) => {
  const overlay = "20 1 0:19 / / rw - overlay overlayfs:/overlay rw,lowerdir=/,upperdir=/overlay/upper,workdir=/overlay/work\n";
  const whyNot = async (mountinfo: string): Promise<string | undefined> => {
    const size = { realPath: "/data", totalBytes: 1e10, freeBytes: 1e9 };
    const volume = await readVolume(
      makeSimHost(makeTree({ ...CARD, "/proc/self/mountinfo": mountinfo }, { "/data": size })),
      "/data",
    );
    if (volume.kind !== "found") return JSON.stringify(volume);
    return whyNotMeasureDisk(volume.value, failed("malformed", "-"));
  };
  t.match(await whyNot(`${overlay}21 20 0:18 / /overlay rw - ubifs /dev/ubi0_2 rw\n`), /bare flash/);
  t.match(await whyNot(`${overlay}21 20 0:18 / /overlay rw - jffs2 /dev/mtdblock6 rw\n`), /bare flash/);
  t.match(await whyNot(`${overlay}21 20 0:18 / /overlay rw - tmpfs tmpfs rw\n`), /in memory/);
  t.match(await whyNot(`${overlay}21 20 179:2 / /overlay rw - ext4 /dev/mmcblk0p2 rw\n`), /memory card/);
  t.equal(await whyNot("20 1 179:2 / / rw - ext4 /dev/mmcblk0p2 rw\n"), undefined, "a card that is the whole disk is measured");
});
