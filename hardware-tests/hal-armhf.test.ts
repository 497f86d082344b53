import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import t from "tap";
import { BUILT_MAIN, everyMeasurementAnswers, namesEd25519, readProbe, runToEnd } from "./built-program.ts";
import { debianFiles } from "./debian-files.ts";
import { armBoard, BOARD_SERIAL, makeForeignMachine } from "./processor.ts";

/*
 * The built program on 32-bit ARM, on the Node that Debian builds for it. sodium-native is not compiled for this processor, so node:crypto
 * has to sign and verify.
 */

t.setTimeout(300_000);

const SAMPLES = fileURLToPath(new URL("../test/fixtures/protocol/v1/", import.meta.url));

t.test("on 32-bit ARM", async (t) => {
  const files = debianFiles({ suite: "sid", architecture: "armhf", packages: ["nodejs"] });
  const run = makeForeignMachine({
    root: join(t.testdir(), "root"),
    files,
    qemu: "qemu-arm-static",
    node: join(files, "usr", "bin", "node"),
    told: armBoard({
      arch: "armv7l",
      features: "half thumb fastmult vfp edsp neon vfpv3 tls vfpv4 idiva idivt vfpd32 lpae",
      architecture: 7,
      part: "0xc07",
      compatible: ["friendlyarm,nanopi-neo", "allwinner,sun8i-h3"],
    }),
  });

  t.equal(run("--print", "process.arch").stdout.trim(), "arm", "a Node for 32-bit ARM runs");
  const end = run(BUILT_MAIN, "probe", "--json");
  t.notMatch(end.stdout, BOARD_SERIAL, "the serial number is not passed on");
  const probe = readProbe(t, end);
  t.match(probe.facts.cpu, { kind: "found", value: { arch: "armv7l", model: /Cortex-A7/, fpu: true, logicalCpus: Number } });
  t.match(probe.facts.board, { kind: "found", value: { compatible: ["friendlyarm,nanopi-neo", "allwinner,sun8i-h3"] } });
  t.match(probe.facts.memory, { kind: "found", value: { totalBytes: Number } });
  everyMeasurementAnswers(t, probe);
  t.equal(probe.measured.cpu.kind, "found", "the kernels of the CPU measurement give the right result here");
  t.match(probe.decision.tier, /Lite|Normal|Super/);

  const { name, sodiumMissing } = JSON.parse(run(...namesEd25519(BUILT_MAIN)).stdout) as Record<string, string>;
  t.equal(name, "node:crypto");
  t.match(sodiumMissing, /sodium-native does not load here: \w/, "the fall-back says why");

  const state = mkdtempSync(join(tmpdir(), "bonusnode-arm-"));
  t.teardown(() => rmSync(state, { recursive: true }));
  const id = run(BUILT_MAIN, "identity", "--state-dir", state).stdout;
  t.match(id, /^bxn1[a-z0-9]+\n$/, "a key is made");
  t.equal(run(BUILT_MAIN, "identity", "--state-dir", state).stdout, id, "and read again");
  const here = runToEnd([process.execPath, BUILT_MAIN, "identity", "--state-dir", state]);
  t.equal(here.stdout, id, "sodium-native makes the same of it");
  const verify = (network: string) =>
    run(
      ...[BUILT_MAIN, "proof", "verify", join(SAMPLES, "proof-measure-dns.hex"), "--network", network, "--json"],
      ...["--assignment", join(SAMPLES, "assignment-measure-dns.hex")],
    );
  t.match(JSON.parse(verify("sample").stdout), { holds: true }, "a signature of another machine verifies");
  t.match(
    [verify("other").status, JSON.parse(verify("other").stdout)],
    [65, { holds: false }],
    "one for another network does not",
  );
});
