/**
 * What a runner that broke out of its engine could reach: a script that tries runs in the runner's place, in each jail that works
 * on this machine. And what is left when the agent is killed.
 */
import { spawn } from "node:child_process";
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Test, test } from "tap";
import { listProcessTree, meterProcessTree } from "../../../base/index.ts";
import { detectJails, isIsolationEnough } from "../../../sandbox/index.ts";
import { startJailed } from "../../../sandbox/jailed-process-linux.ts";
import { makeBubblewrapJail } from "../../../sandbox/jails/bubblewrap.ts";
import { makeChildProcessJail } from "../../../sandbox/jails/child-process.ts";
import type { Jail } from "../../../sandbox/jails/jail.ts";
import { makeUnshareJail } from "../../../sandbox/jails/unshare.ts";
import { findRuntime, readMachine } from "../../../sandbox/machine-linux.ts";
import { runInJail } from "../../../sandbox/run-linux.ts";
import { eventually } from "../../contract/sandbox-contract.ts";
import { findAllBut, makeJob, sandboxNeeds } from "../../contract/sandbox-parts.ts";
import { assembleFixture } from "../../contract/wasm-fixtures.ts";

interface Spied {
  readonly tcp: string;
  readonly secret: { readonly done?: string; readonly failed?: string };
  readonly root: { readonly done?: readonly string[] };
  readonly write: { readonly failed?: string };
  readonly writeRunner: { readonly failed?: string };
  readonly makeFolder: { readonly failed?: string };
  readonly signal: { readonly failed?: string };
  readonly pid: number;
  readonly uid: number;
  readonly groups: readonly number[];
  readonly interfaces: readonly string[];
  readonly system: readonly string[];
  readonly shell: { readonly done?: number | null };
  readonly environment: readonly string[];
}

const find = findAllBut([]);
const detection = await detectJails(sandboxNeeds([]), { hiddenPaths: [] });
const { isRoot } = readMachine();
const folder = mkdtempSync(join(tmpdir(), "bonus spy-"));
const secret = join(folder, "key");
writeFileSync(secret, "secret", { mode: 0o600 });
// bubblewrap started by root takes the user nobody before it looks for the runner.
chmodSync(folder, 0o755);

/** Works in a jail in place of the runner. */
async function spy(jail: Jail, port: number): Promise<Spied | string> {
  const settings = { probe: [secret, `${port}`, `${process.pid}`], watchParent: false };
  const out: Uint8Array[] = [];
  const errors: Uint8Array[] = [];
  let isDone = false;
  const child = startJailed(jail.command({ flags: [], settings, cpuMs: 10_000 }), {
    onStdout: (chunk) => out.push(chunk),
    onStderr: (chunk) => errors.push(chunk),
    onMessage: () => undefined,
    onClose: () => {
      isDone = true;
    },
  });
  // The jail out of util-linux stays until it is told to end.
  await eventually(() => isDone || (out.length > 0 && out.at(-1)?.at(-1) === 0x7d));
  child.kill();
  await eventually(() => isDone);
  const text = Buffer.concat(out).toString("utf8");
  return text === "" ? Buffer.concat(errors).toString("utf8") : (JSON.parse(text) as Spied);
}

function spyRuntime() {
  const place = join(folder, "runner");
  cpSync(new URL("../../fixtures/jail-spy.js", import.meta.url), join(place, "main.js"));
  writeFileSync(join(place, "package.json"), '{"type":"module"}');
  return { ...findRuntime(), runnerFolder: place, runnerFile: "main.js" };
}

async function withListener(action: (port: number) => Promise<void>): Promise<void> {
  const server = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  await action(typeof address === "object" && address !== null ? address.port : 0);
  await new Promise((resolve) => server.close(resolve));
}

async function expectNothingReached(t: Test, jail: Jail): Promise<void> {
  await withListener(async (port) => {
    const spied = await spy(jail, port);
    if (typeof spied === "string") {
      t.fail(spied);
      return;
    }
    t.not(spied.tcp, "connected", "no way to the agent's ports");
    t.equal(spied.secret.failed, "ENOENT", "the keys are not there");
    t.same(spied.system, [], "nor is the system");
    t.same(
      [...(spied.root.done ?? [])].filter((name) => !/^(lib\w*|node|runner|usr)$/.test(name)),
      [],
      "an empty root",
    );
    t.ok(spied.write.failed !== undefined && spied.writeRunner.failed !== undefined, "Node and runner cannot be replaced");
    t.ok(spied.makeFolder.failed !== undefined || !isRoot);
    t.equal(spied.signal.failed, "ESRCH", "the agent cannot be signalled");
    t.ok(spied.pid < 100, "its own process numbers");
    t.not(spied.uid, 0);
    t.notOk(spied.groups.includes(0));
    t.same(
      spied.interfaces.filter((name) => name !== "lo"),
      [],
    );
    t.not(spied.shell.done, 5, "no shell");
    t.same(
      spied.environment.filter((name) => !["PATH", "LD_LIBRARY_PATH", "PWD"].includes(name)),
      [],
    );
  });
}

function skipUnless(name: string): { readonly skip: string | false } {
  const { why } = detection.capabilities.find((one) => one.name === name) ?? { why: "not looked for" };
  return { skip: why ?? false };
}

test("bubblewrap hides the machine", skipUnless("bwrap"), (t: Test) =>
  expectNothingReached(
    t,
    makeBubblewrapJail({ runtime: spyRuntime(), bwrap: find("bwrap") ?? "", version: "bubblewrap 0.8.0", isRoot }),
  ),
);

test("util-linux hides the machine", skipUnless("unshare"), (t: Test) =>
  expectNothingReached(t, makeUnshareJail({ runtime: spyRuntime(), unshare: find("unshare") ?? "", ...readMachine() })),
);

test("a plain child process of root is nobody", { skip: !isRoot && "only root can change users" }, async (t) => {
  const runtime = spyRuntime();
  // The folder of the secret may be passed through; the secret itself is its owner's.
  const spied = await spy(
    makeChildProcessJail({
      runtime: { ...runtime, runnerFolder: `${import.meta.dirname}/../../fixtures`, runnerFile: "jail-spy.js" },
      changeUser: true,
      isRoot,
    }),
    1,
  );
  t.match(spied, { uid: 65534, secret: { failed: "EACCES" }, signal: { failed: "EPERM" } });
  t.same(typeof spied === "string" ? spied : spied.groups, [65534]);
});

/** Starts an agent of its own that runs a module without end, kills it, and waits for what it had started to be gone. */
async function killTheAgent(t: Test, hidden: string, cpuShare: number): Promise<void> {
  const owner = new URL("../../contract/sandbox-owner-child.ts", import.meta.url).pathname;
  const agent = spawn(process.execPath, [owner, hidden, `${cpuShare}`], { stdio: ["ignore", "pipe", "inherit"] });
  const pid = agent.pid ?? 0;
  const said = await new Promise<string>((resolve) => agent.stdout.once("data", (chunk) => resolve(String(chunk))));
  t.match(said, /^running with /);
  const started = listProcessTree(pid).filter((one) => one !== pid);
  t.ok(started.length > 0, `${said.trim()}: ${started.length} processes`);
  agent.kill("SIGKILL");
  await eventually(() => started.filter(isAlive).length === 0);
  t.same(started.filter(isAlive), [], "no orphan is left");
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
  } catch {
    return false;
  }
}

for (const hidden of ["", "bwrap", "bwrap,unshare"]) {
  test(`no orphan survives the agent, not even a paused one, without ${hidden || "hiding any program"}`, async (t) => {
    await killTheAgent(t, hidden, 1);
    await killTheAgent(t, hidden, 0.2);
  });
}

test("no orphan survives the agent where there is no program at all", (t: Test) =>
  killTheAgent(t, "bwrap,unshare,prlimit,setpriv", 1));

test("what is found without programs, and what is then refused", async (t) => {
  const names = ["bwrap", "unshare", "prlimit", "setpriv"];
  const bare = await detectJails(sandboxNeeds(names), { hiddenPaths: [] });
  t.equal(bare.isolation.level, "process");
  t.same(
    bare.capabilities.map(({ name, available }) => ({ name, available })),
    names.map((name) => ({ name, available: false })),
  );
  for (const { name, why } of bare.capabilities) t.match(why, `${name}`);
  t.notOk(isIsolationEnough(bare.isolation.level, "namespaces"));
  const partly = await detectJails(sandboxNeeds(["bwrap", "pivot_root"]), { hiddenPaths: [] });
  t.equal(partly.isolation.level, "process");
  t.match(
    partly.capabilities.find((one) => one.name === "unshare"),
    { available: false, why: /pivot_root not installed/ },
  );
});

test("a jail that shows what it should hide is not used", {
  skip: detection.isolation.level !== "namespaces" && "no such jail",
}, async (t) => {
  const { isolation, capabilities } = await detectJails(sandboxNeeds([]), { hiddenPaths: ["/"] });
  t.equal(isolation.level, "process", "every jail has a root, so each of them shows it");
  t.match(
    capabilities.find((one) => one.name === "unshare"),
    { available: false, why: "the runner sees /" },
  );
});

test("isolation that is lost after it was found stops the job", async (t) => {
  const parts = { runtime: findRuntime(), version: "bubblewrap 0.8.0", isRoot };
  const job = makeJob(assembleFixture("exit-7"));
  const { signal } = new AbortController();
  const gone = makeBubblewrapJail({ ...parts, bwrap: "/nowhere/bwrap" });
  t.match(await runInJail({ jail: gone, meterProcessTree, cores: 1, hiddenPaths: [] }, job, signal), {
    kind: "stopped",
    reason: "isolation-lost",
    detail: /ENOENT/,
  });
  if (detection.isolation.level !== "namespaces") return;
  t.match(await runInJail({ jail: detection.jail, meterProcessTree, cores: 1, hiddenPaths: ["/"] }, job, signal), {
    kind: "stopped",
    reason: "isolation-lost",
    detail: "the runner sees /",
  });
});

test("clean up", async () => rmSync(folder, { recursive: true }));
