/**
 * Network interfaces: /sys/class/net (https://docs.kernel.org/admin-guide/abi-testing.html, "/sys/class/net"). Hardware and
 * network addresses are never read, so they cannot leave this room.
 */
import type { Host } from "../host.ts";
import { MAX_DEVICES } from "../limits.ts";
import { found, known, type ProbeResult } from "../probe-result.ts";
import { cleanText, parseCount, readAttribute } from "./text.ts";

/** One network interface. */
export interface InterfaceFacts {
  readonly name: string;
  /** `physical`: a device stands behind it (a hypervisor's counts). `virtual`: tunnels, VLANs, container ends. */
  readonly kind: "physical" | "virtual" | "bridge" | "loopback";
  readonly wireless: boolean;
  readonly up: boolean;
  /** Agreed speed of the link in bits per second; undefined for wireless, virtual and idle ones, which agree on none. */
  readonly linkBitsPerSecond: number | undefined;
  /** Bytes since the interface appeared. */
  readonly receivedBytes: number | undefined;
  readonly sentBytes: number | undefined;
}

/** ARPHRD_LOOPBACK of the kernel's include/uapi/linux/if_arp.h. */
const LOOPBACK_TYPE = "772";

/** Reads the interfaces, those with a device first, at most MAX_DEVICES. */
export async function readInterfaces(host: Host): Promise<ProbeResult<readonly InterfaceFacts[]>> {
  const names = await host.list("/sys/class/net");
  if (names.kind !== "found") return names;
  const interfaces: InterfaceFacts[] = [];
  for (const name of names.value.slice(0, 4 * MAX_DEVICES)) {
    const facts = await readInterface(host, name);
    if (facts !== undefined) interfaces.push(facts);
  }
  const ordered = [...interfaces.filter(isPhysical), ...interfaces.filter((facts) => !isPhysical(facts))];
  return found(ordered.slice(0, MAX_DEVICES));
}

/** The speed attribute (Mbit/s; -1 or 2^32 - 1 for unknown) in bits per second. */
export function parseLinkSpeed(text: string | undefined): number | undefined {
  const megabits = parseCount(text);
  return megabits === undefined || megabits === 0 || megabits > 10_000_000 ? undefined : megabits * 1_000_000;
}

function isPhysical(facts: InterfaceFacts): boolean {
  return facts.kind === "physical";
}

async function readInterface(host: Host, name: string): Promise<InterfaceFacts | undefined> {
  const directory = `/sys/class/net/${name}`;
  const type = await readAttribute(host, `${directory}/type`);
  // /sys/class/net may hold plain files too, such as bonding_masters.
  if (type === undefined) return undefined;
  const state = await readAttribute(host, `${directory}/operstate`);
  const up = state === "up" || (state === "unknown" && (await readAttribute(host, `${directory}/carrier`)) === "1");
  return {
    name: cleanText(name) ?? name,
    kind: type === LOOPBACK_TYPE ? "loopback" : await kindOf(host, directory),
    wireless:
      (await host.list(`${directory}/phy80211`)).kind === "found" || (await host.list(`${directory}/wireless`)).kind === "found",
    up,
    linkBitsPerSecond: up ? parseLinkSpeed(await readAttribute(host, `${directory}/speed`)) : undefined,
    receivedBytes: parseCount(await readAttribute(host, `${directory}/statistics/rx_bytes`)),
    sentBytes: parseCount(await readAttribute(host, `${directory}/statistics/tx_bytes`)),
  };
}

async function kindOf(host: Host, directory: string): Promise<InterfaceFacts["kind"]> {
  if ((await host.list(`${directory}/bridge`)).kind === "found") return "bridge";
  return known(await host.readLink(`${directory}/device`)) === undefined ? "virtual" : "physical";
}
