/**
 * What every way to jail a module owes: each hostile module ends for the right reason, a result is the same everywhere, limits
 * hold, and nothing is left over. Asked of each mechanism of a machine by test/unit/sandbox and hardware-tests.
 */
import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import type { Test } from "tap";
import { listProcessTree, sha256, toHex } from "../../base/index.ts";
import { type IsolationLevel, makeSandbox, type Sandbox } from "../../sandbox/index.ts";
import { endOf, makeJob, run, sandboxNeeds } from "./sandbox-parts.ts";
import { assembleFixture, readExample } from "./wasm-fixtures.ts";

/** One mechanism under test. */
export interface ContractSubject {
  /** Programs that the machine shall seem not to have. */
  readonly hidden: readonly string[];
  readonly level: IsolationLevel;
  readonly mechanism: RegExp;
}

/** Runs the whole suite. */
export async function sandboxContract(t: Test, { hidden, level, mechanism }: ContractSubject): Promise<void> {
  // On the runner's command line, where a jail has one to look for; nothing else on the machine has it.
  const mark = `/bonus-${randomUUID()}`;
  const sandbox = await makeSandbox(sandboxNeeds(hidden), { hiddenPaths: [mark], cores: 1 });
  t.equal(sandbox.isolation.level, level, JSON.stringify(sandbox.capabilities));
  t.match(sandbox.isolation.mechanism, mechanism);
  t.ok(sandbox.isolation.mechanism.length <= 64 && sandbox.engine.length <= 64, "fits into evidence");
  await t.test("results", (t) => results(t, sandbox));
  await t.test("what is refused", (t) => refusals(t, sandbox));
  await t.test("hostile modules", (t) => hostileModules(t, sandbox));
  await t.test("limits", (t) => limits(t, sandbox));
  await t.test("the world outside", (t) => outside(t, sandbox));
  await t.test("nothing is left over, not even of jails that were ended while they were built", async (t) => {
    for (let round = 0; round < 60; round++) {
      const stopping = new AbortController();
      const outcome = run(sandbox, makeJob(assembleFixture("exit-7")), stopping.signal);
      await pause((round % 15) * 0.7);
      stopping.abort();
      await outcome;
    }
    await eventually(() => findMarked(mark).length === 0);
    t.same(findMarked(mark), []);
    t.same(listProcessTree(process.pid).filter(isRunner), []);
  });
}

async function results(t: Test, sandbox: Sandbox): Promise<void> {
  await t.test("the example", async (t) => {
    const outcome = await run(sandbox, makeJob(readExample().binary, { args: ["5000000"] }));
    t.equal(endOf(outcome), "exited 0");
    t.equal(textOf(outcome.stdout), "348513 primes up to 5000000, the last is 4999999\n");
    t.same(outcome.isolation, sandbox.isolation);
  });
  await t.test("an exit code, and both streams", async (t) => {
    const outcome = await run(sandbox, makeJob(assembleFixture("exit-7")));
    t.match(outcome, { kind: "exited", exitCode: 7 });
    t.equal(textOf(outcome.stdout), "seven\n");
    t.equal(outcome.kind === "exited" && textOf(outcome.stderr), "seven\n");
  });
  await t.test("standard input comes as it is", async (t) => {
    const stdin = Uint8Array.from({ length: 300_000 }, (_, index) => index * 31);
    const outcome = await run(sandbox, makeJob(assembleFixture("echo"), { stdin }));
    t.equal(endOf(outcome), "exited 0");
    t.equal(toHex(sha256(outcome.stdout ?? new Uint8Array())), toHex(sha256(stdin)));
  });
  await t.test("arguments", async (t) => {
    const outcome = await run(sandbox, makeJob(assembleFixture("show-args"), { args: ["a b", "", "ü"] }));
    t.equal(textOf(outcome.stdout), "module\0a b\0\0ü\0");
  });
  await t.test("single bytes", async (t) => {
    const outcome = await run(sandbox, makeJob(assembleFixture("write-bytewise")));
    t.equal(outcome.stdout?.length, 300_000);
    t.ok(outcome.stdout?.every((byte, index) => byte === (index & 0xff)));
  });
  await t.test("clocks and random bytes are those of the job", async (t) => {
    const module = assembleFixture("clock-and-random");
    const [first, again, otherSeed, otherTime] = await Promise.all([
      run(sandbox, makeJob(module)),
      run(sandbox, makeJob(module)),
      run(sandbox, makeJob(module, { seed: new Uint8Array(32).fill(8) })),
      run(sandbox, makeJob(module, { epochSeconds: 1_700_000_001 })),
    ]);
    const output = first.stdout ?? new Uint8Array();
    // The same on every machine, processor and version: a change here is a change of the protocol.
    t.equal(toHex(sha256(output)), CLOCK_AND_RANDOM_SHA256);
    t.equal(new DataView(output.buffer, output.byteOffset).getBigUint64(0, true), 1_700_000_000_000_000_000n);
    t.same(again.stdout, output);
    t.notSame(otherSeed.stdout, output);
    t.notSame(otherTime.stdout, output);
  });
}

const CLOCK_AND_RANDOM_SHA256 = "4a84ebd19b7c4da27c4f1712a87b7b172374fa7bae3257e8c265065b27635715";

async function refusals(t: Test, sandbox: Sandbox): Promise<void> {
  const expected: Readonly<Record<string, string>> = {
    "unknown-imports": "stopped invalid-module",
    "imported-memory": "stopped invalid-module",
    "shared-memory": "stopped invalid-module",
    "relaxed-simd": "stopped invalid-module",
    "not-a-command": "stopped invalid-module",
    "no-memory": "stopped invalid-module",
    "giant-memory": "stopped memory",
    "huge-table": "stopped memory",
  };
  for (const [name, end] of Object.entries(expected)) {
    t.equal(endOf(await run(sandbox, makeJob(assembleFixture(name)))), end, name);
  }
  t.equal(endOf(await run(sandbox, makeJob(new Uint8Array()))), "stopped invalid-module", "no bytes at all");
  t.equal(endOf(await run(sandbox, makeJob(Buffer.from("not a module at all")))), "stopped invalid-module", "other bytes");
}

async function hostileModules(t: Test, sandbox: Sandbox): Promise<void> {
  const expected: Readonly<Record<string, string>> = {
    trap: "stopped trap",
    recurse: "stopped trap",
    "early-call": "stopped trap",
    "grow-forever": "stopped memory",
    "grow-and-carry-on": "stopped memory",
    "grow-table": "stopped memory",
    "flood-stdout": "stopped output",
    "flood-stderr": "stopped output",
    "wild-pointers": "exited 0",
  };
  for (const [name, end] of Object.entries(expected)) {
    const outcome = await run(sandbox, makeJob(assembleFixture(name)));
    t.equal(endOf(outcome), end, `${name}: ${outcome.kind === "stopped" ? outcome.detail : ""}`);
    t.ok((outcome.stdout?.length ?? 0) <= 1_000_000, `${name} keeps to its output`);
    if (name === "trap") t.equal(textOf(outcome.stdout), "before\n", "what came before a trap is told");
    if (name === "wild-pointers") t.same([...(outcome.stdout ?? [])], [21, 21, 21, 21, 28, 21, 28, 21]);
  }
}

async function limits(t: Test, sandbox: Sandbox): Promise<void> {
  const base = makeJob(assembleFixture("spin"));
  await t.test("CPU time", async (t) => {
    for (const name of ["spin", "spin-at-start"]) {
      const job = makeJob(assembleFixture(name), { limits: { ...base.limits, cpuMs: 300 } });
      const outcome = await run(sandbox, job);
      t.equal(endOf(outcome), "stopped cpu-time", name);
      t.ok(outcome.usage.cpuMicros > 300_000n, "the meter saw it");
    }
  });
  await t.test("wall time", async (t) => {
    t.equal(endOf(await run(sandbox, { ...base, limits: { ...base.limits, wallMs: 200 } })), "stopped wall-time");
  });
  await t.test("the owner's share", async (t) => {
    const outcome = await run(sandbox, { ...base, cpuShare: 0.2, limits: { ...base.limits, wallMs: 2000 } });
    t.equal(endOf(outcome), "stopped wall-time");
    // A fifth of two seconds, and what one look at the meter every 50 ms lets through.
    t.ok(outcome.usage.cpuMicros < 800_000n, `used ${outcome.usage.cpuMicros} µs`);
  });
  await t.test("aborted, before and during", async (t) => {
    const abort = new AbortController();
    const running = run(sandbox, base, abort.signal);
    setImmediate(() => abort.abort());
    t.equal(endOf(await running), "stopped aborted");
    t.equal(endOf(await run(sandbox, base, abort.signal)), "stopped aborted");
  });
  await t.test("memory that is used is measured", async (t) => {
    const bytes = 64 * 2 ** 20;
    const job = makeJob(assembleFixture("fill-memory"), { limits: { ...base.limits, memoryBytes: bytes } });
    const small = await run(sandbox, { ...job, stdin: Uint8Array.of(1) });
    const large = await run(sandbox, { ...job, stdin: Uint8Array.of(60) });
    t.same([endOf(small), endOf(large)], ["exited 0", "exited 0"]);
    const more = Number(large.usage.peakMemoryBytes - small.usage.peakMemoryBytes);
    t.ok(more > 40 * 2 ** 20 && more < 80 * 2 ** 20, `59 MiB more memory showed as ${more} bytes`);
    t.equal(endOf(await run(sandbox, { ...job, stdin: Uint8Array.of(64) })), "stopped memory", "one page too many");
  });
  await t.test("output to the last byte", async (t) => {
    const job = makeJob(assembleFixture("echo"), { stdin: new Uint8Array(1000) });
    t.equal(endOf(await run(sandbox, { ...job, limits: { ...base.limits, outputBytes: 1000 } })), "exited 0");
    t.equal(endOf(await run(sandbox, { ...job, limits: { ...base.limits, outputBytes: 999 } })), "stopped output");
  });
}

async function outside(t: Test, sandbox: Sandbox): Promise<void> {
  const outcome = await run(sandbox, makeJob(assembleFixture("open-files")));
  t.equal(outcome.stdout?.length, 20);
  t.ok(
    outcome.stdout?.every((error) => error !== 0),
    "no directory, and no file below one",
  );
}

/** Processes whose command line holds a word. */
function findMarked(word: string): string[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name) && commandLine(Number(name)).includes(word));
}

function isRunner(pid: number): boolean {
  return commandLine(pid).includes("/runner/main.");
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

/** Waits for what the kernel is about to do; gives up after ten seconds, and leaves it to the caller to say what is missing. */
export async function eventually(condition: () => boolean): Promise<void> {
  for (let left = 1000; left > 0 && !condition(); left -= 1) await pause(10);
}

function textOf(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString("utf8");
}
