import { type Clock, toHex } from "../base/index.ts";
import type { Beacon } from "../protocol/index.ts";
import type { Command } from "./command.ts";

/** The system clock is believed only past this second (2026-01-01): a box without a battery starts at 1970 or at a build date. */
const EARLIEST_PLAUSIBLE_SECONDS = 1_767_225_600;

/** A time for the `issuedAt` claim, and where it comes from. */
export interface ClaimedTime {
  readonly seconds: number;
  readonly quality: "unset" | "system" | "beacon";
}

export type NetworkTime = ReturnType<typeof makeNetworkTime>;

/**
 * Bookkeepers' time, taken from their beacons and carried on by the monotonic clock: what expiry is judged by, because this
 * device's own clock may be decades off.
 */
export function makeNetworkTime(clock: Clock) {
  const seen = new Map<string, { readonly beacon: Beacon; readonly hash: Uint8Array; readonly atMs: number }>();
  let latestKey: string | undefined;

  const secondsOf = (key: string | undefined): number | undefined => {
    const last = key === undefined ? undefined : seen.get(key);
    return last === undefined ? undefined : last.beacon.issuedAt + Math.floor((clock.monotonicMs() - last.atMs) / 1000);
  };

  return {
    /** Takes a verified beacon; answers false for one that is not newer than what its bookkeeper sent before. */
    onBeacon: (beacon: Beacon, hash: Uint8Array): boolean => {
      const key = toHex(beacon.issuer);
      const last = seen.get(key);
      if (last !== undefined && beacon.height <= last.beacon.height) return false;
      seen.set(key, { beacon, hash, atMs: clock.monotonicMs() });
      latestKey = key;
      return true;
    },
    /** The bookkeeper's time in seconds since 1970; undefined before its first beacon of this run. */
    secondsOf: (bookkeeper: Uint8Array): number | undefined => secondsOf(toHex(bookkeeper)),
    /** Hash of a bookkeeper's latest beacon; undefined before its first of this run. */
    beaconOf: (bookkeeper: Uint8Array): Uint8Array | undefined => seen.get(toHex(bookkeeper))?.hash,
    /** Hash of the latest beacon of any bookkeeper. */
    latestBeacon: (): Uint8Array | undefined => (latestKey === undefined ? undefined : seen.get(latestKey)?.hash),
    /**
     * The beacon that the proof of a command cites: its bookkeeper's latest, or the one that the command itself cites where that may be
     * newer, because beacons get lost. Undefined before the first of its bookkeeper in this run.
     */
    beaconFor: (command: Pick<Command, "bookkeeper" | "issuedAt" | "beacon">): Uint8Array | undefined => {
      const last = seen.get(toHex(command.bookkeeper));
      if (last === undefined) return undefined;
      return last.beacon.issuedAt > command.issuedAt ? last.hash : command.beacon;
    },
    /** The best guess of the time now: any bookkeeper's, else the system clock's where that is plausible. */
    now: (): ClaimedTime => {
      const fromBeacon = secondsOf(latestKey);
      if (fromBeacon !== undefined) return { seconds: fromBeacon, quality: "beacon" };
      const system = Math.max(0, Math.floor(clock.wallMs() / 1000));
      return { seconds: system, quality: system >= EARLIEST_PLAUSIBLE_SECONDS ? "system" : "unset" };
    },
  };
}
