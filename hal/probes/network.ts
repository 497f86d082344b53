/**
 * Network interfaces: /sys/class/net (https://docs.kernel.org/admin-guide/abi-testing.html, "/sys/class/net"), what each is for, and
 * whether its traffic costs. Hardware addresses are never read; network addresses stay at this machine.
 */
import type { Host } from "../host.ts";
import { MAX_DEVICES, MAX_KERNEL_FILE_BYTES } from "../limits.ts";
import { found, known, type ProbeResult } from "../probe-result.ts";
import { type Addresses, type AddressFacts, parseInet4, parseInet6 } from "./addresses.ts";
import { judgeMetered, type MeteredHint, readConnectionWords } from "./metered.ts";
import { type RouteFacts, readRoutes } from "./routes.ts";
import { cleanText, linkName, parseCount, readAttribute } from "./text.ts";
import { type LinkPlan, type LinkRole, readLinkPlans } from "./uci-networks.ts";

/** One network interface. */
export interface InterfaceFacts {
  readonly name: string;
  /** `physical`: a device stands behind it (a hypervisor's counts). `virtual`: tunnels, VLANs, container ends. */
  readonly kind: "physical" | "virtual" | "bridge" | "loopback";
  readonly wireless: boolean;
  readonly up: boolean;
  /** Agreed speed of the link in bits per second; undefined for wireless, virtual and idle ones, which agree on none. */
  readonly linkBitsPerSecond: number | undefined;
  readonly duplex: "full" | "half" | undefined;
  /** Largest packet that it takes. */
  readonly mtuBytes: number | undefined;
  /** The bridge or bond that it is a part of. */
  readonly partOf: string | undefined;
  /** The interface that it is cut from or lies on: a VLAN's, a switch port's. */
  readonly parent: string | undefined;
  /** OpenWrt's word where it has one; else `wan` for those that a default route leads through, and nothing for others. */
  readonly role: LinkRole | undefined;
  /** Undefined where nothing tells, which does not mean that it is free. */
  readonly metered: MeteredHint | undefined;
  /** For people at this machine only: neither signed nor captured. Undefined where the kernel's files cannot be read. */
  readonly addresses: readonly AddressFacts[] | undefined;
  /** Bytes since the interface appeared. */
  readonly receivedBytes: number | undefined;
  readonly sentBytes: number | undefined;
}

/** ARPHRD_LOOPBACK of the kernel's include/uapi/linux/if_arp.h. */
const LOOPBACK_TYPE = "772";

/** Interfaces looked at; those of containers come on top of the machine's own. */
const MAX_LOOKED_AT = 4 * MAX_DEVICES;

/** Reads the interfaces, those with a device first, at most MAX_DEVICES. */
export async function readInterfaces(host: Host): Promise<ProbeResult<readonly InterfaceFacts[]>> {
  const names = await host.list("/sys/class/net");
  if (names.kind !== "found") return names;
  const around = await readSurroundings(host);
  const interfaces: InterfaceFacts[] = [];
  for (const name of names.value.slice(0, MAX_LOOKED_AT)) {
    const facts = await readInterface(host, name, around);
    if (facts !== undefined) interfaces.push(facts);
  }
  const roles = new Map(interfaces.map((facts) => [facts.name, facts.role]));
  // What belongs to a bridge is for what the bridge is for.
  const complete = interfaces.map((facts) => ({ ...facts, role: facts.role ?? roles.get(facts.partOf ?? "") }));
  const ordered = [...complete.filter(isPhysical), ...complete.filter((facts) => !isPhysical(facts))];
  return found(ordered.slice(0, MAX_DEVICES));
}

/** The speed attribute (Mbit/s; -1 or 2^32 - 1 for unknown) in bits per second. */
export function parseLinkSpeed(text: string | undefined): number | undefined {
  const megabits = parseCount(text);
  return megabits === undefined || megabits === 0 || megabits > 10_000_000 ? undefined : megabits * 1_000_000;
}

/**
 * What is known of the way out: the strongest hint on the interfaces that the default routes lead through and on what these lie on.
 * Behind a tunnel may be any interface that is up. Undefined where nothing tells.
 */
export function uplinkMetered(interfaces: readonly InterfaceFacts[], routes: RouteFacts): MeteredHint | undefined {
  const names = new Set([routes.defaultV4?.interface, routes.defaultV6?.interface]);
  const ways = interfaces.filter((facts) => names.has(facts.name));
  const isTunnelled = ways.some((way) => way.kind === "virtual" && way.parent === undefined);
  const parts = interfaces.filter(
    ({ name, partOf, up }) => ways.some((way) => way.parent === name || way.name === partOf) || (isTunnelled && up),
  );
  const hints = [...ways, ...parts].flatMap((facts) => facts.metered ?? []);
  return (["yes", "guess-yes", "no"] as const).flatMap((answer) => hints.filter((hint) => hint.answer === answer))[0];
}

function isPhysical(facts: InterfaceFacts): boolean {
  return facts.kind === "physical";
}

/** What is written down outside of /sys/class/net, by the interface's name. */
interface Surroundings {
  readonly plans: ReadonlyMap<string, LinkPlan>;
  readonly waysOut: ReadonlySet<string>;
  readonly words: ReadonlyMap<string, "yes" | "no">;
  readonly addresses: readonly Addresses[] | undefined;
}

async function readSurroundings(host: Host): Promise<Surroundings> {
  const routes = known(await readRoutes(host));
  const ways = [routes?.defaultV4?.interface, routes?.defaultV6?.interface, ...(routes?.standby ?? [])];
  return {
    plans: await readLinkPlans(host),
    waysOut: new Set(ways.filter((name) => name !== undefined)),
    words: await readConnectionWords(host),
    addresses: await readAddresses(host),
  };
}

/** Undefined only where neither family can be read; a kernel without IPv6 has IPv4's alone. */
async function readAddresses(host: Host): Promise<readonly Addresses[] | undefined> {
  const inet6 = known(await host.readText("/proc/net/if_inet6", MAX_KERNEL_FILE_BYTES));
  const trie = known(await host.readText("/proc/net/fib_trie", MAX_KERNEL_FILE_BYTES));
  const table = known(await host.readText("/proc/net/route", MAX_KERNEL_FILE_BYTES));
  const inet4 = trie === undefined || table === undefined ? undefined : parseInet4(trie, table);
  if (inet6 === undefined && inet4 === undefined) return undefined;
  return [...(inet4 === undefined ? [] : [inet4]), ...(inet6 === undefined ? [] : [parseInet6(inet6)])];
}

async function readInterface(host: Host, name: string, around: Surroundings): Promise<InterfaceFacts | undefined> {
  const directory = `/sys/class/net/${name}`;
  const attribute = (file: string): Promise<string | undefined> => readAttribute(host, `${directory}/${file}`);
  const type = await attribute("type");
  // /sys/class/net may hold plain files too, such as bonding_masters.
  if (type === undefined) return undefined;
  const state = await attribute("operstate");
  const up = state === "up" || (state === "unknown" && (await attribute("carrier")) === "1");
  const entries = known(await host.list(directory)) ?? [];
  const isBridge = entries.includes("bridge");
  const isDevice = known(await host.readLink(`${directory}/device`)) !== undefined;
  const deviceType = /^DEVTYPE=(\w{1,16})$/m.exec((await attribute("uevent")) ?? "")?.[1];
  const lower = entries.filter((entry) => entry.startsWith("lower_"));
  const duplex = up ? await attribute("duplex") : undefined;
  const plan = around.plans.get(name);
  return {
    name: cleanText(name) ?? name,
    kind: type === LOOPBACK_TYPE ? "loopback" : isBridge ? "bridge" : isDevice ? "physical" : "virtual",
    wireless: entries.includes("phy80211") || entries.includes("wireless"),
    up,
    linkBitsPerSecond: up ? parseLinkSpeed(await attribute("speed")) : undefined,
    duplex: duplex === "full" || duplex === "half" ? duplex : undefined,
    mtuBytes: parseCount(await attribute("mtu")),
    partOf: cleanText(await linkName(host, `${directory}/master`)),
    parent: isBridge || lower.length !== 1 ? undefined : cleanText(lower[0]?.slice("lower_".length)),
    role: plan?.role ?? (around.waysOut.has(name) ? "wan" : undefined),
    metered: judgeMetered({
      name,
      deviceType,
      driver: isDevice ? cleanText(await linkName(host, `${directory}/device/driver`)) : undefined,
      protocol: plan?.protocol,
      configured: around.words.get(name),
    }),
    addresses: around.addresses?.flatMap((addresses) => addresses.get(name) ?? []),
    receivedBytes: parseCount(await attribute("statistics/rx_bytes")),
    sentBytes: parseCount(await attribute("statistics/tx_bytes")),
  };
}
