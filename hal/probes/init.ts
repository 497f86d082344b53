/** What the first process is, which decides how a service is installed. */
import type { Host } from "../host.ts";
import { known } from "../probe-result.ts";
import { linkName, readAttribute } from "./text.ts";

/** `other`: a first process that is none of these, as in most containers, or a classic init that leaves no trace of its kind. */
export type InitKind = "systemd" | "procd" | "openrc" | "runit" | "busybox" | "other";

/** Traces of the first process. */
export interface InitTraces {
  /** /proc/1/comm. */
  readonly name: string | undefined;
  /** /run/systemd/system is there, which sd_booted(3) asks. */
  readonly hasSystemd: boolean;
  /** /run/openrc/softlevel is there, which OpenRC writes at start. */
  readonly hasOpenrc: boolean;
  /** Last part of where /sbin/init points. */
  readonly program: string | undefined;
}

/** Tells the kind; undefined where the first process cannot be seen. Pure. */
export function classifyInit({ name, hasSystemd, hasOpenrc, program }: InitTraces): InitKind | undefined {
  if (name === undefined) return undefined;
  if (name === "systemd" || name === "procd" || name === "runit") return name;
  if (name === "openrc-init") return "openrc";
  if (name === "busybox") return "busybox";
  if (name !== "init") return "other";
  if (hasSystemd) return "systemd";
  if (hasOpenrc) return "openrc";
  if (program === "busybox" || program === "procd") return program;
  return "other";
}

/** Reads the traces and tells. */
export async function readInit(host: Host): Promise<InitKind | undefined> {
  return classifyInit({
    name: await readAttribute(host, "/proc/1/comm"),
    hasSystemd: (await host.list("/run/systemd/system")).kind === "found",
    hasOpenrc: known(await host.readText("/run/openrc/softlevel", 4096)) !== undefined,
    program: await linkName(host, "/sbin/init"),
  });
}
