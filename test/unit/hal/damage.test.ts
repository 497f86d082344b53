/**
 * Damage: each file of each captured machine in turn is empty, cut, binary, huge, forbidden or broken. No probe may throw, and none
 * may answer with a value that it did not read.
 */
import { readdirSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "tap";
import { absent, decideTier, type MachineFacts, readFacts } from "../../../hal/index.ts";
import { loadTree, type MachineTree, makeSimHost, type Node, withNodes } from "../../sim/machine-tree.ts";
import { makeStillClock } from "../../sim/still-clock.ts";

const FIXTURES = fileURLToPath(new URL("../../fixtures/boards", import.meta.url));
const HUGE = "7".repeat(10 * 1024 * 1024);
const BINARY = Array.from({ length: 4096 }, (_, index) => String.fromCharCode((index * 97) & 0xff)).join("");

const DAMAGE: Readonly<Record<string, (node: Node, path: string) => Node>> = {
  empty: () => "",
  cut: (node) => (typeof node === "string" ? node.slice(0, Math.floor(node.length / 2)) : node),
  binary: () => BINARY,
  "10 MB": () => HUGE,
  forbidden: () => ({ fault: "denied" }),
  broken: () => ({ fault: "unreadable" }),
  "a link to itself": (_, path) => ({ link: basename(path) }),
};

function read(tree: MachineTree): Promise<MachineFacts> {
  return readFacts({ host: makeSimHost(tree), clock: makeStillClock() }, { dataDirectory: "/var/lib/bonusnode" });
}

for (const name of readdirSync(FIXTURES)) {
  const tree = loadTree(`${FIXTURES}/${name}`);
  for (const [damage, apply] of Object.entries(DAMAGE)) {
    test(`${name}: each file ${damage}`, async (t) => {
      for (const [path, node] of tree.nodes) {
        const facts = await read(withNodes(tree, { [path]: apply(node, path) }));
        const text = JSON.stringify(facts);
        t.notMatch(text, /the probe broke/, path);
        t.ok(text.length < 100_000, `${path}: facts stay small`);
        t.notMatch(text, /7{400}/, `${path}: nothing of a huge file gets through`);
        t.notMatch(text, /\\u00[01]/, `${path}: no control characters get through`);
        const decision = decideTier({
          facts,
          measured: { cpu: absent("not measured"), disk: absent("not measured") },
          board: absent("none"),
        });
        t.not(decision.tier, "Super", path);
      }
    });
  }
}

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
    const decision = decideTier({ facts, measured: { cpu: absent("-"), disk: absent("-") }, board: absent("none") });
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
