/**
 * When the agent measures its machine, and what it then says it is: over restarts, changes of the machine, months and runs that
 * disagree; and what bookkeepers think of that.
 */
import { join } from "node:path";
import t, { type Test } from "tap";
import { type KnownMachine, knowMachine, type MachineOptions } from "../../../agent/machine.ts";
import { watchMachine } from "../../../agent/machine-watch.ts";
import { makeStandings, readGrantedTiers } from "../../../agent/standings.ts";
import { openAgentState } from "../../../agent/state-store.ts";
import { makeSeededRandom, sha256, toHex } from "../../../base/index.ts";
import { absent, failed, found, type MachineNeeds, type ProbeResult } from "../../../hal/index.ts";
import { formatId } from "../../../protocol/index.ts";
import { BOOKKEEPER_KEY } from "../../sim/agent-samples.ts";
import { NO_LIMITS } from "../../sim/agent-world.ts";
import { makeCpuFigure, makeDiskFigure } from "../../sim/machine-samples.ts";
import { loadTree, makeSimHost, withNodes } from "../../sim/machine-tree.ts";
import { shippedBoards } from "../../sim/shipped-boards.ts";
import { makeSteppingClock, settled } from "../../sim/stepping-clock.ts";

const VM = loadTree(join(import.meta.dirname, "../../fixtures/boards/firecracker-vm"));
const DAY_MS = 86_400_000;

async function makeMachine(t: Test) {
  const clock = makeSteppingClock();
  const state = openAgentState(join(t.testdir(), "agent.db"));
  t.teardown(() => state.close());
  const boards = await shippedBoards();
  const machine = { tree: VM, reads: 9_000 as number | undefined, runs: 0 };
  const disk = async (): Promise<ProbeResult<never>> => failed("unreadable", "no room");
  const needs = (): MachineNeeds => ({
    host: makeSimHost(machine.tree),
    clock,
    boards,
    benchmarks: {
      cpu: async ({ threads }) => {
        machine.runs += 1;
        return found([makeCpuFigure(threads, threads * 1000)]);
      },
      memory: async () => absent("not measured"),
      disk: async () =>
        machine.reads === undefined
          ? disk()
          : found([makeDiskFigure(9_000), makeDiskFigure(machine.reads, "disk.random-read", "IOPS")]),
    },
  });
  const know = (more: Partial<MachineOptions> = {}): Promise<KnownMachine | undefined> =>
    knowMachine(needs(), state, {
      ...{ version: "1", dataDirectory: "/var/lib/bonusnode", limits: NO_LIMITS, random: makeSeededRandom(1), ...more },
    });
  return { clock, state, machine, know };
}

t.test("measured once, and not again before a month is over", async (t) => {
  const { clock, machine, know } = await makeMachine(t);
  const beacon = sha256(Buffer.from("beacon"));
  const first = await know({ latestBeacon: () => beacon });
  t.match(first, { isNew: true, held: "Normal", measuredAfter: toHex(beacon), probe: { decision: { tier: "Normal" } } });
  await clock.advance(26 * DAY_MS);
  t.match(await know(), { isNew: false, held: "Normal", measuredAfter: toHex(beacon) });
  t.equal(machine.runs, 1);
  await clock.advance(8 * DAY_MS);
  t.match(await know(), { isNew: true, measuredAfter: undefined });
  t.equal(machine.runs, 2);
});

t.test("a fleet does not measure on the same day", async (t) => {
  const days = new Set<number>();
  for (let node = 0; node < 12; node++) {
    const { clock, know } = await makeMachine(t);
    await know({ random: makeSeededRandom(node) });
    let day = 0;
    for (; (await know())?.isNew === false; day++) await clock.advance(DAY_MS);
    days.add(day);
    t.ok(day >= 27 && day <= 33, `day ${day}`);
  }
  t.ok(days.size > 3);
});

t.test("another control group, memory or disk, or a later program, measures at once", async (t) => {
  const { machine, know } = await makeMachine(t);
  await know();
  machine.tree = withNodes(VM, { "/proc/meminfo": "MemTotal: 4194304 kB\nMemAvailable: 4000000 kB\n" });
  t.match(await know(), { isNew: true });
  t.match(await know(), { isNew: false });
  t.match(await know({ version: "2" }), { isNew: true });
});

t.test("measurements from the future are not believed", async (t) => {
  const { clock, know } = await makeMachine(t);
  await know();
  clock.setWall(clock.wallMs() - DAY_MS);
  t.match(await know(), { isNew: true });
});

t.test("a run that comes to another tier counts when a second one agrees, and its figures with it", async (t) => {
  const { clock, machine, know } = await makeMachine(t);
  await know();
  machine.reads = 10;
  await clock.advance(40 * DAY_MS);
  const once = await know();
  t.match(once, { isNew: true, held: "Normal", probe: { decision: { tier: "Normal" } } });
  t.match(once?.probe.measured.disk, { value: [{}, { value: 9_000 }] }, "what is signed agrees with itself");
  t.match(await know(), { isNew: false });
  await clock.advance(11 * 60_000);
  t.match(await know(), {
    isNew: true,
    held: "Lite",
    probe: { decision: { tier: "Lite" }, measured: { disk: { value: [{}, { value: 10 }] } } },
  });
  machine.reads = 9_000;
  await clock.advance(40 * DAY_MS);
  t.equal((await know())?.held, "Lite");
  machine.reads = 10;
  await clock.advance(11 * 60_000);
  t.equal((await know())?.held, "Lite", "a lucky minute is forgotten");
});

t.test(
  "a measurement that failed is tried again after hours, or when the agent starts, and none is taken while work runs",
  async (t) => {
    const { clock, machine, know } = await makeMachine(t);
    machine.reads = undefined;
    t.match(await know(), { isNew: true, held: undefined, probe: { decision: { tier: "Lite" } } });
    await clock.advance(5 * 3_600_000);
    t.match(await know(), { isNew: false, held: undefined, probe: { decision: { tier: "Lite" } } }, "it wears no disk meanwhile");
    t.match(await know({ isStart: true }), { isNew: true, probe: { decision: { tier: "Lite" } } });
    machine.reads = 9_000;
    await clock.advance(7 * 3_600_000);
    t.equal(await know({ mayMeasure: () => false }), undefined);
    t.match(await know(), { isNew: true, held: "Normal", probe: { decision: { tier: "Normal" } } });
    t.match(await know({ isStart: true }), { isNew: false }, "what holds is not measured again");
    t.equal(machine.runs, 3);
    machine.reads = undefined;
    await clock.advance(40 * DAY_MS);
    t.match(
      await know(),
      { isNew: true, held: undefined, probe: { decision: { tier: "Lite" } } },
      "unknown is no reason to hold on",
    );
  },
);

t.test("the watch tells of new measurements only, survives trouble and ends", async (t) => {
  const clock = makeSteppingClock();
  const answers: (KnownMachine | undefined | Error)[] = [];
  const told: KnownMachine[] = [];
  const trouble: string[] = [];
  let looks = 0;
  const stop = watchMachine({
    ...{ clock, random: makeSeededRandom(1) },
    look: async () => {
      looks += 1;
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      return answer;
    },
    onMeasured: (machine) => void told.push(machine),
    onTrouble: (what) => void trouble.push(what),
  });
  const machine = { held: "Normal", measuredAfter: undefined } as Omit<KnownMachine, "isNew"> as KnownMachine;
  answers.push(undefined, { ...machine, isNew: false }, new Error("no"), { ...machine, isNew: true });
  for (let look = 0; look < 4; look++) {
    await clock.advance(11 * 60_000 + 1);
    await settled();
  }
  t.equal(looks, 4);
  t.equal(told.length, 1);
  t.same(trouble, ["the machine could not be measured anew: no"]);
  await stop();
  await clock.advance(DAY_MS);
  t.equal(looks, 4);
});

t.test("what a bookkeeper takes the node for is kept, its later word counts", async (t) => {
  const { state } = await makeMachine(t);
  const events: unknown[] = [];
  const standings = makeStandings(state, (event) => events.push(event));
  const issuer = BOOKKEEPER_KEY.publicKey;
  const id = formatId(issuer);
  standings.onReceipt({ issuer, issuedAt: 100, tier: "Normal" });
  standings.onReceipt({ issuer, issuedAt: 110, tier: "Lite", detail: "three proofs" });
  standings.onReceipt({ issuer, issuedAt: 105, tier: "Normal" });
  standings.onReceipt({ issuer, issuedAt: 120 });
  t.same(readGrantedTiers(state), { [id]: { tier: "Lite", why: "three proofs", saidAt: 110 } });
  t.match(events, [
    { type: "standing", bookkeeper: id, tier: "Normal" },
    { type: "standing", bookkeeper: id, tier: "Lite", why: "three proofs" },
  ]);
  state.transaction(() => state.meta.set("granted", "{"));
  t.same(readGrantedTiers(state), {});
});
