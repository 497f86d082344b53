/**
 * Damage: each answer that a machine gives in turn is empty, cut, noise, huge, forbidden, broken or never comes. No probe may throw,
 * none may answer with a value that it did not read, and no tier may rise.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "tap";
import {
  absent,
  decideTier,
  found,
  type Host,
  loadCapture,
  type MachineFacts,
  makeLinuxHost,
  NOTHING_MEASURED,
  readFacts,
  TIERS,
  type Tier,
  type TierDecision,
} from "../../../hal/index.ts";
import { findBoard } from "../../../hal/machine.ts";
import { DAMAGES, damageHost, type Question, watchHost } from "../../sim/damaged-host.ts";
import { makeMeasured } from "../../sim/machine-samples.ts";
import { loadTree, type MachineTree, makeSimHost, type Node, withNodes } from "../../sim/machine-tree.ts";
import { printedSeed } from "../../sim/printed-seed.ts";
import { shippedBoards } from "../../sim/shipped-boards.ts";
import { makeStillClock } from "../../sim/still-clock.ts";

const FIXTURES = fileURLToPath(new URL("../../fixtures/boards", import.meta.url));
const HUGE = "7".repeat(10 * 1024 * 1024);
const BINARY = Array.from({ length: 4096 }, (_, index) => String.fromCharCode((index * 97) & 0xff)).join("");
const ROOT_MOUNT = "27 1 254:0 / / rw - ext4 /dev/vda rw\n";

function read(tree: MachineTree): Promise<MachineFacts> {
  return readFacts({ host: makeSimHost(tree), clock: makeStillClock() }, { dataDirectory: "/var/lib/bonusnode" });
}

/** Machines whose limits matter, for of the captured ones none has any. */
const LIMITED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "version 2": {
    "/proc/self/cgroup": "0::/a/b\n",
    "/proc/self/mountinfo": `${ROOT_MOUNT}30 23 0:28 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n`,
    "/sys/fs/cgroup/a/cpu.max": "150000 100000\n",
    "/sys/fs/cgroup/a/memory.max": "1368435456\n",
    "/sys/fs/cgroup/a/b/cpu.max": "50000 100000\n",
    "/sys/fs/cgroup/a/b/memory.max": "268435456\n",
  },
  "version 1": {
    "/proc/self/cgroup": "4:memory:/jobs\n1:cpu,cpuacct:/jobs/one\n0::/\n",
    "/proc/self/mountinfo": `${ROOT_MOUNT}32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n`,
    "/sys/fs/cgroup/cpu/jobs/one/cpu.cfs_quota_us": "50000\n",
    "/sys/fs/cgroup/cpu/jobs/one/cpu.cfs_period_us": "100000\n",
    "/sys/fs/cgroup/memory/jobs/memory.limit_in_bytes": "268435456\n",
  },
  affinity: { "/proc/self/status": "Name:\tnode\nCpus_allowed:\t1\nCpus_allowed_list:\t0\nnonvoluntary_ctxt_switches:\t5\n" },
};

function limitedMachine(nodes: Readonly<Record<string, string>>): Host {
  const tree = loadTree(`${FIXTURES}/firecracker-vm`);
  const others = [...tree.nodes].filter(([path]) => !path.startsWith("/sys/fs/cgroup/"));
  return makeSimHost(withNodes({ ...tree, nodes: new Map(others) }, nodes));
}

async function machines(): Promise<readonly (readonly [name: string, host: Host])[]> {
  const fixtures = readdirSync(FIXTURES).map(async (name): Promise<readonly [string, Host]> => {
    if (!name.endsWith(".capture")) return [name, makeSimHost(loadTree(`${FIXTURES}/${name}`))];
    const capture = await loadCapture(`${FIXTURES}/${name}`);
    if (!capture.ok) throw capture.error;
    return [name, capture.value.host];
  });
  const limited = Object.entries(LIMITED).map(([name, nodes]) => [name, limitedMachine(nodes)] as const);
  return [...(await Promise.all(fixtures)), ...limited];
}

/** Reads past questions that are never answered: all others answer from memory before the event loop comes round. */
async function readPatiently(host: Host): Promise<MachineFacts> {
  const clock = makeStillClock();
  const reading = readFacts({ host, clock }, { dataDirectory: "/var/lib/bonusnode" });
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
  clock.elapse();
  return reading;
}

/** The decision where the measurements are good and the profile allows everything, so that the facts decide. */
async function decide(facts: MachineFacts): Promise<TierDecision> {
  generous ??= findGenerousBoard();
  return decideTier({ facts, measured: makeMeasured(), board: await generous });
}

let generous: ReturnType<typeof findGenerousBoard> | undefined;
async function findGenerousBoard() {
  const match = findBoard(await read(loadTree(`${FIXTURES}/firecracker-vm`)), await shippedBoards());
  if (match.kind !== "found") throw new Error("no profile");
  const { profile } = match.value;
  return found({ ...match.value, profile: { ...profile, limits: { ...profile.limits, max_tier: "Super" as const } } });
}

/** What is wrong with the facts of a damaged machine, against those of the whole one. */
async function findBreaches(facts: MachineFacts, whole: TierDecision): Promise<readonly string[]> {
  const text = JSON.stringify(facts);
  const breaches: string[] = [];
  const isAnswer = ({ kind }: { kind: string }): boolean => /^(found|absent|failed)$/.test(kind);
  if (!Object.values(facts).every(isAnswer)) breaches.push("a fact is no answer");
  if (/the probe broke/.test(text)) breaches.push("a probe broke");
  if (text.length > 100_000) breaches.push("the facts are huge");
  if (/7{400}/.test(text)) breaches.push("a huge file got through");
  if (/\\u00[01]/.test(text)) breaches.push("control characters got through");
  const decision = await decide(facts);
  if (rank(decision.measuredTier) > rank(whole.measuredTier)) breaches.push(`the tier rose to ${decision.measuredTier}`);
  for (const [index, { name, value }] of decision.metrics.entries()) {
    if ((value ?? 0) > (whole.metrics[index]?.value ?? 0)) breaches.push(`${name} rose to ${value}`);
  }
  return breaches;
}

function rank(tier: Tier | undefined): number {
  return tier === undefined ? -1 : TIERS.indexOf(tier);
}

test("whatever is damaged, every fact has an answer, and no tier rises", async (t) => {
  const seed = printedSeed(t);
  for (const [name, host] of await machines()) {
    await t.test(name, async (t) => {
      const watched = watchHost(host);
      const facts = await readPatiently(watched.host);
      const whole = await decide(facts);
      t.equal(facts.cpu.kind, "found");
      t.equal(facts.memory.kind, "found");
      const breaches: string[] = [];
      // Of the machines that differ only in their limits, the rest was damaged with the first.
      const isNew = ({ path }: Question): boolean => !(name in LIMITED) || /\/self\/|cgroup|meminfo|cpu\/online/.test(path);
      const questions = watched.questions().filter(isNew);
      for (const [index, question] of questions.entries()) {
        for (const damage of DAMAGES) {
          const damaged = await readPatiently(damageHost(host, question, damage, seed + index));
          const found = await findBreaches(damaged, whole);
          breaches.push(...found.map((what) => `${question.ask} ${question.path}, ${damage}: ${what}`));
        }
      }
      t.ok(questions.length > 5, `${questions.length} answers damaged`);
      t.same(breaches, []);
    });
  }
});

test("wherever a limit is cut off, it is not taken for a higher one", async (t) => {
  for (const [name, nodes] of Object.entries(LIMITED)) {
    const whole = await decide(await readPatiently(limitedMachine(nodes)));
    for (const [path, text] of Object.entries(nodes)) {
      for (let length = 0; length < text.length; length++) {
        // What is cut off at the end of a line of this table looks whole.
        if (path === "/proc/self/mountinfo" && text[length - 1] === "\n") continue;
        const facts = await readPatiently(limitedMachine({ ...nodes, [path]: text.slice(0, length) }));
        const breaches = await findBreaches(facts, whole);
        if (breaches.length > 0) t.fail(`${name}: ${path} cut after ${length}: ${breaches.join(", ")}`);
      }
    }
    t.pass(name);
  }
});

test("a captured tree on a real file system, damaged", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "bonusnode-damage-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const root = join(folder, "tree");
  const whole = await decide(await read(loadTree(`${FIXTURES}/firecracker-vm`)));
  cpSync(`${FIXTURES}/firecracker-vm`, root, { recursive: true, verbatimSymlinks: true });
  const damages: Readonly<Record<string, (path: string) => void>> = {
    "a pipe": (path) => void spawnSync("mkfifo", [path]),
    "a circle": (path) => symlinkSync(basename(path), path),
    "a way out": (path) => symlinkSync("/proc/self/environ", path),
    "a climb": (path) => symlinkSync(`${"../".repeat(40)}etc/hostname`, path),
    "a device": (path) => symlinkSync("/dev/zero", path),
    "a directory": (path) => mkdirSync(path),
    "10 MB": (path) => writeFileSync(path, HUGE),
    noise: (path) => writeFileSync(path, Buffer.from(BINARY, "latin1")),
  };
  for (const path of [
    "proc/cpuinfo",
    "proc/meminfo",
    "proc/self/cgroup",
    "proc/self/mountinfo",
    "sys/devices/system/cpu/online",
  ]) {
    for (const [damage, apply] of Object.entries(damages)) {
      renameSync(join(root, path), join(folder, "whole"));
      apply(join(root, path));
      const facts = await readFacts({ host: makeLinuxHost({ root }), clock: makeStillClock() }, { dataDirectory: "/" });
      t.same(await findBreaches(facts, whole), [], `${path}: ${damage}`);
      t.notMatch(JSON.stringify(facts), /PATH=/, "nothing of this machine gets in");
      rmSync(join(root, path), { recursive: true });
      renameSync(join(folder, "whole"), join(root, path));
    }
  }
});

test("a damaged file is failed or absent, never a value made up", async (t) => {
  const tree = loadTree(`${FIXTURES}/firecracker-vm`);
  const kinds: Readonly<Record<string, keyof MachineFacts>> = {
    "/proc/cpuinfo": "cpu",
    "/proc/meminfo": "memory",
    "/proc/sys/kernel/osrelease": "platform",
    "/proc/self/mountinfo": "volume",
  };
  for (const [path, fact] of Object.entries(kinds)) {
    for (const [damage, node] of Object.entries<Node>({ binary: BINARY, huge: HUGE, forbidden: { fault: "denied" } })) {
      if (fact === "platform" && damage === "binary") continue;
      t.equal((await read(withNodes(tree, { [path]: node })))[fact].kind, "failed", `${path} ${damage}`);
    }
  }
  t.match(await read(withNodes(tree, { "/proc/cpuinfo": { fault: "denied" } })), {
    cpu: { kind: "failed", error: { code: "denied", message: "no permission to read /proc/cpuinfo" } },
  });
});

test("a limit that cannot be read is not taken for none", async (t) => {
  const tree = loadTree(`${FIXTURES}/firecracker-vm`);
  for (const damage of [{ fault: "denied" } as const, BINARY, HUGE]) {
    const facts = await read(withNodes(tree, { "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": damage }));
    t.match(facts.cpu, { kind: "found", value: { logicalCpus: 2, effectiveMilliCpus: undefined } });
    t.match(facts.memory, { kind: "found", value: { usableBytes: undefined } });
    const decision = decideTier({ facts, measured: NOTHING_MEASURED, board: absent("none") });
    t.equal(decision.tier, "Lite");
    t.match(decision.reasons.join(" "), /limits on this process cannot be read/);
  }
  const noAffinity = await read(withNodes(tree, { "/proc/self/status": { fault: "denied" } }));
  t.match(noAffinity.cpu, { kind: "found", value: { allowedCpus: undefined, effectiveMilliCpus: undefined } });
});

test("a read that never returns costs its own fact only", async (t) => {
  const tree = loadTree(`${FIXTURES}/firecracker-vm`);
  const clock = makeStillClock();
  const host = makeSimHost(withNodes(tree, { "/proc/meminfo": { fault: "hangs" } }));
  const reading = readFacts({ host, clock }, { dataDirectory: "/var/lib/bonusnode" });
  // Every other probe reads from memory, so that all of them are through when the event loop comes round.
  await new Promise((resolve) => setImmediate(resolve));
  clock.elapse();
  const facts = await reading;
  t.match(facts.memory, { kind: "failed", error: { code: "timeout" } });
  for (const fact of ["cpu", "disks", "volume", "interfaces", "platform"] as const) t.equal(facts[fact].kind, "found", fact);
});

test("a stop ends the reading with its reason, also in the middle", async (t) => {
  const stopped = AbortSignal.abort(new Error("enough"));
  const needs = { host: makeSimHost(loadTree(`${FIXTURES}/firecracker-vm`)), clock: makeStillClock() };
  await t.rejects(readFacts(needs, { dataDirectory: "/", signal: stopped }), { message: "enough" });

  const stop = new AbortController();
  const host = makeSimHost(withNodes(loadTree(`${FIXTURES}/firecracker-vm`), { "/proc/meminfo": { fault: "hangs" } }));
  const reading = readFacts({ host, clock: makeStillClock() }, { dataDirectory: "/", signal: stop.signal });
  stop.abort(new Error("enough"));
  await t.rejects(reading, { message: "enough" });
});
