/**
 * A helper program must never hang, flood or break the one who runs it. Real programs that are missing, fail, wait, flood and leave others
 * behind are run, and each ends in its own named outcome.
 */
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "tap";
import { MAX_PROGRAM_OUTPUT_BYTES, makeProgramRunner, type ProgramOptions } from "../../../base/index.ts";

const run = makeProgramRunner(process.env["PATH"]);
const sh = (script: string, options?: ProgramOptions) => run("sh", ["-c", script], options);
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

test("what it printed, and how it ended", async (t) => {
  const outcome = await sh("echo out; echo err >&2; exit 3");
  t.match(outcome, { kind: "exited", exitCode: 3 });
  if (outcome.kind !== "exited") return;
  t.equal(text(outcome.stdout), "out\n");
  t.equal(text(outcome.stderr), "err\n");
  t.match(await sh("exit 0"), { kind: "exited", exitCode: 0 });
});

test("a program that is not there is absent, which is no failure", async (t) => {
  t.same(await run("no-such-program-here", []), { kind: "absent", why: "no-such-program-here is not installed" });
  t.same(await makeProgramRunner("/nowhere")("sh", []), { kind: "absent", why: "sh is not installed" });
});

test("a program that cannot be run has failed, and the promise is kept all the same", async (t) => {
  const folder = t.testdir({ "not-executable": "#!/bin/sh\n" });
  t.match(await run(join(folder, "not-executable"), []), { kind: "failed", why: /EACCES/ });
  t.match(await run("sh", ["-c", "echo a\u0000b"]), { kind: "failed", why: /sh: / });
  t.match(await run("", []), { kind: "failed" });
  t.match(await run("true", ["x".repeat(200_000)]), { kind: "failed", why: /E2BIG/ });
});

test("arguments are handed over as they are, never through a shell", async (t) => {
  const hostile = ["$(id)", "; rm -rf /", "`id`", "a b", "*", "'", '"', "\n", ""];
  const outcome = await run("printf", ["%s|", ...hostile]);
  t.equal(outcome.kind === "exited" && text(outcome.stdout), `${hostile.join("|")}|`);
});

test("the environment is the C locale and the path, nothing of ours", async (t) => {
  process.env["BONUSNODE_MARK"] = "ours";
  t.teardown(() => delete process.env["BONUSNODE_MARK"]);
  const outcome = await run("sh", ["-c", 'printf "%s|" "$LC_ALL" "$PATH" "$HOME" "$BONUSNODE_MARK"']);
  t.equal(outcome.kind === "exited" && text(outcome.stdout), `C|${process.env["PATH"]}|||`);
});

test("standard input is what was given, or nothing", async (t) => {
  const given = await run("cat", [], { stdin: Buffer.from("hello") });
  t.equal(given.kind === "exited" && text(given.stdout), "hello");
  const nothing = await run("cat", []);
  t.equal(nothing.kind === "exited" && nothing.stdout.length, 0);
  t.match(
    await run("true", [], { stdin: new Uint8Array(1_000_000) }),
    { kind: "exited", exitCode: 0 },
    "unread input breaks nothing",
  );
});

test("one that takes too long is ended", async (t) => {
  t.same(await run("sleep", ["60"], { timeoutMs: 50 }), { kind: "killed", why: "timeout" });
  t.same(await sh("trap '' TERM INT; while :; do sleep 1; done", { timeoutMs: 50 }), { kind: "killed", why: "timeout" });
});

test("what it leaves running behind it is not waited for", { timeout: 20_000 }, async (t) => {
  t.same(await sh("sleep 60 & echo $! >&3; wait", { timeoutMs: 100 }), { kind: "killed", why: "timeout" });
  t.same(await sh("sleep 60 & exit 0", { timeoutMs: 100 }), { kind: "killed", why: "timeout" });
});

test("one that floods either stream is ended", async (t) => {
  t.same(await sh("yes", { maxOutputBytes: 1_000 }), { kind: "killed", why: "output" });
  t.same(await sh("yes >&2", { maxOutputBytes: 1_000 }), { kind: "killed", why: "output" });
  t.same(await sh("yes"), { kind: "killed", why: "output" }, "also where no limit was asked for");
  const most = await sh(`head -c ${MAX_PROGRAM_OUTPUT_BYTES} /dev/zero`, { maxOutputBytes: 10 * MAX_PROGRAM_OUTPUT_BYTES });
  t.equal(most.kind === "exited" && most.stdout.length, MAX_PROGRAM_OUTPUT_BYTES);
  t.match(
    await sh(`head -c ${MAX_PROGRAM_OUTPUT_BYTES + 1} /dev/zero`, { maxOutputBytes: 10 * MAX_PROGRAM_OUTPUT_BYTES }),
    { why: "output" },
    "the ceiling stands",
  );
});

test("an abort ends it, before it began or while it runs", async (t) => {
  t.same(await sh("exit 0", { signal: AbortSignal.abort() }), { kind: "killed", why: "aborted" });
  const stopping = new AbortController();
  const folder = t.testdir();
  const script = join(folder, "wait");
  writeFileSync(script, "#!/bin/sh\nexec sleep 60\n");
  chmodSync(script, 0o700);
  const running = run(script, [], { signal: stopping.signal });
  stopping.abort();
  t.same(await running, { kind: "killed", why: "aborted" });
});

test("a program that dies of a signal of its own", async (t) => {
  t.same(await sh("kill -SEGV $$"), { kind: "killed", why: "signal" });
});

test("many at once", async (t) => {
  const outcomes = await Promise.all(Array.from({ length: 20 }, (_, index) => sh(`exit ${index}`)));
  t.same(
    outcomes.map((outcome) => outcome.kind === "exited" && outcome.exitCode),
    Array.from({ length: 20 }, (_, index) => index),
  );
});
