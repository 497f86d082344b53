/**
 * This very machine, whose owner claims Super for it in every way that there is: a profile of their own and the limit of the
 * configuration. The measurements are made up and as good as can be, so that nothing but the machine and the claims decide.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { found, known, type MachineNeeds, makeMachineNeeds, probeMachine, TIERS } from "../../../hal/index.ts";
import { makeCpuFigure, makeDiskFigure, makeFigure } from "../../sim/machine-samples.ts";

const PERFECT: MachineNeeds["benchmarks"] = {
  cpu: async ({ threads }) => found([makeCpuFigure(threads, threads * 1000)]),
  sustained: async () => found([makeFigure("cpu.sustained", 1000, "permille")]),
  memory: async () => found([makeFigure("memory.copy", 50_000, "MB/s")]),
  disk: async () => found([makeDiskFigure(50_000), makeDiskFigure(500_000, "disk.random-read", "IOPS")]),
};

async function probe(ownersBoardsDirectory: string) {
  const needs = await makeMachineNeeds({ ownersBoardsDirectory });
  if (!needs.ok) throw needs.error;
  const options = { dataDirectory: "/var/lib/bonusnode", measure: true, ownerMaxTier: "Super" } as const;
  return probeMachine({ ...needs.value, benchmarks: PERFECT }, options);
}

t.test("claims raise nothing", async (t) => {
  const directory = t.testdir();
  const honest = await probe(join(directory, "none"));
  const { arch } = known(honest.facts.cpu) ?? {};
  const chosen = known(honest.board)?.profile.id ?? "generic-pc";
  const profile = (id: string): string =>
    `schema = 1\nid = "${id}"\n[match]\narch = ["${arch}"]\n[board]\nname = "Mine"\nclass = "server"\n[limits]\nmax_tier = "Super"\n`;
  for (const id of ["mine", chosen]) {
    const boards = join(directory, id.replaceAll(/\W/g, "-"));
    mkdirSync(boards);
    writeFileSync(join(boards, `${id}.toml`), profile(id));
    const claimed = await probe(boards);
    t.equal(claimed.decision.tier, honest.decision.tier, `${id}: ${claimed.decision.tier}`);
    t.ok(TIERS.indexOf(claimed.decision.profileTier) <= TIERS.indexOf(honest.decision.profileTier), `${id}: its profile's cap`);
  }
  const metrics = honest.decision.metrics.filter(({ name }) => name === "cpu.effective-cores" || name === "memory.usable");
  for (const { label, tier } of metrics)
    t.ok(honest.decision.tier !== "Super" || tier === "Super", `${label} alone says ${tier}`);
});
