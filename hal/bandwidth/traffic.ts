/**
 * What else a link is doing: the kernel's counters (https://docs.kernel.org/networking/statistics.html) around a measurement, and
 * whether the way out is one that is paid by the byte.
 */
import type { Host } from "../host.ts";
import { MAX_KERNEL_FILE_BYTES } from "../limits.ts";
import { known } from "../probe-result.ts";
import { readInterfaces } from "../probes/network.ts";

/** Bytes in both directions. */
export interface Traffic {
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

/** The counters of all interfaces but loopback, by name. */
export type TrafficCounters = ReadonlyMap<string, Traffic>;

/** Reads the counters; empty where there are none. */
export async function readTraffic(host: Host): Promise<TrafficCounters> {
  const counters = new Map<string, Traffic>();
  for (const { name, kind, receivedBytes, sentBytes } of known(await readInterfaces(host)) ?? []) {
    if (kind === "loopback" || receivedBytes === undefined || sentBytes === undefined) continue;
    counters.set(name, { receivedBytes, sentBytes });
  }
  return counters;
}

/** How much more than payload an interface counts at most: headers of small packets, and what was sent twice. */
const HEADER_FRACTION = 0.08;
/** What acknowledging costs in the other direction at most. */
const ACKNOWLEDGEMENT_FRACTION = 0.05;

/**
 * The interface that carried our payload: the one that moved all of it and least else. Undefined where none did, as on loopback.
 */
export function findPath(before: TrafficCounters, after: TrafficCounters, ours: Traffic): string | undefined {
  const carriers = [...after.keys()].flatMap((name) => {
    const moved = trafficBetween(before, after, name);
    const isCarrier = moved !== undefined && moved.receivedBytes >= ours.receivedBytes && moved.sentBytes >= ours.sentBytes;
    return isCarrier ? [{ name, bytes: totalOf(moved) }] : [];
  });
  return carriers.sort((left, right) => left.bytes - right.bytes)[0]?.name;
}

/** What an interface moved besides our payload, with its headers and acknowledgements taken off generously. */
export function trafficBesides(moved: Traffic, ours: Traffic): Traffic {
  const besides = (all: number, payload: number, acknowledged: number): number =>
    Math.max(0, Math.round(all - payload * (1 + HEADER_FRACTION) - acknowledged * ACKNOWLEDGEMENT_FRACTION));
  return {
    receivedBytes: besides(moved.receivedBytes, ours.receivedBytes, ours.sentBytes),
    sentBytes: besides(moved.sentBytes, ours.sentBytes, ours.receivedBytes),
  };
}

/** What an interface moved between two readings; undefined where one of them does not hold it. */
export function trafficBetween(before: TrafficCounters, after: TrafficCounters, name: string): Traffic | undefined {
  const [then, now] = [before.get(name), after.get(name)];
  if (then === undefined || now === undefined) return undefined;
  return { receivedBytes: now.receivedBytes - then.receivedBytes, sentBytes: now.sentBytes - then.sentBytes };
}

/** Both directions together. */
export function totalOf(traffic: Traffic): number {
  return traffic.receivedBytes + traffic.sentBytes;
}

/** Names of interfaces that are modems or tethered phones: systemd.net-naming-scheme(7) `ww`, Qualcomm's `rmnet`, the kernel's `usb`. */
const MOBILE_NAME = /^(ww|rmnet|usb)/;

/** The interface of the default route where it looks like a mobile link, which is usually paid by the byte; else undefined. */
export async function readMobileRoute(host: Host): Promise<string | undefined> {
  const route4 = known(await host.readText("/proc/net/route", MAX_KERNEL_FILE_BYTES));
  const route6 = known(await host.readText("/proc/net/ipv6_route", MAX_KERNEL_FILE_BYTES));
  const name = parseDefaultRoute(route4 ?? "") ?? parseDefaultRoute6(route6 ?? "");
  return name !== undefined && MOBILE_NAME.test(name) ? name : undefined;
}

/** The interface of the IPv4 default route with the smallest metric in /proc/net/route (proc_pid_net(5)). */
export function parseDefaultRoute(text: string): string | undefined {
  const routes = text
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1] === "00000000" && fields[7] === "00000000");
  return leastMetric(routes.map((fields) => ({ name: fields[0], metric: Number.parseInt(fields[6] ?? "", 10) })));
}

/** The same for IPv6: /proc/net/ipv6_route (net/ipv6/route.c, `rt6_info_route`). Unreachable default routes are on `lo`. */
export function parseDefaultRoute6(text: string): string | undefined {
  const routes = text
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => /^0{32}$/.test(fields[0] ?? "") && fields[1] === "00" && fields[9] !== "lo");
  return leastMetric(routes.map((fields) => ({ name: fields[9], metric: Number.parseInt(fields[5] ?? "", 16) })));
}

function leastMetric(routes: readonly { readonly name: string | undefined; readonly metric: number }[]): string | undefined {
  return routes.filter(({ metric }) => Number.isFinite(metric)).sort((left, right) => left.metric - right.metric)[0]?.name;
}
