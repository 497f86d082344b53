/**
 * Laws of the decision over random machines: nothing that lowers a value, a profile or an owner's limit ever raises the tier, and a
 * descriptor can always carry the reasons. fast-check prints the seed of a failure; BONUS_SEED replays it.
 */
import fc from "fast-check";
import { test } from "tap";
import {
  absent,
  type BoardMatch,
  decideTier,
  found,
  type MachineFacts,
  type Measurements,
  type ProbeResult,
  TIERS,
  type Tier,
} from "../../hal/index.ts";
import { makeCpuFigure, makeFacts, makeMeasured } from "../sim/machine-samples.ts";
import { seed } from "../sim/random-text.ts";

const RUNS = { numRuns: 1000, seed };
const GIB = 2 ** 30;

interface Machine {
  readonly cpus: number;
  readonly quota: number;
  readonly memoryBytes: number;
  readonly freeBytes: number;
  readonly writes: number;
  readonly got: number;
}

const machine: fc.Arbitrary<Machine> = fc.record({
  cpus: fc.integer({ min: 1, max: 128 }),
  quota: fc.integer({ min: 1, max: 16_000 }),
  memoryBytes: fc.integer({ min: 2 ** 24, max: 32 * GIB }),
  freeBytes: fc.integer({ min: 0, max: 500 * GIB }),
  writes: fc.integer({ min: 0, max: 5_000 }),
  got: fc.integer({ min: 0, max: 16_000 }),
});
const tier = fc.constantFrom(...TIERS);

function factsOf({ cpus, quota, memoryBytes, freeBytes }: Machine): MachineFacts {
  return makeFacts({ logicalCpus: cpus, quotaMilliCpus: quota, memoryBytes, freeBytes });
}

function measuredOf({ writes, got }: Machine): Measurements {
  return makeMeasured(writes, makeCpuFigure(16, got));
}

function boardOf(maxTier: Tier): ProbeResult<BoardMatch> {
  const profile: BoardMatch["profile"] = {
    schema: 1,
    id: "x",
    match: { os: "openwrt" },
    board: { name: "X", class: "pc" },
    limits: { max_tier: maxTier },
  };
  return found({ profile, matchedBy: "-" });
}

function rank(of: Machine, board: Tier, owner: Tier): number {
  const decision = decideTier({ facts: factsOf(of), measured: measuredOf(of), board: boardOf(board), ownerMaxTier: owner });
  return decision.tier === undefined ? -1 : TIERS.indexOf(decision.tier);
}

test("profile and owner can only lower", (t) => {
  t.comment(`seed ${seed}`);
  fc.assert(
    fc.property(machine, tier, tier, (of, board, owner) => {
      const free = rank(of, "Super", "Super");
      return rank(of, board, owner) === Math.min(free, TIERS.indexOf(board), TIERS.indexOf(owner));
    }),
    RUNS,
  );
  t.pass();
  t.end();
});

test("a machine that is nowhere better is never of a higher tier", (t) => {
  fc.assert(
    fc.property(machine, machine, (one, other) => {
      const worse: Machine = {
        cpus: Math.min(one.cpus, other.cpus),
        quota: Math.min(one.quota, other.quota),
        memoryBytes: Math.min(one.memoryBytes, other.memoryBytes),
        freeBytes: Math.min(one.freeBytes, other.freeBytes),
        writes: Math.min(one.writes, other.writes),
        got: Math.min(one.got, other.got),
      };
      return rank(worse, "Super", "Super") <= rank(one, "Super", "Super");
    }),
    RUNS,
  );
  t.pass();
  t.end();
});

test("not knowing is never better than knowing", (t) => {
  const holes = fc.subarray(["memory", "volume", "disk"] as const);
  fc.assert(
    fc.property(machine, holes, (of, missing) => {
      const board = boardOf("Super");
      const all = decideTier({ facts: factsOf(of), measured: measuredOf(of), board });
      const facts = { ...factsOf(of) };
      const measured = { ...measuredOf(of) };
      const less = decideTier({
        facts: {
          ...facts,
          ...(missing.includes("memory") ? { memory: absent("-") } : {}),
          ...(missing.includes("volume") ? { volume: absent("-") } : {}),
        },
        measured: { ...measured, ...(missing.includes("disk") ? { disk: absent("-") } : {}) },
        board,
      });
      // Below Lite only what is known can be: an unknown metric is taken for its lowest tier.
      return less.tier === undefined || all.tier === undefined || TIERS.indexOf(less.tier) <= TIERS.indexOf(all.tier);
    }),
    RUNS,
  );
  t.pass();
  t.end();
});

test("there are always reasons, and a descriptor can carry them", (t) => {
  fc.assert(
    fc.property(machine, tier, tier, (of, board, owner) => {
      const { reasons } = decideTier({
        facts: factsOf(of),
        measured: measuredOf(of),
        board: boardOf(board),
        ownerMaxTier: owner,
      });
      return reasons.length > 0 && reasons.length <= 32 && reasons.every((reason) => reason.length > 0 && reason.length <= 256);
    }),
    RUNS,
  );
  t.pass();
  t.end();
});
