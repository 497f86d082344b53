import { BlockList, isIP } from "node:net";

/** Why an address is not one of the public internet; undefined for one that is. */
export type AddressRule = "loopback" | "private" | "link-local" | "multicast" | "special" | "embedded-ipv4" | "not-an-address";

type Range = readonly [net: string, prefix: number, family: "ipv4" | "ipv6", rule: AddressRule];

/**
 * Address blocks that are not the public internet, from the IANA special-purpose registries (RFC 6890 and its updates), plus the
 * IPv6 forms that carry an IPv4 address inside (mapped, compatible, NAT64 RFC 6052, 6to4 RFC 3056, Teredo RFC 4380): what is
 * inside may be the owner's own router.
 */
const RANGES: readonly Range[] = [
  ["0.0.0.0", 8, "ipv4", "special"],
  ["10.0.0.0", 8, "ipv4", "private"],
  ["100.64.0.0", 10, "ipv4", "private"],
  ["127.0.0.0", 8, "ipv4", "loopback"],
  ["169.254.0.0", 16, "ipv4", "link-local"],
  ["172.16.0.0", 12, "ipv4", "private"],
  ["192.0.0.0", 24, "ipv4", "special"],
  ["192.0.2.0", 24, "ipv4", "special"],
  ["192.31.196.0", 24, "ipv4", "special"],
  ["192.52.193.0", 24, "ipv4", "special"],
  ["192.88.99.0", 24, "ipv4", "special"],
  ["192.168.0.0", 16, "ipv4", "private"],
  ["192.175.48.0", 24, "ipv4", "special"],
  ["198.18.0.0", 15, "ipv4", "special"],
  ["198.51.100.0", 24, "ipv4", "special"],
  ["203.0.113.0", 24, "ipv4", "special"],
  ["224.0.0.0", 4, "ipv4", "multicast"],
  ["240.0.0.0", 4, "ipv4", "special"],
  ["::1", 128, "ipv6", "loopback"],
  ["::", 96, "ipv6", "embedded-ipv4"],
  ["::ffff:0:0", 96, "ipv6", "embedded-ipv4"],
  ["::ffff:0:0:0", 96, "ipv6", "embedded-ipv4"],
  ["64:ff9b::", 96, "ipv6", "embedded-ipv4"],
  ["64:ff9b:1::", 48, "ipv6", "embedded-ipv4"],
  ["100::", 64, "ipv6", "special"],
  ["100:0:0:1::", 64, "ipv6", "special"],
  ["2001::", 23, "ipv6", "special"],
  ["2001:db8::", 32, "ipv6", "special"],
  ["2002::", 16, "ipv6", "embedded-ipv4"],
  ["2620:4f:8000::", 48, "ipv6", "special"],
  ["3fff::", 20, "ipv6", "special"],
  ["5f00::", 16, "ipv6", "special"],
  ["fc00::", 7, "ipv6", "private"],
  ["fe80::", 10, "ipv6", "link-local"],
  ["fec0::", 10, "ipv6", "private"],
  ["ff00::", 8, "ipv6", "multicast"],
];

const LISTS = RANGES.map(([net, prefix, family, rule]) => {
  const list = new BlockList();
  list.addSubnet(net, prefix, family);
  return { list, family, rule };
});

/** The rule that keeps `address` (a literal IPv4 or IPv6 address) out of the public internet, or undefined if none does. */
export function classifyAddress(address: string): AddressRule | undefined {
  const version = isIP(address);
  if (version === 0 || address.includes("%")) return "not-an-address";
  const family = version === 4 ? "ipv4" : "ipv6";
  // BlockList reads a mapped IPv6 address as IPv4 too, so only the lists of the address's own family are asked.
  return LISTS.find((entry) => entry.family === family && entry.list.check(address, family))?.rule;
}

/** Whether a literal address belongs to the public internet. */
export function isPublicAddress(address: string): boolean {
  return classifyAddress(address) === undefined;
}
