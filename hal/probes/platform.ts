/** The system that runs here: kernel, C library, first process, distribution, virtual machine or container. */
import type { Host } from "../host.ts";
import { MAX_ATTRIBUTE_BYTES, MAX_KERNEL_FILE_BYTES } from "../limits.ts";
import { found, known, type ProbeResult } from "../probe-result.ts";
import { type Container, readContainer } from "./container.ts";
import { type InitKind, readInit } from "./init.ts";
import { type OpenwrtFacts, readOpenwrt } from "./openwrt.ts";
import { parseShellVariables } from "./shell-variables.ts";
import { cleanText, readAttribute } from "./text.ts";
import { readVirtualization, type Virtualization } from "./virtualization.ts";

/** The system. What is undefined is unknown. */
export interface PlatformFacts extends Virtualization, Container {
  readonly kernel: string;
  /** The distribution's name for people. */
  readonly operatingSystem: string | undefined;
  /** The C library that this process uses, which decides which native modules load. */
  readonly libc: "glibc" | "musl" | undefined;
  /** Only where the library's file is named after it, as glibc's was before 2.34. */
  readonly libcVersion: string | undefined;
  /** Name of process 1. */
  readonly init: string | undefined;
  readonly initKind: InitKind | undefined;
  /** Undefined where the system is not OpenWrt. */
  readonly openwrt: OpenwrtFacts | undefined;
}

/** Reads the system; `cpuFlag` is the CPU probe's hypervisor flag. */
export async function readPlatform(host: Host, cpuFlag: boolean | undefined): Promise<ProbeResult<PlatformFacts>> {
  const release = await host.readText("/proc/sys/kernel/osrelease", MAX_ATTRIBUTE_BYTES);
  if (release.kind !== "found") return release;
  const kernel = cleanText(release.value) ?? "unknown";
  const system = parseShellVariables((await readAttribute(host, "/etc/os-release")) ?? "");
  const maps = known(await host.readText("/proc/self/maps", MAX_KERNEL_FILE_BYTES));
  return found({
    kernel,
    operatingSystem: cleanText(system.get("PRETTY_NAME")),
    ...parseLibc(maps ?? ""),
    init: cleanText(await readAttribute(host, "/proc/1/comm")),
    initKind: await readInit(host),
    ...(await readVirtualization(host, cpuFlag)),
    ...(await readContainer(host)),
    openwrt: await readOpenwrt(host),
  });
}

/**
 * The loader or C library among the files mapped into a process (proc_pid_maps(5)), and the version where the file's name has it;
 * musl is both in one file, which has none.
 */
export function parseLibc(maps: string): Pick<PlatformFacts, "libc" | "libcVersion"> {
  if (/\/(ld-musl-[\w-]+\.so\.1|libc\.musl-[\w-]+\.so\.1)$/m.test(maps)) return { libc: "musl", libcVersion: undefined };
  const libcVersion = /\/(?:libc|ld)-(2\.\d{1,3})\.so$/m.exec(maps)?.[1];
  const isGlibc = libcVersion !== undefined || /\/(ld-linux[\w.-]*|ld64|libc)\.so\.[126]$/m.test(maps);
  return { libc: isGlibc ? "glibc" : undefined, libcVersion };
}
