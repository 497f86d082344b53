/**
 * Every parser of the hal over random text, half of it made of the words that the kernel uses: it never throws, and what it answers
 * keeps to its limits. fast-check prints the seed and the smallest case of a failure; BONUS_SEED replays it.
 */
import fc from "fast-check";
import { test } from "tap";
import { parseCpuTimes } from "../../hal/benchmarks/cpu-times.ts";
import { decodeBoard } from "../../hal/index.ts";
import { MAX_ATTRIBUTE_BYTES, MAX_CPUS, MAX_KERNEL_FILE_BYTES } from "../../hal/limits.ts";
import { parseCompatible } from "../../hal/probes/board-identity.ts";
import { parseCfsQuota, parseCpuMax, parseMembership, parseMemoryLimit } from "../../hal/probes/cgroup.ts";
import { parseAllowedCpus } from "../../hal/probes/cpu.ts";
import { parseCacheSize } from "../../hal/probes/cpu-caches.ts";
import { parseSpacedCpus } from "../../hal/probes/cpu-frequency.ts";
import { parseCpuMask } from "../../hal/probes/cpu-topology.ts";
import { parseCpuinfo } from "../../hal/probes/cpuinfo.ts";
import { parseMeminfo, parseSwaps } from "../../hal/probes/memory.ts";
import { mountOf, parseMountinfo } from "../../hal/probes/mounts.ts";
import { parseLinkSpeed } from "../../hal/probes/network.ts";
import { parseOpenwrtRelease } from "../../hal/probes/openwrt.ts";
import { parseLibc } from "../../hal/probes/platform.ts";
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
        [...Object.values(memory), parseCacheSize(text), times?.total, times?.busy].every(isCount) &&
        parseSwaps(text).every(({ sizeBytes, usedBytes }) => isCount(sizeBytes) && isCount(usedBytes)) &&
        (cpuinfo?.processors ?? []).every(({ number }) => isCount(number)) &&
        (cpuinfo?.features ?? []).every((feature) => feature.length <= 32) &&
        (parseAllowedCpus(text)?.size ?? 0) <= 8192 &&
        (parseCpuMask(text, 8192)?.size ?? 0) <= 8192 &&
        (parseSpacedCpus(text)?.size ?? 0) <= 8192 &&
        parseCompatible(text).length <= 32
      );
    }),
    RUNS,
  );
  t.pass();
  t.end();
});

/** Text of a certain length that is one piece again and again. */
function repeated(piece: string, length: number): string {
  return piece.repeat(Math.ceil(length / piece.length)).slice(0, length);
}

test("as much text as is ever read costs no more than its length", (t) => {
  // Work that grows with the square of the length would not end within the time that a test file has.
  const pieces = [
    "a",
    " ",
    "\t",
    "\n",
    ":",
    ",",
    "0",
    "f",
    "0-",
    "processor:",
    "MemTotal:",
    "Cpus_allowed_list:\t",
    " kB",
    "x:y\n",
  ];
  const lines = ["processor\t: {}\n", "flags\t: vendor_id {}\n", "model name\t: {}\n", "cpu part\t: {}\n", "isa\t: rv64{}_z{}\n"];
  const counted = lines.map((line) => Array.from({ length: 100_000 }, (_, at) => line.replaceAll("{}", String(at))).join(""));
  const answers = [...pieces.map((piece) => repeated(piece, MAX_KERNEL_FILE_BYTES)), ...counted].map((text) => {
    const attribute = text.slice(0, MAX_ATTRIBUTE_BYTES);
    for (const parse of [parseAllowedCpus, parseMeminfo, parseSwaps, parseCacheSize, parseSpacedCpus]) parse(attribute);
    return [parseMembership(text), parseCpuMask(attribute, MAX_CPUS), parseCpuList(attribute, MAX_CPUS), parseCpuinfo(text)];
  });
  t.equal(answers.length, pieces.length + lines.length);
  t.end();
});

test("a mask of CPUs comes back as it was written", (t) => {
  const cpus = fc.uniqueArray(fc.integer({ min: 0, max: 255 }));
  fc.assert(
    fc.property(cpus, (list) => {
      const words = Array.from({ length: 8 }, (_, word) => {
        const bits = list.filter((cpu) => cpu >> 5 === word).reduce((sum, cpu) => sum + 2 ** (cpu & 31), 0);
        return bits.toString(16).padStart(8, "0");
      });
      const parsed = parseCpuMask(`${words.reverse().join(",")}\n`, 256);
      return parsed !== undefined && parsed.size === list.length && list.every((cpu) => parsed.has(cpu));
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
