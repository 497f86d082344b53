import { type Clock, type Random, sha256 } from "../base/index.ts";
import { type Beacon, beaconMessage, type SigningKey } from "../protocol/index.ts";
import type { Ledger } from "./ledger/ledger-store.ts";
import { BEACON_MEMORY_MS } from "./limits.ts";

/** A beacon ready to be published. */
export interface IssuedBeacon {
  readonly body: Beacon;
  readonly hash: Uint8Array;
  readonly envelope: Uint8Array;
}

/** Makes the next beacon of a bookkeeper: on disk before anybody can cite it. */
export function makeBeaconSource(
  needs: { readonly ledger: Ledger; readonly key: SigningKey; readonly clock: Clock; readonly random: Random },
  network: string,
): { next(): IssuedBeacon } {
  const { ledger, key } = needs;
  const next = (): IssuedBeacon => {
    const last = ledger.beacons.last();
    const nowMs = needs.clock.wallMs();
    const body: Beacon = {
      issuer: key.publicKey,
      issuedAt: Math.max(0, Math.floor(nowMs / 1000)),
      height: last === undefined ? 0 : last.height + 1,
      prev: last?.hash ?? new Uint8Array(32),
      salt: needs.random.bytes(16),
    };
    const hash = sha256(beaconMessage.encode(body));
    ledger.transaction(() => {
      ledger.beacons.insert(body.height, hash, nowMs);
      if (body.height % 1000 === 0) ledger.beacons.forgetBefore(nowMs - BEACON_MEMORY_MS);
    });
    return { body, hash, envelope: beaconMessage.seal(body, network, key) };
  };
  return { next };
}
