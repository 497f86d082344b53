/**
 * What NVIDIA's driver tells in files (its README, "The /proc/driver/nvidia interface"): the model, and its own version. Memory and
 * load stand in no file. The model's file holds the unit's identity too, of which nothing is kept.
 */
import type { Host } from "../host.ts";
import { MAX_ATTRIBUTE_BYTES } from "../limits.ts";
import { known } from "../probe-result.ts";
import { cleanText, readAttribute } from "./text.ts";

/** What is undefined is not told. */
export interface NvidiaFacts {
  readonly model: string | undefined;
  readonly driverVersion: string | undefined;
}

/** Reads what the driver tells of the device at a PCI address. */
export async function readNvidia(host: Host, address: string): Promise<NvidiaFacts> {
  const information = await host.readText(`/proc/driver/nvidia/gpus/${address}/information`, MAX_ATTRIBUTE_BYTES);
  const version =
    versionNumber(await readAttribute(host, "/sys/module/nvidia/version")) ??
    parseNvidiaVersion(known(await host.readText("/proc/driver/nvidia/version", MAX_ATTRIBUTE_BYTES)) ?? "");
  return { model: parseNvidiaModel(known(information) ?? ""), driverVersion: version };
}

/** The line `Model: NVIDIA H200` of an information file. */
export function parseNvidiaModel(text: string): string | undefined {
  return cleanText(/^Model:[ \t]*(.*)$/m.exec(text)?.[1]);
}

/** The version in `NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54.14  Release Build`. */
export function parseNvidiaVersion(text: string): string | undefined {
  return versionNumber(/^NVRM version:.* Module(?: for \S+)? +(\S+)/m.exec(text)?.[1]);
}

function versionNumber(text: string | undefined): string | undefined {
  return /^\d{1,5}(\.\d{1,5}){1,3}$/.test(text ?? "") ? text : undefined;
}
