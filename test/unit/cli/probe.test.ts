/** The verb `probe` over captured machines with simulated measurements: the page, the JSON document and the exit codes. */
import { fileURLToPath } from "node:url";
import { test } from "tap";
import { failure, success } from "../../../base/index.ts";
import { type ProbeVerbOptions, runProbe } from "../../../cli/probe.ts";
import { makeTerminal } from "../../../cli/terminal.ts";
import { found, HalError, type MachineNeeds } from "../../../hal/index.ts";
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
    measureCpu: async ({ threads }) => found(makeCpuFigure(threads, threads * 1000)),
    measureDisk: async () => found(makeDiskFigure(9000)),
  };
  const written = { stdout: "", stderr: "" };
  const stream = (name: "stdout" | "stderr") => ({ write: (text: string) => (written[name] += text) });
  const terminal = makeTerminal({ stdout: stream("stdout"), stderr: stream("stderr"), env });
  const code = await runProbe(options, terminal, { loadMachine: async () => success(machine) });
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
  Board    Generic PC (generic-pc, by architecture x86_64)
  CPU      AMD EPYC, x86_64, 2 CPUs, 2 cores usable
           1 000 Mop/s, 2 threads, slices within 1 %
  Memory   23.5 GiB in the machine, 23.1 GiB available now
  Data     78.5 GiB free of 251 GiB, ext4 on vda (virtual), at /var/lib
           9 000 writes/s, 4 KiB each, synced, slices within 0 %
  Disks    vda virtual 256 GiB
  GPU      none
  Network  eth0 up, speed unknown
  System   Debian GNU/Linux 12 (bookworm), Linux 6.18.44, glibc, init init,
           virtual machine (Firecracker)

What each tier asks
                       here  Lite       Normal     Super
  Effective cores         2  ✓ 0.5      ✓ 2        ✗ 4        ████ ████ ░░░░
  Usable memory    23.5 GiB  ✓ 128 MiB  ✓ 896 MiB  ✓ 7 GiB    ████ ████ ████
  Free disk        78.5 GiB  any        ✓ 8 GiB    ✗ 100 GiB  ████ ████ ███░
  Durable writes     9000/s  any        ✓ 50/s     ✓ 500/s    ████ ████ ████

Why Normal and not Super
  • Effective cores: 2 cores; Super needs 4 cores.
  • Free disk: 78.5 GiB; Super needs 100 GiB.
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
  t.match(stdout, /GL\.iNet GL-MT3000: Generic OpenWrt router \(generic-openwrt, by OpenWrt\)/);
  t.match(stdout, /ubifs|overlay/);
  t.match(stdout, /bare flash, which measuring/);
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
    decision: { tier: "Normal", limitedBy: "measured", policyVersion: 1 },
    board: { kind: "found", value: { profile: { id: "generic-pc" } } },
    measured: { cpu: { value: { name: "cpu.integer", unit: "Mop/s" } } },
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
  const broken = { loadMachine: async () => failure(new HalError("board-invalid", "x.toml:1: wrong")) };
  t.equal(await runProbe({}, terminal, broken), 78);
  const signal = AbortSignal.abort(new Error("enough"));
  const { code, stderr } = await run(VM, { signal });
  t.equal(code, 130);
  t.match(stderr, /stopped before the end/);
});
