/**
 * Every parser of the hal over random text, half of it made of the words that the kernel uses: it never throws, and what it answers
 * keeps to its limits. fast-check prints the seed and the smallest case of a failure; BONUS_SEED replays it.
 */
import fc from "fast-check";
import { test } from "tap";
import { parseCpuTimes } from "../../hal/benchmarks/cpu-times.ts";
import { decodeBoard } from "../../hal/index.ts";
import { parseCompatible } from "../../hal/probes/board-identity.ts";
import { parseCfsQuota, parseCpuMax, parseMembership, parseMemoryLimit } from "../../hal/probes/cgroup.ts";
import { parseAllowedCpus } from "../../hal/probes/cpu.ts";
import { parseCpuinfo } from "../../hal/probes/cpuinfo.ts";
import { parseMeminfo } from "../../hal/probes/memory.ts";
import { mountOf, parseMountinfo } from "../../hal/probes/mounts.ts";
import { parseLinkSpeed } from "../../hal/probes/network.ts";
import { parseLibc, parseOpenwrtRelease } from "../../hal/probes/platform.ts";
import { cleanText, parseCount, parseCpuList } from "../../hal/probes/text.ts";
import { hostileText, seed } from "../sim/random-text.ts";

const RUNS = { numRuns: 500, seed };

/** A whole number that a double holds exactly, or nothing. */
function isCount(value: number | null | undefined): boolean {
  return value === undefined || value === null || (Number.isSafeInteger(value) && value >= 0);
}

test("no text breaks a parser", (t) => {
  t.comment(`seed ${seed}`);
  fc.assert(
    fc.property(hostileText, hostileText, (text, other) => {
      parseLibc(text);
      parseOpenwrtRelease(text);
      parseMembership(text);
      decodeBoard(text, "x.toml");
      mountOf(other, parseMountinfo(text));
      const cpuinfo = parseCpuinfo(text);
      const times = parseCpuTimes(text);
      const memory = parseMeminfo(text);
      return (
        [parseCount(text), parseLinkSpeed(text), parseCpuMax(text), parseMemoryLimit(text), parseCfsQuota(text, other)].every(
          isCount,
        ) &&
        [memory.totalBytes, memory.availableBytes, cpuinfo?.processors, times?.total, times?.busy].every(isCount) &&
        (parseAllowedCpus(text)?.size ?? 0) <= 8192 &&
        parseCompatible(text).length <= 32
      );
    }),
    RUNS,
  );
  t.pass();
  t.end();
});

test("a list of CPUs comes back as it was written", (t) => {
  const cpus = fc.uniqueArray(fc.integer({ min: 0, max: 255 }), { minLength: 1 });
  fc.assert(
    fc.property(cpus, (list) => {
      const parsed = parseCpuList(`${list.join(",")}\n`, 256);
      return parsed !== undefined && parsed.size === list.length && list.every((cpu) => parsed.has(cpu));
    }),
    RUNS,
  );
  t.pass();
  t.end();
});

test("text of devices cannot play tricks", (t) => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const clean = cleanText(text);
      return (
        clean === undefined || (clean.length > 0 && clean.length <= 96 && clean.trim() === clean && !/\p{Cc}|\p{Cf}/u.test(clean))
      );
    }),
    RUNS,
  );
  t.pass();
  t.end();
});
