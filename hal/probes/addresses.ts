/**
 * Network addresses of this machine: IPv6 from /proc/net/if_inet6 (proc_pid_net(5)), IPv4 from the local table of
 * /proc/net/fib_trie, which names no interface, matched with the connected networks of /proc/net/route. For people at this machine:
 * they are never part of what is signed or captured.
 */
import { MAX_ADDRESSES } from "../limits.ts";
import { type Ipv4Route, parseIpv4Routes } from "./routes.ts";

/** Who can reach an address. `shared`: behind a provider's translator (RFC 6598). */
export type AddressScope = "global" | "private" | "shared" | "link-local" | "loopback";

/** One address of an interface. */
export interface AddressFacts {
  readonly family: 4 | 6;
  /** In the usual writing: dotted, or RFC 5952. Undefined where it is made of the hardware address, which is nowhere told. */
  readonly address: string | undefined;
  readonly prefixLength: number;
  readonly scope: AddressScope;
}

/** Addresses by the name of their interface. */
export type Addresses = ReadonlyMap<string, readonly AddressFacts[]>;

/** The addresses in if_inet6: 32 hex digits, then index, prefix length, scope and flags in hex, and the interface's name. */
export function parseInet6(text: string): Addresses {
  const entries = text.split("\n").flatMap((line): [string, AddressFacts][] => {
    const parts = /^([0-9a-f]{32}) [0-9a-f]+ ([0-9a-f]{2}) [0-9a-f]+ [0-9a-f]+ +(\S{1,15})$/.exec(line);
    const [, digits, length, name] = parts ?? [];
    const prefixLength = Number.parseInt(length ?? "", 16);
    if (digits === undefined || name === undefined || !(prefixLength <= 128)) return [];
    // RFC 4291, appendix A: `fffe` in the middle of what a hardware address was made into.
    const address = digits.slice(22, 26) === "fffe" ? undefined : formatIpv6(digits);
    return [[name, { family: 6, address, prefixLength, scope: ipv6Scope(digits) }]];
  });
  return byInterface(entries);
}

/**
 * The IPv4 addresses in fib_trie, each with the interface whose connected network holds it. Left out are addresses that no network
 * holds (the near end of a point-to-point link) and those that networks of two interfaces hold: the files do not say whose they are.
 */
export function parseInet4(fibTrie: string, routeTable: string): Addresses {
  const connected = parseIpv4Routes(routeTable).filter((route) => !route.hasGateway && route.prefixLength > 0);
  const entries = localAddresses(fibTrie).flatMap((address): [string, AddressFacts][] => {
    const scope = ipv4Scope(address);
    const facts = { family: 4, address: formatIpv4(address), scope } as const;
    if (scope === "loopback") return [["lo", { ...facts, prefixLength: 8 }]];
    const route = narrowest(connected, address);
    return route === undefined ? [] : [[route.interface, { ...facts, prefixLength: route.prefixLength }]];
  });
  return byInterface(entries);
}

/** The addresses that `/32 host LOCAL` follows: those that this machine answers to. */
function localAddresses(fibTrie: string): readonly number[] {
  const addresses = new Set<number>();
  for (const [, text] of fibTrie.matchAll(/\|-- (\d{1,3}(?:\.\d{1,3}){3})\n\s+\/32 host LOCAL$/gm)) {
    const parts = (text ?? "").split(".").map(Number);
    if (parts.every((part) => part < 256)) addresses.add(parts.reduce((sum, part) => sum * 256 + part, 0));
    if (addresses.size === MAX_ADDRESSES) break;
  }
  return [...addresses];
}

function narrowest(routes: readonly Ipv4Route[], address: number): Ipv4Route | undefined {
  const holding = routes.filter(
    ({ network, prefixLength }) =>
      Math.floor(address / 2 ** (32 - prefixLength)) === Math.floor(network / 2 ** (32 - prefixLength)),
  );
  const longest = Math.max(...holding.map((route) => route.prefixLength));
  const best = holding.filter((route) => route.prefixLength === longest);
  return best.every((route) => route.interface === best[0]?.interface) ? best[0] : undefined;
}

function byInterface(entries: readonly (readonly [string, AddressFacts])[]): Addresses {
  const addresses = new Map<string, AddressFacts[]>();
  for (const [name, facts] of entries.slice(0, MAX_ADDRESSES)) addresses.set(name, [...(addresses.get(name) ?? []), facts]);
  return addresses;
}

/** Special-purpose blocks of RFC 6890, as first address and prefix length. */
const IPV4_SCOPES: readonly (readonly [network: number, prefixLength: number, scope: AddressScope])[] = [
  [0x7f000000, 8, "loopback"],
  [0xa9fe0000, 16, "link-local"],
  [0x0a000000, 8, "private"],
  [0xac100000, 12, "private"],
  [0xc0a80000, 16, "private"],
  [0x64400000, 10, "shared"],
];

function ipv4Scope(address: number): AddressScope {
  const holds = ([network, length]: readonly [number, number, AddressScope]): boolean =>
    Math.floor(address / 2 ** (32 - length)) === Math.floor(network / 2 ** (32 - length));
  return IPV4_SCOPES.find(holds)?.[2] ?? "global";
}

/** RFC 4291: ::1 and fe80::/10; RFC 4193: fc00::/7. */
function ipv6Scope(digits: string): AddressScope {
  if (digits === "1".padStart(32, "0")) return "loopback";
  if (/^fe[89ab]/.test(digits)) return "link-local";
  return /^f[cd]/.test(digits) ? "private" : "global";
}

function formatIpv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");
}

/** RFC 5952, as URLs write it too. */
function formatIpv6(digits: string): string {
  const groups = digits.match(/.{4}/g) ?? [];
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}
