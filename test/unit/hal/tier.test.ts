/** The decision: the lowest of measured, profile and owner, each threshold from both sides, and reasons that a person understands. */
import { test } from "tap";
import {
  absent,
  type BoardMatch,
  decideTier,
  failed,
  found,
  NOTHING_MEASURED,
  type ProbeResult,
  TIER_POLICY,
  TIERS,
  type Tier,
} from "../../../hal/index.ts";
import { makeCpuFigure, makeFacts, makeMeasured, type Sample } from "../../sim/machine-samples.ts";

const MIB = 2 ** 20;
const GIB = 2 ** 30;

function boardOf(maxTier: Tier, why?: string): ProbeResult<BoardMatch> {
  const limits = { max_tier: maxTier, ...(why === undefined ? {} : { why }) };
  const profile: BoardMatch["profile"] = {
    schema: 1,
    id: "sample",
    match: { os: "openwrt" },
    board: { name: "Sample", class: "pc" },
    limits,
  };
  return found({ profile, matchedBy: "architecture x86_64" });
}

function decide(sample: Sample = {}, writes = 5000, board = boardOf("Super"), ownerMaxTier?: Tier) {
  return decideTier({ facts: makeFacts(sample), measured: makeMeasured(writes), board, ownerMaxTier });
}

test("a good machine is Super, and nothing limits it", (t) => {
  t.match(decide(), { tier: "Super", limitedBy: undefined, measuredTier: "Super", policyVersion: 2 });
  t.same(decide().reasons, ["Every metric reaches Super, and nothing lowers it."]);
  t.end();
});

test("every threshold, just reached and just missed", (t) => {
  const edges: readonly (readonly [tier: Tier, reached: Sample, missed: Sample])[] = [
    ["Super", { quotaMilliCpus: 4000 }, { quotaMilliCpus: 3999 }],
    ["Normal", { quotaMilliCpus: 2000 }, { quotaMilliCpus: 1999 }],
    ["Super", { memoryBytes: 7 * GIB }, { memoryBytes: 7 * GIB - 1 }],
    ["Normal", { memoryBytes: 896 * MIB }, { memoryBytes: 896 * MIB - 1 }],
    ["Super", { freeBytes: 100 * GIB }, { freeBytes: 100 * GIB - 1 }],
    ["Normal", { freeBytes: 8 * GIB }, { freeBytes: 8 * GIB - 1 }],
  ];
  for (const [tier, reached, missed] of edges) {
    t.equal(decide(reached).tier, tier, JSON.stringify(reached));
    t.equal(decide(missed).tier, TIERS[TIERS.indexOf(tier) - 1], JSON.stringify(missed));
  }
  t.equal(decide({}, 500).tier, "Super");
  t.equal(decide({}, 499).tier, "Normal");
  t.equal(decide({}, 49).tier, "Lite");
  t.equal(decide({ freeBytes: 0 }, 0).tier, "Lite", "Lite asks nothing of a disk");
  t.equal(decide({ quotaMilliCpus: 499 }).tier, undefined);
  t.equal(decide({ memoryBytes: 128 * MIB }).tier, "Lite");
  t.equal(decide({ memoryBytes: 128 * MIB - 1 }).tier, undefined);
  t.end();
});

test("the reasons say what, why and what the next tier needs", (t) => {
  t.same(decide({ logicalCpus: 2, quotaMilliCpus: 500 }).reasons, [
    "Effective cores: 0.5 cores (a control group allows 0.5 cores of 2); Normal needs 2 cores.",
  ]);
  t.same(decide({ logicalCpus: 4, allowedCpus: 1 }).reasons, [
    "Effective cores: 1 core (this process may run on 1 of 4 CPUs); Normal needs 2 cores.",
  ]);
  t.same(decide({ cgroupLimitBytes: 256 * MIB }).reasons, [
    "Usable memory: 256 MiB (a control group allows 256 MiB of 16 GiB); Normal needs 896 MiB.",
  ]);
  t.same(decide({ readOnly: true }).reasons, ["Free disk: 0 B (/data is mounted read-only); Normal needs 8 GiB."]);
  t.same(decide({ freeBytes: 20 * GIB }, 60).reasons, [
    "Free disk: 20 GiB; Super needs 100 GiB.",
    "Durable writes: 60 writes/s; Super needs 500 writes/s.",
  ]);
  t.end();
});

test("profile and owner lower the tier and never raise it", (t) => {
  t.match(decide({}, 5000, boardOf("Normal", "A router forwards packets first.")), {
    tier: "Normal",
    limitedBy: "profile",
    reasons: ['The board profile "Sample" allows at most Normal. A router forwards packets first.'],
  });
  t.match(decide({}, 5000, boardOf("Super"), "Lite"), {
    tier: "Lite",
    limitedBy: "owner",
    reasons: ["The owner allows at most Lite."],
  });
  t.match(decide({ memoryBytes: GIB }, 5000, boardOf("Super"), "Super"), { tier: "Normal", limitedBy: "measured" });
  const both = decide({ memoryBytes: GIB }, 5000, boardOf("Normal"), "Normal");
  t.match(both, { tier: "Normal", limitedBy: "measured" });
  t.equal(both.reasons.length, 3, "all that keeps it from the next tier is named");
  t.end();
});

test("no profile, or profiles that contradict each other: Lite, and why", (t) => {
  t.match(decide({}, 5000, absent("no board profile matches this machine")), {
    tier: "Lite",
    limitedBy: "profile",
    reasons: ["No board profile, so at most Lite: no board profile matches this machine."],
  });
  t.match(decide({}, 5000, failed("malformed", "one and two match")), { tier: "Lite", reasons: [/one and two match/] });
  t.end();
});

test("what is unknown counts as the metric's lowest tier", (t) => {
  const board = boardOf("Super");
  const quick = decideTier({
    facts: makeFacts(),
    measured: NOTHING_MEASURED,
    board,
  });
  t.match(quick, { tier: "Lite", limitedBy: "measured" });
  t.same(quick.reasons, [
    "Durable writes: unknown (not measured); Normal needs 50 writes/s.",
    "Random reads: unknown (not measured); Normal needs 80 IOPS.",
  ]);
  for (const fact of ["cpu", "memory", "volume"] as const) {
    const facts = { ...makeFacts(), [fact]: failed("denied", "no permission") };
    const decision = decideTier({ facts, measured: makeMeasured(), board });
    t.match(decision, { tier: "Lite", limitedBy: "measured", reasons: [/unknown \(no permission\)/] }, fact);
  }
  t.end();
});

test("CPU time that does not arrive counts, unless this machine's own programs took it", (t) => {
  const decideWith = (threads: number, got: number, others: number | undefined) =>
    decideTier({
      facts: makeFacts(),
      measured: makeMeasured(5000, makeCpuFigure(threads, got, others)),
      board: boardOf("Super"),
    });
  t.equal(decideWith(8, 7900, 0).tier, "Super");
  t.equal(decideWith(8, 7200, 0).tier, "Super", "a tenth is the error of the clocks");
  t.match(decideWith(8, 3000, 0), {
    tier: "Normal",
    reasons: [/^Effective cores: 3.33 cores \(only 3 cores of 8 cores arrived while measuring\)/],
  });
  t.equal(decideWith(8, 3000, 5000).tier, "Super", "a busy moment is no limit");
  t.equal(decideWith(8, 3000, 500).tier, "Normal");
  t.equal(decideWith(8, 3000, undefined).tier, "Normal");
  t.equal(decideWith(2, 2000, 0).tier, "Super", "two threads say nothing about the other six cores");
  t.end();
});

test("devices that are not supported, and what to do", (t) => {
  t.match(decide({ arch: "mips" }), { tier: undefined, limitedBy: "measured", reasons: [/MIPS.*use a device/] });
  t.match(decide({ arch: "armv7l", fpu: false }), { tier: undefined, reasons: [/floating point.*use a device/] });
  t.match(decide({ memoryBytes: 64 * MIB }), { tier: undefined, reasons: ["Usable memory: 64 MiB; Lite needs 128 MiB."] });
  t.equal(decide({ arch: "mips" }, 5000, boardOf("Super"), "Super").tier, undefined);
  t.end();
});

test("the memory that a board needs for itself is not counted", (t) => {
  const board = boardOf("Super");
  const profile = board.kind === "found" ? board.value.profile : undefined;
  if (profile === undefined) return t.end();
  const limits = { ...profile.limits, ram_reserve_mb: 128 };
  const reserving = found({ profile: { ...profile, limits }, matchedBy: "-" });
  const measured = makeMeasured();
  t.match(decideTier({ facts: makeFacts({ memoryBytes: 1000 * MIB }), measured, board: reserving }), {
    tier: "Lite",
    reasons: ["Usable memory: 872 MiB (the board's profile keeps 128 MiB for itself); Normal needs 896 MiB."],
  });
  t.end();
});

test("what is measured for Super only keeps nobody else from anything", (t) => {
  const measured = makeMeasured(5000, makeCpuFigure(8, 8000), { sustainedPermille: 849 });
  const board = boardOf("Super");
  t.match(decideTier({ facts: makeFacts(), measured, board }), {
    tier: "Normal",
    reasons: ["Sustained speed: 84 %; Super needs 85 %."],
  });
  const unknown = { ...measured, cpu: found([makeCpuFigure(8, 8000)]) };
  const decision = decideTier({ facts: makeFacts(), measured: unknown, board });
  t.match(decision, { tier: "Normal", reasons: ["Sustained speed: unknown (not measured); Super needs 85 %."] });
  t.end();
});

test("a tier is kept down to nine tenths of what it asks", (t) => {
  const run = (freeBytes: number, standing?: Tier) =>
    decideTier({ facts: makeFacts({ freeBytes }), measured: makeMeasured(), board: boardOf("Super"), standing }).tier;
  t.equal(run(95 * GIB), "Normal");
  t.equal(run(95 * GIB, "Normal"), "Normal", "it helps nobody up");
  t.equal(run(95 * GIB, "Super"), "Super");
  t.equal(run(90 * GIB, "Super"), "Super");
  t.equal(run(90 * GIB - 1, "Super"), "Normal");
  t.equal(run(7.3 * GIB, "Super"), "Normal", "and each tier below has the same margin");
  t.equal(run(7.1 * GIB, "Super"), "Lite");
  t.end();
});

test("the tier of earlier runs counts until a second one agrees, and the reasons say so", (t) => {
  const run = (sample: Sample, held: Tier, ownerMaxTier?: Tier) =>
    decideTier({
      facts: makeFacts(sample),
      measured: makeMeasured(),
      board: boardOf("Super"),
      ownerMaxTier,
      standing: held,
      held,
    });
  t.match(run({ freeBytes: 20 * GIB }, "Super"), { tier: "Super", measuredTier: "Super" });
  t.match(run({}, "Normal"), {
    tier: "Normal",
    reasons: ["The last run came to Super; it stays Normal until a second run agrees."],
  });
  t.equal(run({}, "Normal", "Lite").tier, "Lite", "the owner's word counts at once");
  t.equal(run({ memoryBytes: 64 * MIB }, "Super").tier, undefined, "as does being fit for nothing");
  t.end();
});

test("the power value is 1000 for a device that just reaches Normal, and no metric runs away with it", (t) => {
  const small = { logicalCpus: 2, memoryBytes: 896 * MIB, freeBytes: 8 * GIB };
  const measured = makeMeasured(50, makeCpuFigure(2, 2000), { reads: 80 });
  const powerOfMachine = (sample: Sample) => decideTier({ facts: makeFacts(sample), measured, board: boardOf("Lite") }).power;
  t.equal(powerOfMachine(small), 1000);
  t.equal(powerOfMachine({ ...small, freeBytes: 2 ** 50 }), 1700, "eight times Normal's disk at most");
  t.ok(decide().power > 2_000);
  t.end();
});

test("reasons fit a descriptor", (t) => {
  const decision = decide({}, 5000, boardOf("Lite", "x".repeat(400)));
  for (const reason of decision.reasons) t.ok(reason.length <= 256);
  t.end();
});

test("the policy climbs", (t) => {
  for (const { name, thresholds } of TIER_POLICY) {
    t.ok(thresholds.Lite <= thresholds.Normal && thresholds.Normal < thresholds.Super, name);
  }
  t.equal(
    TIER_POLICY.reduce((sum, { powerWeight }) => sum + powerWeight, 0),
    1000,
    "the weights of the power value",
  );
  t.end();
});
