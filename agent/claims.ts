import type { Clock } from "../base/index.ts";
import type { NetworkTime } from "./network-time.ts";

/** One start of the agent: what its messages say about when they were signed. */
export interface Boot {
  /** Which start this is, from 1; no two starts of a node share it. */
  readonly count: number;
  /** 32 random bytes. */
  readonly seed: Uint8Array;
  /** Monotonic milliseconds at the start. */
  readonly startedMs: number;
}

export type NodeClaims = ReturnType<typeof nodeClaims>;

/** The claims that all messages of this node carry, as of now. `nonce`: the beacon to cite; default the latest of any bookkeeper. */
export function nodeClaims(
  needs: { readonly clock: Clock; readonly time: NetworkTime; readonly publicKey: Uint8Array; readonly version: string },
  boot: Boot,
  nonce: Uint8Array | undefined = needs.time.latestBeacon(),
) {
  const { seconds, quality } = needs.time.now();
  return {
    issuer: needs.publicKey,
    issuedAt: seconds,
    clock: quality,
    ...(nonce === undefined ? {} : { nonce }),
    uptimeSeconds: Math.floor((needs.clock.monotonicMs() - boot.startedMs) / 1000),
    bootCount: boot.count,
    bootSeed: boot.seed,
    software: [needs.version],
  };
}
