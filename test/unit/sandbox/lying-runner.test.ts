/** What the agent makes of a runner that dies, or says what is not so: a stated outcome, and never a result. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "tap";
import { meterProcessTree } from "../../../base/index.ts";
import { encodeJob } from "../../../sandbox/channel.ts";
import { detectJails } from "../../../sandbox/index.ts";
import { startJailed } from "../../../sandbox/jailed-process-linux.ts";
import { makeChildProcessJail } from "../../../sandbox/jails/child-process.ts";
import type { Jail } from "../../../sandbox/jails/jail.ts";
import { makeUnshareJail } from "../../../sandbox/jails/unshare.ts";
import type { JobOutcome } from "../../../sandbox/job.ts";
import { findRuntime, readMachine } from "../../../sandbox/machine-linux.ts";
import { runInJail } from "../../../sandbox/run-linux.ts";
import type { Runtime } from "../../../sandbox/runtime.ts";
import { findAllBut, makeJob, sandboxNeeds } from "../../contract/sandbox-parts.ts";

const folder = mkdtempSync(join(tmpdir(), "bonus-liar-"));
chmodSync(folder, 0o755);
const text = readFileSync(new URL("../../fixtures/lying-runner.js", import.meta.url), "utf8");
writeFileSync(join(folder, "package.json"), '{"type":"module"}');
const { isRoot } = readMachine();
const { capabilities } = await detectJails(sandboxNeeds(["bwrap"]), { hiddenPaths: [] });
const why = capabilities.find(({ name }) => name === "unshare")?.why;

function runtimeThat(lie: string): Runtime {
  writeFileSync(join(folder, `${lie}.js`), `const LIE = ${JSON.stringify(lie)};\n${text}`);
  return { ...findRuntime(), runnerFolder: folder, runnerFile: `${lie}.js` };
}

function runIn(jail: Jail): Promise<JobOutcome> {
  const needs = { jail, meterProcessTree, cores: 1, hiddenPaths: [] };
  return runInJail(needs, makeJob(new Uint8Array(100)), new AbortController().signal);
}

const EXPECTED: Readonly<Record<string, object>> = {
  abort: { kind: "stopped", reason: "internal", detail: /SIGABRT/ },
  "out-of-memory": { kind: "stopped", reason: "memory" },
  leave: { kind: "stopped", reason: "internal", detail: /exit code 3/ },
  noise: { kind: "stopped", reason: "internal", detail: /not a message/ },
  flood: { kind: "stopped", reason: "internal", detail: /not a message/ },
  "more-output": { kind: "stopped", reason: "internal", detail: "1000 bytes were written and 0 came" },
  "too-much-output": { kind: "stopped", reason: "output" },
  "other-reason": { kind: "stopped", reason: "internal", detail: /not a message/ },
  twice: { kind: "exited", exitCode: 4 },
  early: { kind: "stopped", reason: "internal", detail: /before it had a job/ },
};

test("in a child process", async (t) => {
  for (const [lie, outcome] of Object.entries(EXPECTED)) {
    t.match(await runIn(makeChildProcessJail({ runtime: runtimeThat(lie), changeUser: isRoot, isRoot })), outcome, lie);
  }
});

test("in a jail that passes on what its runner died of", { skip: why ?? false }, async (t) => {
  const unshare = findAllBut([])("unshare") ?? "";
  for (const [lie, outcome] of Object.entries(EXPECTED)) {
    t.match(await runIn(makeUnshareJail({ runtime: runtimeThat(lie), unshare, ...readMachine() })), outcome, lie);
  }
});

test("what the jail's own shell has to say of a killed runner is not the job's", { skip: why ?? false }, async (t) => {
  const unshare = findAllBut([])("unshare") ?? "";
  const jail = makeUnshareJail({ runtime: runtimeThat("killed"), unshare, ...readMachine() });
  const chunks: Uint8Array[] = [];
  const died = await new Promise((resolve) => {
    let last: unknown;
    const program = { flags: [], settings: { probe: [], watchParent: false }, cpuMs: 10_000 };
    const child = startJailed(jail.command(program), {
      onStdout: () => undefined,
      onStderr: (chunk) => chunks.push(chunk),
      onMessage: (message) => {
        last = message;
        if (message?.kind === "ready") child.send(encodeJob(makeJob(new Uint8Array(100))));
        else child.kill();
      },
      onClose: () => resolve(last),
    });
  });
  t.same(died, { kind: "died", code: 128 + 9 });
  t.equal(Buffer.concat(chunks).toString(), "mine\n");
});

test("clean up", async () => rmSync(folder, { recursive: true }));
