/** One bandwidth session as its client sees it, whatever carries it. */
import type { ProbeResult } from "../probe-result.ts";
import { DEFAULT_BYTE_CAP, DEFAULT_STREAMS, MAX_TRANSFER_MS } from "./limits.ts";
import type { Count } from "./protocol.ts";

/** Where to measure against, and what the owner allows. */
export interface BandwidthTask {
  readonly endpoint: { readonly host: string; readonly port: number };
  /** See `parseBandwidthToken`. */
  readonly token: string;
  /** Bytes in each direction at most, and how long each may take; the endpoint may grant less. */
  readonly byteCap: number;
  readonly timeMs: number;
  readonly streams: number;
}

/** What a measurement asks for unless its owner says otherwise. */
export const BANDWIDTH_DEFAULTS = { byteCap: DEFAULT_BYTE_CAP, timeMs: MAX_TRANSFER_MS, streams: DEFAULT_STREAMS } as const;

/** `host:port`, an IPv6 address in brackets; undefined where it is neither. Whether there is such a host is not looked at. */
export function parseEndpoint(text: string): BandwidthTask["endpoint"] | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.%\w]{2,64})\]|([\w.-]{1,253})):(\d{1,5})$/.exec(text.trim());
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port > 65_535 ? undefined : { host, port };
}

/** How a transfer is watched and stopped. */
export interface TransferRun {
  readonly signal?: AbortSignal;
  readonly onProgress?: (fraction: number) => void;
  /** Called and waited for when the latency without load is known and nothing else has been sent. */
  readonly beforeLoad?: () => Promise<void>;
}

/** What was found. Times of pings are in microseconds, in the order sent. */
export interface TransferOutcome {
  readonly streams: number;
  readonly byteCap: number;
  readonly idlePingsUs: readonly number[];
  readonly loadedPingsUs: readonly number[];
  /** What this side received, and what the endpoint says it sent meanwhile. */
  readonly down: Count;
  readonly sentDown: Count;
  /** What the endpoint says it received. */
  readonly up: Count;
}

/** Carries out a session. Rejects only with the signal's reason; whatever else goes wrong is its answer. */
export type Transfer = (task: BandwidthTask, run: TransferRun) => Promise<ProbeResult<TransferOutcome>>;
