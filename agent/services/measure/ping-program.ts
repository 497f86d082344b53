import type { RunProgram } from "../../../base/index.ts";
import { parsePingOutput } from "./runner/ping-output.ts";

/** The system's ping(8), or why measuring does without. */
export type PingProgram =
  | {
      readonly kind: "found";
      /** Its make and version, such as `ping iputils 20221126`; at most 64 characters. */
      readonly instrument: string;
      /** Time between two packets that it takes, in seconds, as text. */
      readonly interval: string;
    }
  | { readonly kind: "absent"; readonly why: string };

/** Five packets a second is what iputils allows everybody; a BusyBox built without fractions takes whole seconds only. */
const INTERVALS = ["0.2", "1"] as const;

const DETECT_MS = 5_000;

/**
 * Finds out whether there is a ping(8) and whether this process may use it (a raw socket wants CAP_NET_RAW, a datagram socket
 * net.ipv4.ping_group_range), by sending one packet to this device itself. Never rejects.
 */
export async function detectPing(run: RunProgram, signal?: AbortSignal): Promise<PingProgram> {
  const options = { timeoutMs: DETECT_MS, ...(signal === undefined ? {} : { signal }) };
  const asked = await run("ping", ["-V"], options);
  if (asked.kind === "absent") return { kind: "absent", why: "ping is not installed; install iputils-ping" };
  const banner = asked.kind === "exited" ? `${decode(asked.stdout)}\n${decode(asked.stderr)}` : "";
  let complaint = "";
  for (const interval of INTERVALS) {
    const tried = await run("ping", ["-n", "-c", "1", "-i", interval, "-W", "1", "127.0.0.1"], options);
    if (tried.kind !== "exited") continue;
    const { sent } = parsePingOutput(decode(tried.stdout), "127.0.0.1");
    if (sent !== undefined) return { kind: "found", instrument: instrumentOf(banner), interval };
    complaint += decode(tried.stderr);
  }
  const isDenied = /not permitted|permission denied|lacking privilege/i.test(complaint);
  const why = isDenied
    ? "ping may not send here; give it CAP_NET_RAW or widen net.ipv4.ping_group_range"
    : "ping is installed, but its output was not understood";
  return { kind: "absent", why };
}

/** The make and version in what `ping -V` prints; BusyBox answers with its usage. */
export function instrumentOf(banner: string): string {
  const iputils = /ping (?:from|utility,) (?:iputils[ -])s?([\w.-]{1,32})/.exec(banner)?.[1];
  if (iputils !== undefined) return `ping iputils ${iputils}`;
  const busybox = /^BusyBox v([\w.-]{1,32})/m.exec(banner)?.[1];
  if (busybox !== undefined) return `ping BusyBox ${busybox}`;
  const inetutils = /^ping \(GNU inetutils\) ([\w.-]{1,32})/m.exec(banner)?.[1];
  return inetutils === undefined ? "ping" : `ping inetutils ${inetutils}`;
}

function decode(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}
