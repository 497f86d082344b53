/**
 * The whole probe over simulated machines with simulated measurements: what is measured and what is left alone, progress, stops, and
 * the summary that a descriptor is made of.
 */
import { fileURLToPath } from "node:url";
import { test } from "tap";
import {
  absent,
  type BoardProfile,
  decodeBoard,
  failed,
  found,
  type MachineNeeds,
  type ProbeProgress,
  probeMachine,
  summariseMachine,
} from "../../../hal/index.ts";
import { threadsFor, whyNotMeasureDisk } from "../../../hal/measure.ts";
import { makeCpuFigure, makeDiskFigure, makeFacts, makeFigure } from "../../sim/machine-samples.ts";
import { loadTree, type MachineTree, makeSimHost, makeTree, withNodes } from "../../sim/machine-tree.ts";
import { shippedBoards } from "../../sim/shipped-boards.ts";
import { makeStillClock } from "../../sim/still-clock.ts";

const FIXTURES = fileURLToPath(new URL("../../fixtures/boards", import.meta.url));
const VM = loadTree(`${FIXTURES}/firecracker-vm`);
const ROUTER = loadTree(`${FIXTURES}/synthetic-openwrt-router`);

interface Asked {
  threads?: number;
  budgetMs?: number;
  directory?: string;
}

async function needsOf(tree: MachineTree, asked: Asked = {}, boards?: readonly BoardProfile[]): Promise<MachineNeeds> {
  return {
    host: makeSimHost(tree),
    clock: makeStillClock(),
    boards: boards ?? (await shippedBoards()),
    benchmarks: {
      cpu: async ({ threads, budgetMs }, { onProgress }) => {
        asked.threads = threads;
        asked.budgetMs = budgetMs;
        onProgress?.(0.5);
        return found([makeCpuFigure(threads, threads * 1000)]);
      },
      memory: async () => absent("not measured"),
      disk: async ({ directory }) => {
        asked.directory = directory;
        return found([makeDiskFigure(9000), makeDiskFigure(12_000, "disk.random-read", "IOPS")]);
      },
    },
  };
}

test("a virtual machine, measured", async (t) => {
  const asked: Asked = {};
  const seen: ProbeProgress[] = [];
  const probe = await probeMachine(await needsOf(VM, asked), {
    dataDirectory: "/var/lib/bonusnode",
    measure: true,
    onProgress: (progress) => seen.push(progress),
  });
  t.same(asked, { threads: 2, budgetMs: 6000, directory: "/var/lib" }, "in the nearest directory that exists");
  t.match(probe.decision, { tier: "Normal", limitedBy: "measured" });
  t.same(seen, [
    { phase: "facts", fraction: 0 },
    { phase: "facts", fraction: 1 },
    { phase: "cpu", fraction: 0.5 },
  ]);
  t.same(JSON.parse(JSON.stringify(probe)).decision.tier, "Normal", "plain data");
  t.match(summariseMachine(probe), {
    board: "firecracker-vm",
    tier: "Normal",
    reasons: probe.decision.reasons,
    arch: "x86_64",
    cpuModel: "AMD EPYC",
    logicalCpus: 2,
    effectiveMilliCpus: 2000,
    memoryBytes: 25_276_502_016,
    diskFreeBytes: 84_359_897_088,
    diskKind: "virtual",
    gpus: 0,
    linkBitsPerSecond: undefined,
    measured: [
      { name: "cpu.integer", value: 1000, unit: "Mop/s" },
      { name: "disk.durable-writes", value: 9000, unit: "writes/s" },
      { name: "disk.random-read", value: 12_000, unit: "IOPS" },
    ],
  });
});

test("a router's flash is never measured", async (t) => {
  const asked: Asked = {};
  const probe = await probeMachine(await needsOf(ROUTER, asked), { dataDirectory: "/opt/bonusnode", measure: true });
  t.equal(asked.directory, undefined);
  t.match(probe.measured.disk, { kind: "absent", why: /profile forbids|bare flash/ });
  t.equal(probe.decision.tier, "Lite");
  t.match(summariseMachine(probe), { diskKind: "mtd", linkBitsPerSecond: 2_500_000_000, measured: [{ name: "cpu.integer" }] });
});

test("each group is measured in its turn, and only what was asked for", async (t) => {
  const needs = await needsOf(VM);
  const order: string[] = [];
  const take = (name: string) => async () => {
    order.push(name);
    return absent("-");
  };
  const all = { cpu: take("cpu"), sustained: take("sustained"), memory: take("memory"), disk: take("disk"), gpu: take("gpu") };
  const options = { dataDirectory: "/var/lib/bonusnode", measure: true };
  await probeMachine({ ...needs, benchmarks: all }, options);
  t.same(order.splice(0), ["cpu", "memory", "disk"]);
  const probe = await probeMachine({ ...needs, benchmarks: all }, { ...options, groups: ["bandwidth", "gpu", "disk"] });
  t.same(order, ["disk", "gpu"]);
  t.match(probe.measured, { cpu: { why: "not measured" }, bandwidth: { kind: "absent", why: /^no endpoint/ } });
});

test("the lasting speed is asked only of what would be Super with it", async (t) => {
  const eight = withNodes(VM, {
    "/sys/devices/system/cpu/online": "0-7\n",
    "/proc/self/status": "Cpus_allowed_list:\t0-7\n",
  });
  const needs = await needsOf(eight);
  const boards = needs.boards.map((board) => ({ ...board, limits: { ...board.limits, max_tier: "Super" as const } }));
  const probeWith = async (freeBytes: number, sustained?: MachineNeeds["benchmarks"]["sustained"]) => {
    const readVolumeSize = async (realPath: string) => found({ realPath, totalBytes: 2 * freeBytes, freeBytes });
    const benchmarks = { ...needs.benchmarks, ...(sustained === undefined ? {} : { sustained }) };
    const seen: string[] = [];
    const probe = await probeMachine(
      { ...needs, boards, host: { ...needs.host, readVolumeSize }, benchmarks },
      { dataDirectory: "/var/lib/bonusnode", measure: true, onProgress: ({ phase }) => seen.push(phase) },
    );
    return { tier: probe.decision.tier, seen, figures: summariseMachine(probe).measured.map(({ name }) => name) };
  };
  const keeps = (value: number): MachineNeeds["benchmarks"]["sustained"] => {
    return async (task, { onProgress }) => {
      t.match(task, { threads: 8, effectiveMilliCpus: 8000, sustainMs: 60_000 });
      onProgress?.(0.5);
      return found([makeFigure("cpu.sustained", value, "permille")]);
    };
  };
  const good = await probeWith(200 * 2 ** 30, keeps(990));
  t.match(good, { tier: "Super", figures: ["cpu.integer", "cpu.sustained", "disk.durable-writes", "disk.random-read"] });
  t.equal(good.seen.at(-1), "sustained");
  t.match(await probeWith(200 * 2 ** 30, keeps(700)), { tier: "Normal" });
  t.match(await probeWith(200 * 2 ** 30), { tier: "Normal" }, "unknown is no promise");
  t.match(await probeWith(200 * 2 ** 30, async () => failed("timeout", "-")), { tier: "Normal" });
  const never = async () => t.fail("a minute for nothing") as never;
  t.match(await probeWith(50 * 2 ** 30, never), {
    tier: "Normal",
    figures: ["cpu.integer", "disk.durable-writes", "disk.random-read"],
  });
});

test("nothing is measured where nobody asked", async (t) => {
  const asked: Asked = {};
  const probe = await probeMachine(await needsOf(VM, asked), { dataDirectory: "/", measure: false, ownerMaxTier: "Lite" });
  t.same(asked, {});
  t.match(probe.measured, { cpu: { kind: "absent", why: "not measured" }, disk: { kind: "absent" } });
  t.equal(probe.decision.ownerTier, "Lite");
});

test("a measurement that fails leaves the rest", async (t) => {
  const needs = await needsOf(VM);
  const disk = async () => failed("denied", "no permission to write in /var/lib");
  const broken = { ...needs, benchmarks: { ...needs.benchmarks, disk } };
  const probe = await probeMachine(broken, { dataDirectory: "/var/lib/bonusnode", measure: true });
  t.match(probe.decision, { tier: "Lite", reasons: [/unknown \(no permission to write/] });
});

test("a stop in the middle of a measurement rejects with its reason", async (t) => {
  const stop = new AbortController();
  const needs = await needsOf(VM);
  const slow: MachineNeeds = {
    ...needs,
    benchmarks: {
      ...needs.benchmarks,
      cpu: (_task, { signal }) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener("abort", () => reject(signal.reason));
          stop.abort(new Error("enough"));
        }),
    },
  };
  await t.rejects(probeMachine(slow, { dataDirectory: "/", measure: true, signal: stop.signal }), { message: "enough" });
});

test("contradicting profiles are told, not chosen from", async (t) => {
  const pc = (await shippedBoards()).find((board) => board.id === "generic-pc");
  const twins = pc === undefined ? [] : [pc, { ...pc, id: "other-pc" }];
  const probe = await probeMachine(await needsOf(VM, {}, twins), { dataDirectory: "/", measure: false });
  t.match(probe.board, { kind: "failed", error: { message: /equally well/ } });
  t.equal(summariseMachine(probe).board, undefined);
});

test("how many threads measure the CPU", (t) => {
  t.equal(threadsFor(makeFacts({ logicalCpus: 8 })), 8);
  t.equal(threadsFor(makeFacts({ logicalCpus: 8, quotaMilliCpus: 500 })), 1);
  t.equal(threadsFor(makeFacts({ logicalCpus: 8, quotaMilliCpus: 1500 })), 2);
  t.equal(threadsFor(makeFacts({ logicalCpus: 8, memoryBytes: 128 * 2 ** 20 })), 4, "as many as fit into memory");
  t.equal(threadsFor(makeFacts({ logicalCpus: 512 })), 64);
  t.equal(threadsFor({ ...makeFacts(), cpu: failed("denied", "-") }), 1);
  t.end();
});

test("which volumes are left alone", (t) => {
  const { volume } = makeFacts();
  const good = volume.kind === "found" ? volume.value : undefined;
  const noBoard = failed("malformed", "-");
  if (good === undefined) return t.fail("the sample has a volume");
  t.equal(whyNotMeasureDisk(good, noBoard), undefined);
  t.match(whyNotMeasureDisk(undefined, noBoard), /not known/);
  t.match(whyNotMeasureDisk({ ...good, kind: "mtd" }, noBoard), /bare flash/);
  t.match(whyNotMeasureDisk({ ...good, kind: "ram" }, noBoard), /memory/);
  t.match(whyNotMeasureDisk({ ...good, readOnly: true }, noBoard), /read-only/);
  t.match(whyNotMeasureDisk({ ...good, fileSystem: "overlay", kind: undefined }, noBoard), /mount a volume/);
  t.equal(whyNotMeasureDisk({ ...good, fileSystem: "zfs", kind: undefined }, noBoard), undefined);
  const text =
    'schema = 1\nid = "x"\n[match]\nos = "openwrt"\n[board]\nname = "X"\nclass = "tv-box"\n[limits]\nmax_tier = "Lite"\ndisk_bench = false\n';
  const board = decodeBoard(text, "x.toml");
  if (!board.ok) return t.fail(board.error.message);
  t.match(whyNotMeasureDisk(good, found({ profile: board.value, matchedBy: "-" })), /board profile forbids/);
  t.end();
});

test("an empty machine is answered too", async (t) => {
  const probe = await probeMachine(await needsOf(makeTree({})), { dataDirectory: "/", measure: true });
  t.match(probe.facts, { cpu: { kind: "absent" }, memory: { kind: "absent" }, volume: { kind: "absent" } });
  t.equal(probe.decision.tier, "Lite");
  t.match(summariseMachine(probe), { arch: undefined, logicalCpus: undefined, memoryBytes: undefined, gpus: 0 });
});

test("a control group's limits reach the decision", async (t) => {
  const limited = withNodes(VM, {
    "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000\n",
    "/sys/fs/cgroup/memory/jobs/memory.limit_in_bytes": `${256 * 2 ** 20}\n`,
  });
  const asked: Asked = {};
  const probe = await probeMachine(await needsOf(limited, asked), { dataDirectory: "/", measure: true });
  t.equal(asked.threads, 1);
  t.match(summariseMachine(probe), { effectiveMilliCpus: 500, memoryBytes: 256 * 2 ** 20, tier: "Lite" });
});
