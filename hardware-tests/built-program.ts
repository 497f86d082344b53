import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, realpathSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { Test } from "tap";
import type { MachineProbe } from "../hal/index.ts";

/*
 * The built program as it lies on a device, for machines that have nothing else: a chroot, a guest, another processor.
 */

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** The built program of this checkout, for whoever can read it where it is. */
export const BUILT_MAIN = join(ROOT, "dist", "cli", "main.js");

/** What a small machine is made of. */
export interface SmallMachine {
  /** Where its root file system is to be; has to be a folder that is empty or not there. */
  readonly root: string;
  /** With the compiled parts of packages; without them as on a machine that they were not compiled for. */
  readonly compiledParts: boolean;
}

/** What the small machine's Node and program are called there. */
export const SMALL_NODE = "/bin/node";
export const SMALL_MAIN = "/program/dist/cli/main.js";

/** A root file system that holds Node with its libraries, BusyBox, the built program with its packages, and no other file. */
export function makeSmallMachine({ root, compiledParts }: SmallMachine): void {
  for (const folder of ["bin", "dev", "proc", "sys", "tmp", "var/lib"]) mkdirSync(join(root, folder), { recursive: true });
  copyFileSync("/bin/busybox", join(root, "bin", "busybox"));
  copyFileSync(process.execPath, join(root, SMALL_NODE));
  for (const [library] of execFileSync("ldd", [process.execPath], { encoding: "utf8" }).matchAll(/\/\S+/g)) {
    mkdirSync(join(root, dirname(library)), { recursive: true });
    copyFileSync(realpathSync(library), join(root, library));
  }
  const program = join(root, "program");
  cpSync(join(ROOT, "dist"), join(program, "dist"), { recursive: true });
  for (const folder of packagesAtRunTime()) {
    const isWanted = (path: string): boolean =>
      (compiledParts || !path.endsWith(".node")) && (path === folder || basename(path) !== "node_modules");
    cpSync(folder, join(program, relative(ROOT, folder)), { recursive: true, dereference: true, filter: isWanted });
  }
}

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** The folders of the packages that the built program uses, and that those use, wherever npm put each. */
function packagesAtRunTime(): readonly string[] {
  const folders = new Set<string>();
  const visit = (from: string): void => {
    const manifest = JSON.parse(readFileSync(join(from, "package.json"), "utf8")) as Manifest;
    for (const name of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })) {
      const folder = findPackage(name, from);
      // What is optional, or for another machine, may be missing.
      if (folder === undefined || folders.has(folder)) continue;
      folders.add(folder);
      visit(folder);
    }
  };
  visit(ROOT);
  return [...folders];
}

/** Where Node would find a package for a file in this folder. */
function findPackage(name: string, from: string): string | undefined {
  const folder = join(from, "node_modules", name);
  if (existsSync(folder)) return folder;
  return relative(ROOT, from) === "" ? undefined : findPackage(name, dirname(from));
}

/** How a command ended. */
export interface CommandEnd {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a command to its end, which has to come within three minutes. Through `env`, because the runner of the tests gives every
 * Node below it options that load modules of this checkout, which no other machine has.
 */
export function runToEnd(command: readonly string[]): CommandEnd {
  const args = ["--ignore-environment", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", ...command];
  const end = spawnSync("env", args, { encoding: "utf8", timeout: 180_000, killSignal: "SIGKILL", maxBuffer: 2 ** 24 });
  return { status: end.status, stdout: end.stdout, stderr: `${end.stderr}${end.error === undefined ? "" : String(end.error)}` };
}

/** The answer of `bonusnode probe --json`. Fails the test where the exit code is another one, or it is not JSON. */
export function readProbe(t: Test, end: CommandEnd, status = 0): MachineProbe {
  if (end.status !== status) t.comment(end.stderr.slice(-2000));
  t.equal(end.status, status, `exit code ${status}`);
  return JSON.parse(end.stdout) as MachineProbe;
}

/** Every measurement is a figure, or says in words why it is none. */
export function everyMeasurementAnswers(t: Test, { measured }: MachineProbe): void {
  for (const [name, result] of Object.entries(measured)) {
    const words =
      result.kind === "found" ? JSON.stringify(result.value) : result.kind === "absent" ? result.why : result.error.message;
    t.match(words, /\w/, `${name}: ${result.kind}${result.kind === "found" ? "" : `, ${words}`}`);
  }
}

/** The arguments for Node that print the name of the Ed25519 in use as JSON, and why sodium-native is missing. */
export function namesEd25519(main: string): readonly string[] {
  const module = join(dirname(main), "..", "protocol", "ed25519.js");
  const script = `const { loadEd25519 } = await import("${module}");
const { ed25519, sodiumMissing } = await loadEd25519();
console.log(JSON.stringify({ name: ed25519.name, sodiumMissing }));`;
  return ["--input-type=module", "--eval", script];
}

/** The CPU time that arrived while the CPU was measured, in thousandths of a core; NaN where that is not told. */
export function arrivedMilliCpus({ measured }: MachineProbe): number {
  return Number(/"gotMilliCpus":(\d+)/.exec(JSON.stringify(measured))?.[1]);
}
