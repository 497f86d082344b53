import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t, { type Test } from "tap";
import type { MachineProbe } from "../hal/index.ts";
import {
  BUILT_MAIN,
  type CommandEnd,
  everyMeasurementAnswers,
  makeSmallMachine,
  namesEd25519,
  readProbe,
  runToEnd,
  SMALL_MAIN,
  SMALL_NODE,
} from "./built-program.ts";

/*
 * A router: nothing but Node, BusyBox and the program, without the compiled parts of packages, as with another C library. No ping, no
 * bwrap, no udevadm, no /usr. And what is left when /sys, or even /proc, is not there.
 */

t.setTimeout(300_000);

const root = mkdtempSync(join(tmpdir(), "bonusnode-router-"));
makeSmallMachine({ root, compiledParts: false });
t.teardown(() => rmSync(root, { recursive: true }));

/** Runs Node in the router. The mounts belong to a namespace of their own and end with it; the root is a mount, as every root is. */
function inRouter(mounts: readonly string[], args: readonly string[]): CommandEnd {
  const binds = ["mount --bind $ROOT $ROOT", ...mounts.map((folder) => `mount --rbind /${folder} $ROOT/${folder}`)];
  const script = `set -e; ROOT=$1; shift; ${binds.join("; ")}; exec chroot $ROOT "$@"`;
  return runToEnd(["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", root, SMALL_NODE, ...args]);
}

const PROBE = [SMALL_MAIN, "probe", "--json"];

function saysWhatIsMissing(t: Test, { facts }: MachineProbe): void {
  for (const [name, fact] of Object.entries(facts) as [string, MachineProbe["facts"]["cpu"]][]) {
    if (fact.kind !== "found") t.match(fact.kind === "absent" ? fact.why : fact.error.message, /\w+ \w+/, `${name} says why`);
  }
}

t.test("where there is only BusyBox", async (t) => {
  const probe = readProbe(t, inRouter(["proc", "sys", "dev"], PROBE));
  const { facts } = probe;
  for (const [name, fact] of Object.entries(facts)) t.not(fact.kind, "failed", `${name}: ${JSON.stringify(fact).slice(0, 200)}`);
  t.match(facts.cpu, {
    kind: "found",
    value: { arch: String, logicalCpus: Number, allowedCpus: Number, effectiveMilliCpus: Number },
  });
  t.match(facts.memory, { kind: "found", value: { totalBytes: Number, usableBytes: Number } });
  t.match(facts.volume, { kind: "found", value: { mountPoint: "/", totalBytes: Number, freeBytes: Number } });
  t.match(facts.interfaces, { kind: "found", value: [{ name: String }] });
  t.match(facts.platform, { kind: "found", value: { kernel: String } });
  everyMeasurementAnswers(t, probe);
  t.equal(probe.measured.cpu.kind, "found");
  t.match(probe.decision.tier, /Lite|Normal|Super/);
  const { name, sodiumMissing } = JSON.parse(inRouter(["proc", "dev"], namesEd25519(SMALL_MAIN)).stdout) as Record<
    string,
    string
  >;
  t.equal(name, "node:crypto");
  t.match(sodiumMissing, /sodium-native does not load here: \w/);
});

t.test("the page for people", async (t) => {
  const page = inRouter(["proc", "sys", "dev"], [SMALL_MAIN, "probe", "--quick"]);
  t.equal(page.status, 0, page.stderr);
  t.match(page.stdout, /Lite|Normal|Super/);
});

t.test("without /sys", async (t) => {
  const probe = readProbe(t, inRouter(["proc", "dev"], PROBE));
  t.match(probe.facts.cpu, { kind: "found", value: { logicalCpus: Number } });
  t.match(probe.facts.memory, { kind: "found" });
  saysWhatIsMissing(t, probe);
  everyMeasurementAnswers(t, probe);
  t.match(probe.decision.tier, /Lite|Normal|Super/);
});

t.test("without /proc and /sys", async (t) => {
  const probe = readProbe(t, inRouter(["dev"], PROBE));
  saysWhatIsMissing(t, probe);
  for (const name of ["cpu", "memory", "volume"] as const) t.not(probe.facts[name].kind, "found", `${name} is not made up`);
  everyMeasurementAnswers(t, probe);
  t.equal(probe.decision.tier, "Lite", "what is unknown lowers the tier");
  t.match(probe.decision.reasons.join(" "), /unknown/);
});

t.test("no child process tells the facts", async (t) => {
  const trace = join(root, "tmp", "trace");
  const calls = "trace=execve,execveat,clone,clone3,fork,vfork";
  const probe = [process.execPath, BUILT_MAIN, "probe", "--quick"];
  const end = runToEnd(["strace", "-f", "-qq", "-e", calls, "-e", "signal=none", "-o", trace, ...probe]);
  t.equal(end.status, 0, end.stderr);
  const lines = readFileSync(trace, "utf8").split("\n");
  t.equal(lines.filter((line) => /^\d+ +execve(at)?\(/.test(line)).length, 1, "the first program is the only one");
  const processes = lines.filter((line) => /^\d+ +(v?fork|clone3?)\(/.test(line) && !line.includes("CLONE_THREAD"));
  t.strictSame(processes, [], "what is started are threads");
});
