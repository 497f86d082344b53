/** The verb `probe` over captured machines with simulated measurements: the page, the JSON document and the exit codes. */
import { fileURLToPath } from "node:url";
import { test } from "tap";
import { failure, success } from "../../../base/index.ts";
import { type ProbeVerbOptions, runProbe } from "../../../cli/probe.ts";
import { makeTerminal } from "../../../cli/terminal.ts";
import { absent, FACT_SOURCES, found, HalError, type MachineNeeds } from "../../../hal/index.ts";
import { makeCpuFigure, makeDiskFigure } from "../../sim/machine-samples.ts";
import { loadTree, type MachineTree, makeSimHost, withNodes } from "../../sim/machine-tree.ts";
import { shippedBoards } from "../../sim/shipped-boards.ts";
import { makeStillClock } from "../../sim/still-clock.ts";

const FIXTURES = fileURLToPath(new URL("../../fixtures/boards", import.meta.url));
const VM = loadTree(`${FIXTURES}/firecracker-vm`);
const ROUTER = loadTree(`${FIXTURES}/synthetic-openwrt-router`);

async function run(tree: MachineTree, options: ProbeVerbOptions = {}, env: Record<string, string> = {}) {
  const machine: MachineNeeds = {
    host: makeSimHost(tree),
    clock: makeStillClock(),
    boards: await shippedBoards(),
    benchmarks: {
      cpu: async ({ threads }) => found([makeCpuFigure(threads, threads * 1000)]),
      memory: async () => absent("not measured"),
      disk: async () => found([makeDiskFigure(9000), makeDiskFigure(12_000, "disk.random-read", "IOPS")]),
    },
  };
  const written = { stdout: "", stderr: "" };
  const stream = (name: "stdout" | "stderr") => ({ write: (text: string) => (written[name] += text) });
  const terminal = makeTerminal({ stdout: stream("stdout"), stderr: stream("stderr"), env });
  const code = await runProbe(options, terminal, {
    loadMachine: async () => success(machine),
    enrich: async () => absent("not asked"),
  });
  return { code, ...written };
}

test("the page of a virtual machine", async (t) => {
  const { code, stdout, stderr } = await run(VM, {}, { LANG: "C.UTF-8" });
  t.equal(code, 0);
  t.equal(stderr, "");
  t.equal(
    stdout,
    `Tier  Normal  (limited by the machine itself)

Machine
  Board    Firecracker virtual machine (firecracker-vm, by hypervisor
           Firecracker)
  CPU      AMD EPYC, x86_64, 2 CPUs, 2 cores usable
  Memory   23.5 GiB in the machine, 23.1 GiB available now
  Data     78.5 GiB free of 251 GiB, ext4 on vda (virtual), at /var/lib
  Disks    vda virtual 256 GiB
  GPU      none
  Network  eth0 up, speed unknown
  System   Debian GNU/Linux 12 (bookworm), Linux 6.18.44, glibc, init init,
           virtual machine (Firecracker)

Measured
  Integer                            all 1 000 Mop/s  slices within 1 %
  Disk, at random  read 12 000 IOPS                   slices within 0 %
  Durable writes   9 000 writes/s                     slices within 0 %

What each tier asks
                       here  Lite       Normal     Super
  Effective cores         2  ✓ 0.5      ✓ 2        ✗ 4        ████ ████ ░░░░
  Sustained speed   unknown  any        any        ✗ 85 %     ████ ████ ░░░░
  Usable memory    23.5 GiB  ✓ 128 MiB  ✓ 896 MiB  ✓ 7 GiB    ████ ████ ████
  Free disk        78.5 GiB  any        ✓ 8 GiB    ✗ 100 GiB  ████ ████ ███░
  Durable writes     9000/s  any        ✓ 50/s     ✓ 500/s    ████ ████ ████
  Random reads      12000/s  any        ✓ 80/s     ✓ 5000/s   ████ ████ ████

Why Normal and not Super
  • Effective cores: 2 cores; Super needs 4 cores.
  • Free disk: 78.5 GiB; Super needs 100 GiB.
  • The board profile "Firecracker virtual machine" allows at most Normal. A
    virtual machine shares its host with others, so its figures may not last.
`,
  );
});

test("the page of a router, in plain ASCII", async (t) => {
  const { code, stdout: narrow } = await run(ROUTER, { dataDirectory: "/opt/bonusnode" });
  t.equal(code, 0);
  for (const line of narrow.split("\n")) t.ok(line.length <= 80, line);
  const { stdout } = await run(ROUTER, { dataDirectory: "/opt/bonusnode" }, { COLUMNS: "200" });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the point is that there are none
  t.match(stdout, /^[\x00-\x7f]*$/);
  t.match(stdout, /Board {4}GL\.iNet GL-MT3000 \(glinet,gl-mt3000, by device tree glinet,gl-mt3000\)/);
  t.match(stdout, /ubifs|overlay/);
  t.match(stdout, /No figure of the disk: the board profile forbids measuring its disk\./);
  t.match(stdout, /eth0 up, 2\.5 Gbit\/s; eth1 up, 1 Gbit\/s; phy0-ap0 wireless up/);
  t.match(stdout, /OpenWrt 24\.10\.0 mediatek\/filogic, Linux 6\.6\.73, musl, init procd/);
  t.match(stdout, /Why Lite and not Normal/);
});

test("without measurements the page says that there may be more", async (t) => {
  const { code, stdout } = await run(VM, { quick: true });
  t.equal(code, 0);
  t.match(stdout, /^Tier {2}Lite {2}\(without measurements; it may be higher with them\)/);
  t.match(stdout, /Durable writes: unknown \(not measured\); Normal needs 50 writes\/s\./);
});

test("one JSON document, and nothing else", async (t) => {
  const { code, stdout, stderr } = await run(VM, { json: true });
  t.equal(code, 0);
  t.equal(stderr, "");
  const probe = JSON.parse(stdout);
  t.match(probe, {
    schema: 1,
    decision: { tier: "Normal", limitedBy: "measured", policyVersion: 2 },
    board: { kind: "found", value: { profile: { id: "firecracker-vm" } } },
    measured: { cpu: { value: [{ name: "cpu.integer", unit: "Mop/s" }] } },
    facts: { memory: { value: { usableBytes: 25_276_502_016 } } },
  });
});

test("the owner's limit, in any case, or a word that is none", async (t) => {
  const { code, stdout } = await run(VM, { maxTier: "lite" });
  t.equal(code, 0);
  t.match(stdout, /^Tier {2}Lite {2}\(limited by its owner\)/);
  t.match(stdout, /The owner allows at most Lite\./);
  t.match(await run(VM, { maxTier: "Supr" }), {
    code: 64,
    stdout: "",
    stderr: '--max-tier: "Supr" is no tier; did you mean Super?\n',
  });
  t.match(await run(VM, { maxTier: "best" }), { code: 64, stderr: /there are Lite, Normal, Super/ });
});

test("everything that was read, and where", async (t) => {
  const { code, stdout } = await run(ROUTER, { facts: true }, { COLUMNS: "200" });
  t.equal(code, 0);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the point is that there are none
  t.match(stdout, /^[\x00-\x7f]*$/);
  for (const fact of Object.values(FACT_SOURCES)) t.ok(stdout.includes(fact), fact);
  t.match(stdout, /^cpu {2}\/proc\/cpuinfo.*\n {2}arch +aarch64$/m);
  t.match(stdout, /^ {2}phy0-ap0 +kind physical, wireless, up/m);
  t.match(stdout, /^gpus {2}.*\n {2}none: /m);
  const damaged = await run(withNodes(ROUTER, { "/proc/meminfo": { fault: "denied" } }), { facts: true });
  t.match(damaged.stdout, /^memory {2}.*\n {2}unknown: no permission to read \/proc\/meminfo/m);
  const { stdout: json } = await run(ROUTER, { facts: true, json: true });
  const document = JSON.parse(json);
  t.same(Object.keys(document), ["schema", "facts", "sources"]);
  t.same(Object.keys(document.facts), Object.keys(FACT_SOURCES), "every fact has a source");
});

test("only some measurements", async (t) => {
  const { code, stdout } = await run(VM, { only: "disk", json: true });
  t.equal(code, 0);
  t.match(JSON.parse(stdout).measured, { cpu: { kind: "absent" }, disk: { kind: "found" } });
  t.match(await run(VM, { only: "dsik" }), {
    code: 64,
    stderr: '--only: "dsik" is no group of measurements; did you mean disk?\n',
  });
  t.match(await run(VM, { only: "cpu", quick: true }), { code: 64, stderr: /leave out --quick/ });
});

test("a watch looks until it is stopped, and that is how it ends well", async (t) => {
  const stopping = new AbortController();
  const seen: string[] = [];
  const stream = {
    write: (text: string) => {
      seen.push(text);
      if (seen.length === 3) stopping.abort();
    },
  };
  const terminal = makeTerminal({ stdout: stream, stderr: stream, env: {} });
  const machine: MachineNeeds = {
    host: makeSimHost(VM),
    clock: { ...makeStillClock(), sleep: async (durationMs) => (durationMs === 500 ? undefined : new Promise(() => undefined)) },
    boards: await shippedBoards(),
    benchmarks: { cpu: t.fail, memory: t.fail, disk: t.fail } as unknown as MachineNeeds["benchmarks"],
  };
  const options = { watch: "0.5", json: true, signal: stopping.signal };
  t.equal(
    await runProbe(options, terminal, { loadMachine: async () => success(machine), enrich: async () => absent("not asked") }),
    0,
  );
  t.equal(seen.length, 3);
  for (const line of seen) t.equal(JSON.parse(line).schema, 1);
  t.match(await run(VM, { watch: "soon" }), { code: 64, stderr: /--watch soon: seconds from 0\.5 to 86400/ });
});

test("a device that is not supported", async (t) => {
  const mips = withNodes(ROUTER, { "/proc/cpuinfo": "processor\t\t: 0\ncpu model\t\t: MIPS 1004Kc V2.15\n" });
  const { code, stdout } = await run(mips);
  t.equal(code, 69);
  t.match(stdout, /^This device is not supported/);
  t.match(stdout, /Why not\n {2}- This is a MIPS processor/);
});

test("facts that could not be read are told in their place", async (t) => {
  const { stdout } = await run(withNodes(VM, { "/proc/meminfo": { fault: "denied" } }));
  t.match(stdout, /Memory {3}no permission to read \/proc\/meminfo/);
  t.match(stdout, /Usable memory +unknown/);
});

test("broken profiles, and a stop", async (t) => {
  const stream = { write: () => undefined };
  const terminal = makeTerminal({ stdout: stream, stderr: stream, env: {} });
  const enrich = async () => absent("not asked");
  const broken = { enrich, loadMachine: async () => failure(new HalError("board-invalid", "x.toml:1: wrong")) };
  t.equal(await runProbe({}, terminal, broken), 78);
  const signal = AbortSignal.abort(new Error("enough"));
  const { code, stderr } = await run(VM, { signal });
  t.equal(code, 130);
  t.match(stderr, /stopped before the end/);
});
