import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import type { Figure, ProbeResult } from "../hal/index.ts";

/*
 * The disk measurement on real file systems (ext4 in a file, mounted over a loop device): the kernel limits the device to known rates and
 * the figures have to be those; a disk that is full or read-only is told; where the file system only pretends direct I/O no read is given.
 */

const DISK_BYTES = 256 * 2 ** 20;

t.setTimeout(120_000);

interface Disk {
  readonly directory: string;
  /** The kernel's number of its device, as `7:0`. */
  readonly device: string;
  unmount(): void;
}

function mountDisk(options = ""): Disk {
  const base = mkdtempSync(join(tmpdir(), "bonusnode-disk-"));
  const image = join(base, "image");
  const directory = join(base, "mounted");
  writeFileSync(image, "");
  truncateSync(image, DISK_BYTES);
  mkdirSync(directory);
  execFileSync("mkfs.ext4", ["-q", "-F", "-E", "lazy_itable_init=0", image]);
  execFileSync("mount", ["-o", `loop,${options}`.replace(/,$/, ""), image, directory]);
  const { dev } = statSync(directory);
  return {
    directory,
    device: `${dev >> 8}:${dev & 0xff}`,
    unmount: () => {
      execFileSync("umount", [directory]);
      rmSync(base, { recursive: true });
    },
  };
}

function measure(directory: string, group = ""): ProbeResult<readonly Figure[]> {
  const program = join(import.meta.dirname, "hal-disk-child.ts");
  return JSON.parse(execFileSync(process.execPath, [program, directory, group], { encoding: "utf8" })) as ProbeResult<
    readonly Figure[]
  >;
}

/** Limits of a device: requests a second and bytes a second. */
interface Limits {
  readonly riops?: number;
  readonly wiops?: number;
  readonly rbps?: number;
  readonly wbps?: number;
}

/** A control group that limits a device, in version 1 or 2; undefined where the kernel offers neither. */
function makeGroup(device: string, limits: Limits): { readonly procs: string; remove(): void } | undefined {
  const name = `bonusnode-disk-${process.pid}`;
  const first = "/sys/fs/cgroup/blkio";
  const isSecond = existsSync("/sys/fs/cgroup/cgroup.controllers");
  if (!isSecond && !existsSync(first)) return undefined;
  const group = join(isSecond ? "/sys/fs/cgroup" : first, name);
  if (isSecond) writeFileSync("/sys/fs/cgroup/cgroup.subtree_control", "+io");
  mkdirSync(group);
  if (isSecond) {
    const text = Object.entries(limits).map(([key, value]) => `${key}=${value}`);
    writeFileSync(join(group, "io.max"), `${device} ${text.join(" ")}`);
  } else {
    const files = { riops: "read_iops_device", wiops: "write_iops_device", rbps: "read_bps_device", wbps: "write_bps_device" };
    for (const [key, value] of Object.entries(limits)) {
      writeFileSync(join(group, `blkio.throttle.${files[key as keyof Limits]}`), `${device} ${value}`);
    }
  }
  return { procs: join(group, "cgroup.procs"), remove: () => rmdirSync(group) };
}

function middleOf(result: ProbeResult<readonly Figure[]>, name: string): number {
  const slices = result.kind === "found" ? (result.value.find((figure) => figure.name === name)?.slices ?? []) : [];
  return slices.toSorted((left, right) => left - right)[Math.floor(slices.length / 2)] ?? Number.NaN;
}

t.test("a device limited to known rates measures as those", async (t) => {
  const disk = mountDisk();
  t.teardown(() => disk.unmount());
  const cases: readonly { readonly limits: Limits; readonly expected: Readonly<Record<string, number>> }[] = [
    { limits: { riops: 1000, wiops: 500 }, expected: { "disk.random-read": 1000, "disk.random-write": 500 } },
    { limits: { rbps: 50e6, wbps: 20e6 }, expected: { "disk.sequential-read": 50, "disk.sequential-write": 20 } },
  ];
  for (const { limits, expected } of cases) {
    const group = makeGroup(disk.device, limits);
    if (group === undefined) return void t.pass("not tried: the kernel limits no disks");
    try {
      const result = measure(disk.directory, group.procs);
      for (const [name, rate] of Object.entries(expected)) {
        const ratio = middleOf(result, name) / rate;
        // The kernel lets a moment's burst pass and charges it to what follows, so that a slice may get less than its share.
        t.ok(ratio > 0.6 && ratio < 1.25, `${name}: ${ratio.toFixed(2)} of the limit`);
      }
    } finally {
      group.remove();
    }
  }
});

t.test("a full disk and a read-only one are told", async (t) => {
  const disk = mountDisk();
  t.teardown(() => disk.unmount());
  execFileSync("fallocate", ["-l", String(190 * 2 ** 20), join(disk.directory, "ballast")]);
  t.match(measure(disk.directory), { kind: "failed", error: { code: "unreadable", message: /no room in/ } });
  t.same(readdirSync(disk.directory).sort(), ["ballast", "lost+found"], "nothing is left behind");
  execFileSync("mount", ["-o", "remount,ro", disk.directory]);
  t.match(measure(disk.directory), { kind: "failed", error: { code: "unreadable", message: /read-only file system/ } });
});

t.test("a file system that serves reads from memory gets no figure for them", async (t) => {
  const disk = mountDisk("data=journal");
  t.teardown(() => disk.unmount());
  const result = measure(disk.directory);
  if (result.kind !== "found") return t.fail(JSON.stringify(result));
  t.same(
    result.value.map(({ name }) => name),
    ["disk.sequential-write", "disk.durable-writes", "disk.sync-p50", "disk.sync-p99"],
  );
  t.match(result.value[0]?.conditions, { direct: false, readsLeftOut: /reach no disk in spite of direct/ });
});
