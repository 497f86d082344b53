/**
 * Modules out of chance: random bytes, and real modules with bits flipped and pieces cut. Whatever they are, looking through them ends in a
 * module or a refusal, and running them ends in a stated outcome. SEED replays a run.
 */
import fc from "fast-check";
import { test } from "tap";
import { ModuleRefusal } from "../../sandbox/runner/byte-reader.ts";
import { engine } from "../../sandbox/runner/engine.ts";
import { guardModule } from "../../sandbox/runner/guard.ts";
import { makePreview1 } from "../../sandbox/runner/preview1.ts";
import { makeJob, makeSandboxWithout, run } from "../contract/sandbox-parts.ts";
import { assembleFixture, readExample } from "../contract/wasm-fixtures.ts";
import { printedSeed } from "../sim/printed-seed.ts";

const host = makePreview1({
  args: [],
  stdin: new Uint8Array(),
  epochSeconds: 0,
  random: () => undefined,
  write: () => undefined,
});
const LIMITS = { memoryPages: 256, tableEntries: 1000, isHostFunction: (name: string) => Object.hasOwn(host.functions, name) };
const HEADER = Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
const REAL = [readExample().binary, ...["echo", "clock-and-random", "grow-table", "open-files", "exit-7"].map(assembleFixture)];

const randomBytes = fc.uint8Array({ maxLength: 300 });
const damaged = fc
  .record({
    module: fc.constantFrom(...REAL),
    flips: fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 7 })), { minLength: 1, maxLength: 4 }),
    cut: fc.option(fc.nat(), { freq: 6 }),
  })
  .map(({ module, flips, cut }) => {
    const bytes = Uint8Array.from(module);
    // The first eight bytes only say what it is.
    const at = (chance: number) => 8 + (chance % (bytes.length - 8));
    for (const [chance, bit] of flips) bytes[at(chance)] = (bytes[at(chance)] ?? 0) ^ (1 << bit);
    return cut === null ? bytes : bytes.subarray(0, at(cut));
  });
const anything = fc.oneof(
  randomBytes,
  randomBytes.map((bytes) => Buffer.concat([HEADER, bytes])),
  damaged,
  damaged,
);

/** Damaged in a way that the engine does not see: these are the ones that really run. */
const stillValid = damaged.filter((bytes) => guard(bytes) !== undefined && isCommand(bytes));

function isCommand(bytes: Uint8Array): boolean {
  const text = Buffer.from(bytes).toString("latin1");
  return compiles(bytes) && text.includes("_start") && text.includes("memory");
}

function compiles(bytes: Uint8Array): boolean {
  try {
    return new engine.Module(bytes) !== undefined;
  } catch {
    return false;
  }
}

/** The module with its guard; undefined where it is refused. Anything else that is thrown is a failure of the test. */
function guard(bytes: Uint8Array): Uint8Array | undefined {
  try {
    return guardModule(bytes, LIMITS).bytes;
  } catch (thrown) {
    if (thrown instanceof ModuleRefusal) return undefined;
    throw thrown;
  }
}

test("the guard takes any bytes, and never spoils a module", async (t) => {
  const seed = printedSeed(t);
  let intact = 0;
  fc.assert(
    fc.property(anything, (bytes) => {
      const guarded = guard(bytes);
      if (guarded === undefined || !compiles(bytes)) return true;
      intact += 1;
      return compiles(guarded);
    }),
    { seed, numRuns: 5000 },
  );
  t.ok(intact > 10, `${intact} of them were still valid`);
});

test("whatever it is, running it ends in a stated outcome", async (t) => {
  const seed = printedSeed(t);
  const sandbox = await makeSandboxWithout([]);
  const ends = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(fc.oneof(anything, stillValid, stillValid), async (module) => {
      const limits = { wallMs: 30_000, cpuMs: 300, memoryBytes: 16 * 2 ** 20, outputBytes: 100_000 };
      const outcome = await run(sandbox, makeJob(module, { args: ["1000"], limits }));
      const end = outcome.kind === "exited" ? "exited" : outcome.reason;
      ends.set(end, (ends.get(end) ?? 0) + 1);
      return !["internal", "isolation-lost", "aborted", "wall-time"].includes(end);
    }),
    { seed, numRuns: 25 },
  );
  t.comment(JSON.stringify(Object.fromEntries(ends)));
});
