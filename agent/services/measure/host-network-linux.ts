import { Resolver } from "node:dns";
import { closeSync, openSync, readSync } from "node:fs";
import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";
import { parseIpv6Routes, type Subnet } from "./address-policy.ts";
import { MAX_ROUTES_BYTES } from "./limits.ts";
import type { HostNetwork } from "./ports.ts";

/**
 * Reads it afresh, which costs well under a millisecond: addresses and name servers change while an agent runs. `resolv.conf`
 * is read by c-ares. Of very many IPv6 routes only the first 1,700 count; the interfaces' own networks always do.
 */
export function readHostNetwork(): HostNetwork {
  const resolvers = new Resolver().getServers();
  const interfaces = readInterfaces();
  if (interfaces === undefined) return { onLink: EVERYTHING, resolvers, prefersIpv6: false };
  const onLink = interfaces.flatMap(({ address, cidr }): Subnet[] => {
    const prefix = Number(cidr?.split("/")[1] ?? 0);
    return prefix > 0 ? [{ address: address.split("%")[0] ?? address, prefix }] : [];
  });
  const leadsOut = (family: string): boolean => interfaces.some((one) => one.family === family && !one.internal);
  return {
    onLink: [...onLink, ...parseIpv6Routes(readStart("/proc/net/ipv6_route"))],
    resolvers,
    prefersIpv6: leadsOut("IPv6") && !leadsOut("IPv4"),
  };
}

/** Where the node cannot tell which networks are its own, all of them are. */
const EVERYTHING: readonly Subnet[] = [
  { address: "0.0.0.0", prefix: 0 },
  { address: "::", prefix: 0 },
];

/** The addresses of all interfaces that are up; undefined where the system does not tell (a sandbox without netlink sockets). */
function readInterfaces(): NetworkInterfaceInfo[] | undefined {
  try {
    return Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  } catch {
    return undefined;
  }
}

/** The first bytes of a file of the kernel; nothing where there is none, as on a node without IPv6. */
function readStart(path: string): string {
  try {
    const file = openSync(path, "r");
    try {
      const buffer = Buffer.alloc(MAX_ROUTES_BYTES);
      let length = 0;
      for (;;) {
        const bytesRead = readSync(file, buffer, length, buffer.length - length, null);
        length += bytesRead;
        if (bytesRead === 0) return buffer.toString("latin1", 0, length);
      }
    } finally {
      closeSync(file);
    }
  } catch {
    return "";
  }
}
