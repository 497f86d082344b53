/** What ping(8) printed, understood. */
export interface PingOutput {
  /** Packets sent, as its statistics say; undefined where it printed none (killed, or it could not even begin). */
  readonly sent: number | undefined;
  /** Round-trip times in microseconds, in order of arrival, without duplicates and damaged answers. */
  readonly rttMicros: readonly number[];
  /** Bytes received with their IP headers, duplicates and damaged answers included; ICMP errors are not counted. */
  readonly receivedBytes: number;
  /** What a router or the host said in place of an answer, the last one, as a short constant phrase. */
  readonly complaint?: string;
}

/**
 * `64 bytes from 192.0.2.1: icmp_seq=1 ttl=64 time=0.124 ms`; BusyBox writes `seq=0`. Anything after `ms` marks a bad answer.
 */
const REPLY =
  /^(\d{1,5}) bytes from [0-9a-fA-F.:%\w]{2,64}: (?:icmp_)?seq=(\d{1,6}) (?:ttl|hlim)=\d{1,3} time[=<](\d{1,9}(?:\.\d{1,9})?) ms(.{0,40})$/;

/** `3 packets transmitted, 3 received, 0% packet loss`; BusyBox and inetutils write `3 packets received`. */
const STATISTICS = /^(\d{1,6}) packets transmitted, \d{1,6} (?:packets )?received,/;

/** What ICMP errors look like in iputils (`From 192.0.2.1 icmp_seq=1 Destination Host Unreachable`), IPv4 and IPv6. */
const COMPLAINTS: readonly (readonly [RegExp, string])[] = [
  [/Destination Net Unreachable|Destination unreachable: No route/, "network unreachable"],
  [/Packet filtered|Prohibited|Destination unreachable: Administratively/, "filtered"],
  [/Destination .{0,20}Unreachable|Destination unreachable:/, "host unreachable"],
  [/Time to live exceeded|Time exceeded/, "too many hops"],
];

/** An IP header without options (RFC 791, RFC 8200), in bytes. */
const IPV4_HEADER_BYTES = 20;
const IPV6_HEADER_BYTES = 40;

/** ICMP echo with the 56 bytes of data that every ping sends unless told otherwise, in bytes. */
const ECHO_BYTES = 64;

/** The size of one echo request on the wire above the link layer, in bytes. */
export function echoPacketBytes(address: string): number {
  return ECHO_BYTES + (address.includes(":") ? IPV6_HEADER_BYTES : IPV4_HEADER_BYTES);
}

/**
 * Reads what iputils, BusyBox or inetutils ping printed to standard output in the C locale. `address` is the one that was
 * asked. Times have the precision of the program: iputils and BusyBox print three decimals of a millisecond, iputils fewer
 * above 10 ms.
 */
export function parsePingOutput(text: string, address: string): PingOutput {
  const header = address.includes(":") ? IPV6_HEADER_BYTES : IPV4_HEADER_BYTES;
  const rttMicros: number[] = [];
  const seen = new Set<number>();
  let receivedBytes = 0;
  let sent: number | undefined;
  let complaint: string | undefined;
  for (const line of text.split("\n")) {
    const reply = REPLY.exec(line);
    if (reply !== null) {
      const [, size, sequence, milliseconds, remark] = reply;
      receivedBytes += Number(size) + header;
      if (remark !== "" || seen.has(Number(sequence))) continue;
      seen.add(Number(sequence));
      rttMicros.push(Math.round(Number(milliseconds) * 1000));
      continue;
    }
    const statistics = STATISTICS.exec(line);
    if (statistics !== null) sent = Number(statistics[1]);
    else if (line.startsWith("From ")) complaint = COMPLAINTS.find(([form]) => form.test(line))?.[1] ?? complaint;
  }
  return { sent, rttMicros, receivedBytes, ...(complaint === undefined ? {} : { complaint }) };
}

/** Why ping(8) printed no statistics, from what it wrote to standard error: whose doing it is, and a short constant phrase. */
export function explainPingError(text: string): string {
  if (/not permitted|permission denied|lacking privilege/i.test(text)) return "ping is not permitted here";
  if (/network is unreachable/i.test(text)) return "network unreachable";
  if (/no route to host/i.test(text)) return "no route to host";
  if (/cannot assign requested address|address family/i.test(text)) return "no address of this family here";
  return "ping gave no result";
}
