import type { Clock } from "../../base/index.ts";
import type { Benchmark } from "../benchmarks/benchmark.ts";
import type { Conditions, Figure } from "../benchmarks/figure.ts";
import type { Host } from "../host.ts";
import { absent, failed, found, type ProbeResult } from "../probe-result.ts";
import { IDLE_PINGS } from "./limits.ts";
import { type Count, FRAME_BYTES } from "./protocol.ts";
import { kilobitsPerSecond, medianOf, medianSlices } from "./tally.ts";
import {
  findPath,
  readMobileRoute,
  readTraffic,
  type TrafficCounters,
  totalOf,
  trafficBesides,
  trafficBetween,
} from "./traffic.ts";
import type { BandwidthTask, Transfer, TransferOutcome } from "./transfer.ts";

/** What the bandwidth measurement is given. That the owner agreed is for the caller to know: each run moves up to twice `byteCap`. */
export interface BandwidthBenchmarkTask extends BandwidthTask {
  /** Measure although the way out looks like a mobile link, which is often paid by the byte. */
  readonly allowMetered: boolean;
}

/** What the measurement stands on. */
export interface BandwidthBenchmarkNeeds {
  readonly transfer: Transfer;
  readonly host: Host;
  readonly clock: Clock;
}

/** Raised whenever the way of counting changes. */
const VERSION = 1;

/** Other traffic above this part of what was measured makes the figures doubtful. */
const BUSY_FRACTION = 0.1;

/** Less counted time than this and the figures are those of TCP's start. */
const SHORT_US = 200_000;

/** What an interface counts of the pings before the load: a frame and an acknowledgement each way, with headers; and the session's start. */
const IDLE_PAYLOAD_BYTES = (IDLE_PINGS + 3) * (FRAME_BYTES + 2 * 66);

/**
 * Measures goodput and latency against an operator's endpoint: `bandwidth.down` and `bandwidth.up` in kbit/s of TCP payload, and
 * `bandwidth.latency` and `bandwidth.loaded-latency`, medians of round trips in microseconds, without and with load. Conditions:
 * `otherBytes`, what the interface moved besides (undefined where it is not known); `doubtful`, `busy` or `short`.
 */
export function makeBandwidthBenchmark(needs: BandwidthBenchmarkNeeds): Benchmark<BandwidthBenchmarkTask> {
  const { transfer, host, clock } = needs;
  return async (task, { signal, onProgress }) => {
    const mobile = task.allowMetered ? undefined : await readMobileRoute(host);
    if (mobile !== undefined) {
      return absent(`${mobile} looks like a mobile link that is paid by the byte; allow it if measuring may cost`);
    }
    const first = { at: clock.monotonicMs(), counters: await readTraffic(host) };
    let second = first;
    const outcome = await transfer(task, {
      beforeLoad: async () => {
        second = { at: clock.monotonicMs(), counters: await readTraffic(host) };
      },
      ...(signal === undefined ? {} : { signal }),
      ...(onProgress === undefined ? {} : { onProgress }),
    });
    if (outcome.kind !== "found") return outcome;
    const last = await readTraffic(host);
    return judge(task, outcome.value, { first, second, last });
  };
}

interface Moment {
  readonly at: number;
  readonly counters: TrafficCounters;
}

/** Before anything, before the load, and after it. */
interface Moments {
  readonly first: Moment;
  readonly second: Moment;
  readonly last: TrafficCounters;
}

function judge(task: BandwidthTask, outcome: TransferOutcome, moments: Moments): ProbeResult<readonly Figure[]> {
  const { down, up, sentDown, idlePingsUs, loadedPingsUs } = outcome;
  const { host, port } = task.endpoint;
  const isEnough = down.slices.length > 0 && up.slices.length > 0 && idlePingsUs.length > 0 && loadedPingsUs.length > 0;
  if (!isEnough)
    return failed("unreadable", `${host} port ${port}: too little was transferred to tell; allow more bytes or time`);
  if (down.totalBytes > sentDown.totalBytes) return failed("malformed", `${host} port ${port}: it says it sent less than came`);
  const { otherBytes, isBusy } = judgeLink(outcome, moments);
  const conditions: Conditions = { streams: outcome.streams, endpoint: host, byteCap: outcome.byteCap, otherBytes };
  const rate = (name: string, count: Count, more: Conditions): Figure => ({
    name,
    version: VERSION,
    value: kilobitsPerSecond(count),
    unit: "kbit/s",
    slices: count.slices,
    spreadPercent: spreadOf(count.slices),
    durationMs: Math.round(count.countedUs / 1000),
    conditions: {
      ...conditions,
      movedBytes: count.totalBytes,
      totalMs: Math.round(count.totalUs / 1000),
      ...more,
      doubtful: isBusy ? "busy" : count.countedUs < SHORT_US ? "short" : undefined,
    },
  });
  const latency = (name: string, times: readonly number[], durationMs: number): Figure => {
    const slices = medianSlices(times);
    const value = medianOf(times) ?? 0;
    const more = { pings: times.length, doubtful: isBusy ? "busy" : undefined };
    const spreadPercent = spreadOf(slices);
    return {
      name,
      version: VERSION,
      value,
      unit: "us",
      slices,
      spreadPercent,
      durationMs,
      conditions: { ...conditions, ...more },
    };
  };
  return found([
    rate("bandwidth.down", down, { endpointKilobitsPerSecond: kilobitsPerSecond(sentDown) }),
    rate("bandwidth.up", up, {}),
    latency("bandwidth.latency", idlePingsUs, Math.round(moments.second.at - moments.first.at)),
    latency("bandwidth.loaded-latency", loadedPingsUs, Math.round((down.totalUs + up.totalUs) / 1000)),
  ]);
}

/** What else the link carried during the load, and whether that, or what it carried at rest, makes the figures doubtful. */
function judgeLink(
  { down, up }: TransferOutcome,
  { first, second, last }: Moments,
): { otherBytes: number | undefined; isBusy: boolean } {
  const ours = { receivedBytes: down.totalBytes, sentBytes: up.totalBytes };
  const path = findPath(second.counters, last, ours);
  const moved = path === undefined ? undefined : trafficBetween(second.counters, last, path);
  if (path === undefined || moved === undefined) return { otherBytes: undefined, isBusy: false };
  const otherBytes = totalOf(trafficBesides(moved, ours));
  const atRest = trafficBetween(first.counters, second.counters, path);
  const seconds = (second.at - first.at) / 1000;
  const isAbove = (bytes: number, count: Count): boolean =>
    (bytes - IDLE_PAYLOAD_BYTES) * 8 > seconds * BUSY_FRACTION * kilobitsPerSecond(count) * 1000;
  const isBusyAtRest = atRest !== undefined && (isAbove(atRest.receivedBytes, down) || isAbove(atRest.sentBytes, up));
  return { otherBytes, isBusy: isBusyAtRest || otherBytes > BUSY_FRACTION * totalOf(ours) };
}

function spreadOf(slices: readonly number[]): number {
  const most = Math.max(0, ...slices);
  return most === 0 ? 0 : Math.round(((most - Math.min(...slices)) / most) * 100);
}
