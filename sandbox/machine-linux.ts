import { accessSync, constants, existsSync, readFileSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import type { Runtime } from "./runtime.ts";

/** Finds a program by its name; undefined where this machine does not have it. */
export type FindProgram = (name: string) => string | undefined;

/** Looks a program up in the folders of a PATH, and in the system's own. */
export function makeProgramFinder(path: string | undefined): FindProgram {
  const folders = [...new Set([...(path ?? "").split(":"), "/usr/sbin", "/usr/bin", "/sbin", "/bin"])].filter((one) =>
    one.startsWith("/"),
  );
  return (name) => folders.map((folder) => `${folder}/${name}`).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** The runtime of this very process: the same Node runs the modules. */
export function findRuntime(): Runtime {
  // In a checkout this file and the runner are TypeScript, in the built package JavaScript.
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return {
    nodePath: process.execPath,
    libraries: findLibraries(),
    runnerFolder: fileURLToPath(new URL("runner", import.meta.url)),
    runnerFile: `main.${extension}`,
    engine: `V8 ${process.versions.v8} ${process.arch} preview1/1`.slice(0, 64),
  };
}

/** Libraries and loader by the names that the loader opened them with, as Node's own report lists them. */
function findLibraries(): string[] {
  const report = process.report as NodeJS.ProcessReport & { excludeNetwork?: boolean };
  const excludedBefore = report.excludeNetwork === true;
  // Else it would look up the names of all its connections.
  report.excludeNetwork = true;
  const { sharedObjects = [] } = report.getReport() as { sharedObjects?: readonly string[] };
  report.excludeNetwork = excludedBefore;
  return sharedObjects.filter((path) => path.startsWith("/") && !path.endsWith(".node") && existsSync(path));
}

/** Who this process is and what it has. */
export interface Machine {
  readonly isRoot: boolean;
  readonly cores: number;
  readonly systemFolders: readonly string[];
}

/** Reads what jails depend on besides programs. */
export function readMachine(): Machine {
  return {
    isRoot: process.getuid?.() === 0,
    cores: availableParallelism(),
    systemFolders: ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"].filter((path) => existsSync(path)),
  };
}

/** `/proc/<pid>/status` of a process, or nothing when it is gone. */
export function readStatus(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, "latin1");
  } catch {
    return "";
  }
}
