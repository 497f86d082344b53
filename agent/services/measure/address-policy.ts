import { BlockList, isIP } from "node:net";
import { type AddressRule, classifyAddress } from "../../../base/index.ts";
import type { Server, Target } from "./runner/job.ts";

/** A network that this node is part of. */
export interface Subnet {
  readonly address: string;
  readonly prefix: number;
}

/** What may be asked. Every answer is undefined for "yes", or the rule against it as a short phrase. */
export interface TargetPolicy {
  /** Of several addresses, the first rule against any of them. */
  refusalOf(addresses: readonly string[]): string | undefined;
  /** What can be said of a target before its name is looked up. */
  refusalOfTarget(target: Target): string | undefined;
  /** Of a name server that the assignment chose. */
  refusalOfServer(server: Server): string | undefined;
}

/** What the policy depends on. */
export interface TargetPolicyOptions {
  /** Allow everything but groups of hosts and mail ports: for demonstrations, tests, and networks of one owner. */
  readonly allowPrivateTargets: boolean;
  /** Networks whose hosts are the owner's, whatever their addresses look like. */
  readonly onLink: readonly Subnet[];
}

const PHRASES: Readonly<Record<AddressRule, string>> = {
  loopback: "loopback address",
  private: "private address",
  "link-local": "link-local address",
  multicast: "multicast address",
  special: "special-purpose address",
  "embedded-ipv4": "IPv6 address that carries an IPv4 address",
  "not-an-address": "not an address",
};

/** Mail is what strangers' machines are abused for most. */
const FORBIDDEN_PORTS: ReadonlySet<number> = new Set([25, 465, 587]);

const DNS_PORT = 53;

/**
 * Names that only mean something inside a network: RFC 6761, RFC 6762, RFC 7686, RFC 8375, ICANN's `internal`, and common
 * habits.
 */
const PRIVATE_NAMES: readonly string[] = [
  ...["localhost", "local", "onion", "home.arpa", "internal", "test", "invalid", "alt"],
  ...["lan", "home", "corp", "intranet", "private", "localdomain"],
];

/**
 * The rules for targets. A device in a home is inside the owner's firewall, and with IPv6 the owner's other devices have public
 * addresses: the networks of this node's own interfaces therefore count as private.
 */
export function makeTargetPolicy(options: TargetPolicyOptions): TargetPolicy {
  const { allowPrivateTargets } = options;
  const onLink = { 4: new BlockList(), 6: new BlockList() };
  for (const { address, prefix } of options.onLink) {
    const family = isIP(address);
    if (family === 4 || family === 6) onLink[family].addSubnet(address, prefix, family === 4 ? "ipv4" : "ipv6");
  }
  const refusalOfOne = (address: string): string | undefined => {
    const rule = classifyAddress(address);
    if (allowPrivateTargets) {
      const isForMany = rule === "multicast" || rule === "not-an-address" || address === "255.255.255.255";
      return isForMany ? PHRASES[rule ?? "multicast"] : undefined;
    }
    if (rule !== undefined) return PHRASES[rule];
    const family = isIP(address);
    const isOnLink = family === 4 ? onLink[4].check(address, "ipv4") : onLink[6].check(address, "ipv6");
    return isOnLink ? "address in a network of this node" : undefined;
  };
  const refusalOf = (addresses: readonly string[]): string | undefined => {
    for (const address of addresses) {
      const refusal = refusalOfOne(address);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  };
  return {
    refusalOf,
    refusalOfTarget: ({ host, port }) => {
      if (port !== undefined && FORBIDDEN_PORTS.has(port)) return `port ${port} is for mail`;
      if (isIP(host) !== 0) return refusalOf([host]);
      return !allowPrivateTargets && isPrivateName(host) ? "name of a private network" : undefined;
    },
    refusalOfServer: ({ address, port }) => {
      if (!allowPrivateTargets && port !== DNS_PORT) return "a name server at another port than 53";
      return refusalOf([address]);
    },
  };
}

/** A name without a dot is completed by the owner's router, or known to it alone. */
function isPrivateName(name: string): boolean {
  return !name.includes(".") || PRIVATE_NAMES.some((suffix) => name === suffix || name.endsWith(`.${suffix}`));
}

/** A delegated prefix is between a provider's whole block and one link; a default route of a tunnel is shorter. In bits. */
const MIN_ROUTE_PREFIX = 32;
const RTF_GATEWAY = 0x2;

/**
 * The networks in `/proc/net/ipv6_route` that do not lead through a gateway: links, and the part of a delegated prefix that is
 * on no link, which routers (RFC 7084 W-5) hold as an unreachable route. Default routes and lines that are no routes are left
 * out. Columns: destination, its prefix length, source, its length, next hop, metric, reference count, use count, flags,
 * device.
 */
export function parseIpv6Routes(text: string): Subnet[] {
  const subnets: Subnet[] = [];
  for (const line of text.split("\n")) {
    const match = /^([0-9a-f]{32}) ([0-9a-f]{2}) (?:[0-9a-f]+ ){6}([0-9a-f]{8})\s/.exec(line);
    if (match?.[1] === undefined) continue;
    const prefix = Number.parseInt(match[2] ?? "", 16);
    const flags = Number.parseInt(match[3] ?? "", 16);
    if (prefix < MIN_ROUTE_PREFIX || prefix > 128 || (flags & RTF_GATEWAY) !== 0) continue;
    subnets.push({ address: (match[1].match(/.{4}/g) ?? []).join(":"), prefix });
  }
  return subnets;
}
