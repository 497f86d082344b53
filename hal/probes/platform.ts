/** The system that runs here: kernel, C library, first process, distribution, virtual machine or container. */
import type { Host } from "../host.ts";
import { MAX_ATTRIBUTE_BYTES, MAX_KERNEL_FILE_BYTES } from "../limits.ts";
import { found, known, type ProbeResult } from "../probe-result.ts";
import { cleanText, readAttribute } from "./text.ts";
import { readIsContainer, readVirtualization, type Virtualization } from "./virtualization.ts";

/** What an OpenWrt router says of its system. */
export interface OpenwrtRelease {
  readonly release: string | undefined;
  /** Target and subtarget, such as `mediatek/filogic`. */
  readonly target: string | undefined;
}

/** The system. What is undefined is unknown. */
export interface PlatformFacts extends Virtualization {
  readonly kernel: string;
  /** The distribution's name for people. */
  readonly operatingSystem: string | undefined;
  /** The C library that this process uses, which decides which native modules load. */
  readonly libc: "glibc" | "musl" | undefined;
  /** Name of process 1. */
  readonly init: string | undefined;
  readonly isContainer: boolean | undefined;
  /** Undefined where the system is not OpenWrt. */
  readonly openwrt: OpenwrtRelease | undefined;
}

/** Reads the system; `cpuFlag` is the CPU probe's hypervisor flag. */
export async function readPlatform(host: Host, cpuFlag: boolean | undefined): Promise<ProbeResult<PlatformFacts>> {
  const release = await host.readText("/proc/sys/kernel/osrelease", MAX_ATTRIBUTE_BYTES);
  if (release.kind !== "found") return release;
  const kernel = cleanText(release.value) ?? "unknown";
  const system = parseShellVariables((await readAttribute(host, "/etc/os-release")) ?? "");
  const openwrt = await readAttribute(host, "/etc/openwrt_release");
  const maps = known(await host.readText("/proc/self/maps", MAX_KERNEL_FILE_BYTES));
  return found({
    kernel,
    operatingSystem: cleanText(system.get("PRETTY_NAME")),
    libc: parseLibc(maps ?? ""),
    init: cleanText(await readAttribute(host, "/proc/1/comm")),
    ...(await readVirtualization(host, cpuFlag)),
    isContainer: await readIsContainer(host),
    openwrt: openwrt === undefined ? undefined : parseOpenwrtRelease(openwrt),
  });
}

/** The loader or C library among the files mapped into a process (proc_pid_maps(5)); musl is both in one file. */
export function parseLibc(maps: string): "glibc" | "musl" | undefined {
  if (/\/(ld-musl-[\w-]+\.so\.1|libc\.musl-[\w-]+\.so\.1)$/m.test(maps)) return "musl";
  return /\/(ld-linux[\w.-]*|ld64|libc)\.so\.[126]$/m.test(maps) ? "glibc" : undefined;
}

/** What /etc/openwrt_release says (shell variables that OpenWrt's base-files write). */
export function parseOpenwrtRelease(text: string): OpenwrtRelease {
  const variables = parseShellVariables(text);
  return {
    release: cleanText(variables.get("DISTRIB_RELEASE")),
    target: cleanText(variables.get("DISTRIB_TARGET")),
  };
}

/** The variables of a file of plain shell assignments, quoted or not (os-release(5)). Nothing is expanded. */
export function parseShellVariables(text: string): ReadonlyMap<string, string> {
  const variables = new Map<string, string>();
  for (const line of text.split("\n")) {
    const assignment = /^([A-Z][A-Z0-9_]*)=(?:"([^"]*)"|'([^']*)'|(\S*))\s*$/.exec(line);
    if (assignment?.[1] !== undefined) variables.set(assignment[1], assignment[2] ?? assignment[3] ?? assignment[4] ?? "");
  }
  return variables;
}
