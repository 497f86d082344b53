/**
 * Which interface OpenWrt uses for what: its networks (/etc/config/network) and the firewall's zones (/etc/config/firewall), which
 * say whether a network is the outside. Names, protocols and devices are kept, nothing else: the files hold passwords.
 */
import type { Host } from "../host.ts";
import { MAX_KERNEL_FILE_BYTES } from "../limits.ts";
import { known } from "../probe-result.ts";
import { parseUci, type UciSection } from "./uci.ts";

/** What an interface is for: the way out, or the own network. */
export type LinkRole = "wan" | "lan";

/** What the configuration says of one interface. */
export interface LinkPlan {
  readonly role: LinkRole | undefined;
  /** How netifd sets it up: `dhcp`, `pppoe`, `qmi` ... */
  readonly protocol: string | undefined;
}

/** Reads the plan by the name of the interface; empty where this is no OpenWrt or the files may not be read. */
export async function readLinkPlans(host: Host): Promise<ReadonlyMap<string, LinkPlan>> {
  const network = known(await host.readText("/etc/config/network", MAX_KERNEL_FILE_BYTES)) ?? "";
  const firewall = known(await host.readText("/etc/config/firewall", MAX_KERNEL_FILE_BYTES)) ?? "";
  return planLinks(network, firewall);
}

const NETWORK_OPTIONS: ReadonlySet<string> = new Set(["device", "ifname", "proto"]);
const FIREWALL_OPTIONS: ReadonlySet<string> = new Set(["name", "network"]);

/** The plan in the text of both files. Pure. */
export function planLinks(network: string, firewall: string): ReadonlyMap<string, LinkPlan> {
  const networks = parseUci(network, NETWORK_OPTIONS).filter((section) => section.type === "interface");
  const zones = zonesOf(parseUci(firewall, FIREWALL_OPTIONS));
  const byName = new Map(networks.map((section) => [section.name, section]));
  const plans = new Map<string, LinkPlan>();
  for (const section of networks) {
    const { name } = section;
    if (name === undefined || name === "loopback") continue;
    const protocol = section.options.get("proto")?.[0];
    const plan: LinkPlan = { role: zones.get(name) ?? roleByName(name), protocol };
    // netifd names what it makes itself after the network: a bridge in the older syntax, the end of a tunnel.
    const made = [`br-${name}`, ...(protocol === undefined ? [] : [`${protocol}-${name}`])];
    for (const device of [...devicesOf(section, byName), ...made]) {
      // The first network of a device decides: wan6 repeats wan.
      if (!plans.has(device)) plans.set(device, plan);
    }
  }
  return plans;
}

function zonesOf(sections: readonly UciSection[]): ReadonlyMap<string, LinkRole> {
  const zones = new Map<string, LinkRole>();
  for (const { type, options } of sections) {
    const role = type === "zone" ? roleByName(options.get("name")?.[0] ?? "") : undefined;
    if (role === undefined) continue;
    for (const network of options.get("network")?.flatMap((value) => value.split(/\s+/)) ?? []) zones.set(network, role);
  }
  return zones;
}

/** OpenWrt's own names: `wan`, `wan6`, `wanb`, `wwan`, and `lan`, `lan2`. */
function roleByName(name: string): LinkRole | undefined {
  if (/^w?wan([0-9a-z]|_.*)?$/.test(name)) return "wan";
  return /^lan\d*$/.test(name) ? "lan" : undefined;
}

/** A device may be named by the network that already has it: `@wan`. */
function devicesOf(section: UciSection, byName: ReadonlyMap<string | undefined, UciSection>): readonly string[] {
  const given = (of: UciSection | undefined): readonly string[] =>
    [...(of?.options.get("device") ?? []), ...(of?.options.get("ifname") ?? [])].flatMap((value) => value.split(/\s+/));
  return given(section).flatMap((device) => (device.startsWith("@") ? given(byName.get(device.slice(1))) : [device]));
}
