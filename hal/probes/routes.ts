/**
 * Default routes: /proc/net/route and /proc/net/ipv6_route (proc_pid_net(5); flags of include/uapi/linux/route.h). Where the gateway
 * is, is not kept.
 */
import type { Host } from "../host.ts";
import { MAX_KERNEL_FILE_BYTES, MAX_ROUTES } from "../limits.ts";
import { absent, found, known, type ProbeResult } from "../probe-result.ts";

/** The way out: through which interface, and how far it is ranked behind others (the lowest is taken). */
export interface DefaultRoute {
  readonly interface: string;
  readonly metric: number;
}

/** The ways out that the system takes; undefined where it has none. */
export interface RouteFacts {
  readonly defaultV4: DefaultRoute | undefined;
  readonly defaultV6: DefaultRoute | undefined;
  /** Interfaces of the other default routes, which are taken when the first is gone. */
  readonly standby: readonly string[];
}

/** One IPv4 route. */
export interface Ipv4Route {
  readonly interface: string;
  /** First address of the network, as a number. */
  readonly network: number;
  readonly prefixLength: number;
  readonly hasGateway: boolean;
  readonly metric: number;
}

const RTF_UP = 0x1;
const RTF_GATEWAY = 0x2;
const RTF_REJECT = 0x200;

/** Reads the default routes. `absent` where the system has no IP at all; a machine without a way out answers two undefined. */
export async function readRoutes(host: Host): Promise<ProbeResult<RouteFacts>> {
  const v4 = await host.readText("/proc/net/route", MAX_KERNEL_FILE_BYTES);
  const v6 = await host.readText("/proc/net/ipv6_route", MAX_KERNEL_FILE_BYTES);
  if (v4.kind === "failed") return v4;
  if (v6.kind === "failed") return v6;
  if (v4.kind === "absent" && v6.kind === "absent") return absent("no routing table");
  const ways4 = parseIpv4Routes(known(v4) ?? "").filter(({ network, prefixLength }) => network === 0 && prefixLength === 0);
  const ways6 = parseIpv6Defaults(known(v6) ?? "");
  const defaultV4 = lowest(ways4);
  const defaultV6 = lowest(ways6);
  const names = new Set([...ways4, ...ways6].map((way) => way.interface));
  const standby = [...names].filter((name) => name !== defaultV4?.interface && name !== defaultV6?.interface);
  return found({ defaultV4, defaultV6, standby });
}

/**
 * The routes in /proc/net/route that are up, at most MAX_ROUTES. Addresses stand there as the machine keeps them in memory, on all
 * that this program runs on with the last byte first; a mask that is none when read so drops its line.
 */
export function parseIpv4Routes(text: string): readonly Ipv4Route[] {
  const routes: Ipv4Route[] = [];
  for (const line of text.split("\n")) {
    const [name, destination, gateway, flags, , , metric, mask] = line.trim().split(/\s+/);
    const network = swapped(destination);
    const prefixLength = prefixOf(swapped(mask));
    const bits = /^[0-9a-f]{4}$/i.test(flags ?? "") ? Number.parseInt(flags ?? "", 16) : 0;
    if (!isName(name) || network === undefined || prefixLength === undefined || !/^\d{1,10}$/.test(metric ?? "")) continue;
    if ((bits & RTF_UP) === 0 || (bits & RTF_REJECT) !== 0) continue;
    const hasGateway = (bits & RTF_GATEWAY) !== 0 || swapped(gateway) !== 0;
    routes.push({ interface: name, network, prefixLength, hasGateway, metric: Number(metric) });
    if (routes.length === MAX_ROUTES) break;
  }
  return routes;
}

/** The default routes in /proc/net/ipv6_route, where columns are in hex. The one that only rejects, always there on `lo`, is none. */
export function parseIpv6Defaults(text: string): readonly DefaultRoute[] {
  const routes: DefaultRoute[] = [];
  for (const line of text.split("\n")) {
    const parts = /^0{32} 00 [0-9a-f]{32} 00 [0-9a-f]{32} ([0-9a-f]{8}) [0-9a-f]{8} [0-9a-f]{8} ([0-9a-f]{8}) +(\S+)$/.exec(line);
    const bits = Number.parseInt(parts?.[2] ?? "0", 16);
    if (!isName(parts?.[3]) || (bits & RTF_UP) === 0 || (bits & RTF_REJECT) !== 0) continue;
    routes.push({ interface: parts[3], metric: Number.parseInt(parts[1] ?? "", 16) });
    if (routes.length === MAX_ROUTES) break;
  }
  return routes;
}

function lowest(ways: readonly DefaultRoute[]): DefaultRoute | undefined {
  const best = ways.reduce<DefaultRoute | undefined>(
    (least, way) => (least !== undefined && least.metric <= way.metric ? least : way),
    undefined,
  );
  return best === undefined ? undefined : { interface: best.interface, metric: best.metric };
}

/** Names of interfaces have at most 15 characters (IFNAMSIZ), none of them a control character. */
function isName(text: string | undefined): text is string {
  return text !== undefined && /^[\x21-\x7e]{1,15}$/.test(text);
}

/** Eight hex digits, last byte first, as a number. */
function swapped(text: string | undefined): number | undefined {
  if (text === undefined || !/^[0-9a-f]{8}$/i.test(text)) return undefined;
  const bytes = text.match(/../g) ?? [];
  return Number.parseInt(bytes.reverse().join(""), 16);
}

function prefixOf(mask: number | undefined): number | undefined {
  if (mask === undefined) return undefined;
  const lengths = Array.from({ length: 33 }, (_, length) => length);
  return lengths.find((length) => mask === 2 ** 32 - 2 ** (32 - length));
}
