/** What a reader of a descriptor concludes, and how a tier settles over several runs. */
import fc from "fast-check";
import { test } from "tap";
import { judgePublished, type PublishedMachine, settleTier, TIERS } from "../../../hal/index.ts";
import { seed } from "../../sim/random-text.ts";

const GIB = 2n ** 30n;
const SUPER: PublishedMachine = {
  tier: "Super",
  facts: { arch: "x86_64", logicalCpus: 8, effectiveMilliCpus: 8_000, memoryBytes: 16n * GIB, diskFreeBytes: 200n * GIB },
  measured: [
    { name: "cpu.sustained", value: 950n, conditions: {} },
    { name: "disk.durable-writes", value: 5_000n, conditions: {} },
    { name: "disk.random-read", value: 12_000n, conditions: {} },
  ],
};

test("a machine is taken for what it claims where its figures carry that", (t) => {
  t.match(judgePublished(SUPER), { tier: "Super", reasons: [] });
  t.match(judgePublished({ ...SUPER, tier: "Lite" }), { tier: "Lite", reasons: [] }, "and never for more");
  t.end();
});

test("a figure up to a tenth short is the hysteresis of a device that stood there before", (t) => {
  const facts = { ...SUPER.facts, diskFreeBytes: 90n * GIB };
  t.equal(judgePublished({ ...SUPER, facts }).tier, "Super");
  t.equal(judgePublished({ ...SUPER, facts: { ...facts, diskFreeBytes: 90n * GIB - 1n } }).tier, "Normal");
  t.end();
});

test("a figure that is not published counts as the metric's lowest tier", (t) => {
  const without = (name: string): PublishedMachine => ({
    ...SUPER,
    measured: SUPER.measured.filter((figure) => figure.name !== name),
  });
  t.match(judgePublished(without("cpu.sustained")), {
    tier: "Normal",
    reasons: ["Sustained speed: nothing published; Super needs 85 %."],
  });
  t.match(judgePublished(without("disk.random-read")), { tier: "Lite" });
  t.end();
});

test("no published machine is judged above its claim, whatever it says", (t) => {
  const amount = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n });
  const names = ["cpu.integer", "cpu.integer-1t", "cpu.sustained", "disk.durable-writes", "disk.random-read", "x"];
  const machine = fc.record({
    tier: fc.constantFrom(...TIERS),
    facts: fc.record({
      arch: fc.constantFrom("x86_64", "mips", "aarch64"),
      logicalCpus: fc.integer({ min: 1, max: 65_536 }),
      effectiveMilliCpus: fc.integer({ min: 0, max: 65_536_000 }),
      memoryBytes: amount,
      diskFreeBytes: amount,
    }),
    measured: fc.array(
      fc.record({ name: fc.constantFrom(...names), value: amount, conditions: fc.record({ threads: fc.nat(65_536) }) }),
    ),
  });
  t.comment(`seed ${seed}`);
  fc.assert(
    fc.property(machine, (of) => {
      const { tier, reasons } = judgePublished(of);
      return TIERS.indexOf(tier) <= TIERS.indexOf(of.tier) && (tier === of.tier || reasons.length > 0);
    }),
    { seed, numRuns: 2_000 },
  );
  t.pass();
  t.end();
});

test("the first run counts at once, every later change takes two that agree", (t) => {
  t.same(settleTier(undefined, "Normal"), { tier: "Normal" });
  t.same(settleTier({ tier: "Normal" }, "Normal"), { tier: "Normal" });
  const once = settleTier({ tier: "Normal" }, "Lite");
  t.same(once, { tier: "Normal", candidate: "Lite" });
  t.same(settleTier(once, "Lite"), { tier: "Lite" });
  t.same(settleTier(once, "Normal"), { tier: "Normal" }, "a bad minute is forgotten");
  t.same(settleTier(once, "Super"), { tier: "Normal", candidate: "Super" }, "two that disagree move nothing");
  t.end();
});
