import { type Clock, type Random, toHex } from "../../base/index.ts";
import {
  assignmentMessage,
  challengeMessage,
  formatId,
  nodeTopic,
  parseEnvelope,
  type SigningKey,
  type Tier,
  type WireObject,
} from "../../protocol/index.ts";
import type { BookkeeperEvent } from "../events.ts";
import type { Ledger, Placement } from "../ledger/ledger-store.ts";
import { RESEND } from "../limits.ts";

/** What issuing needs. */
export interface IssueNeeds {
  readonly ledger: Ledger;
  readonly key: SigningKey;
  readonly clock: Clock;
  readonly random: Random;
  readonly publish: (topic: string, payload: Uint8Array) => void;
  readonly emit: (event: BookkeeperEvent) => void;
}

/** Work to issue. */
export interface Work {
  readonly node: Uint8Array;
  /** The plan's item behind it. */
  readonly item: string;
  readonly kind: string;
  readonly spec: WireObject;
  readonly minTier: Tier;
  readonly maxAttempts: number;
  readonly expiresMs: number;
}

export type Issuer = ReturnType<typeof makeIssuer>;

/** How long a node has to take a challenge, in milliseconds. */
const CHALLENGE_EXPIRES_MS = 120_000;

/** The largest part of a blob that one challenge asks for, in bytes. */
const CHALLENGE_BYTES = 4_096;

/** Signs assignments and challenges, journals them, sends them, and sends unanswered ones again until they expire. */
export function makeIssuer(needs: IssueNeeds, network: string) {
  const { ledger, key, clock } = needs;

  const send = (id: Uint8Array, node: Uint8Array, envelope: Uint8Array, sends: number): void => {
    const waitMs = Math.min(RESEND.capMs, RESEND.baseMs * 2 ** sends);
    ledger.transaction(() => ledger.assignments.setSent(id, clock.wallMs() + waitMs));
    needs.publish(nodeTopic(network, formatId(node), "cmd"), envelope);
  };

  /** What every command says: who asks whom, until when, and the beacon that its proof must not precede. */
  const claimsFor = (node: Uint8Array, expiresMs: number) => {
    const beacon = ledger.beacons.last();
    if (beacon === undefined) throw new Error("bug: nothing is issued before the first beacon");
    const nowMs = clock.wallMs();
    const times = { issuedAt: Math.floor(nowMs / 1000), expiresAt: Math.ceil((nowMs + expiresMs) / 1000) };
    const claims = { issuer: key.publicKey, ...times, nonce: beacon.hash, id: needs.random.bytes(16), node };
    return { claims, beaconHeight: beacon.height, issuedAtMs: nowMs, expiresAtMs: times.expiresAt * 1000 };
  };

  const journalAndSend = (
    role: "assignment" | "challenge",
    work: Pick<Work, "node" | "item" | "kind">,
    made: ReturnType<typeof claimsFor>,
    envelope: Uint8Array,
  ): Uint8Array => {
    const { claims, ...terms } = made;
    const parsed = parseEnvelope(envelope);
    if (!parsed.ok) throw parsed.error;
    const { payload } = parsed.value;
    ledger.transaction(() => ledger.assignments.insert({ ...work, ...terms, id: claims.id, role, envelope, payload }));
    send(claims.id, work.node, envelope, 0);
    needs.emit({ type: "assigned", node: formatId(work.node), assignment: toHex(claims.id), kind: work.kind, item: work.item });
    return claims.id;
  };

  return {
    /** Issues work; answers the assignment's id. */
    assign: ({ node, item, kind, spec, minTier, maxAttempts, expiresMs }: Work): Uint8Array => {
      const made = claimsFor(node, expiresMs);
      const envelope = assignmentMessage.seal({ ...made.claims, kind, spec, minTier, maxAttempts }, network, key);
      return journalAndSend("assignment", { node, item, kind }, made, envelope);
    },
    /** Asks a node for a random range of a blob that it keeps. */
    challenge: ({ node, blob, size }: Placement, item: string): Uint8Array => {
      const made = claimsFor(node, CHALLENGE_EXPIRES_MS);
      const length = Math.min(size, CHALLENGE_BYTES);
      const offset = BigInt(Math.floor(needs.random.fraction() * (size - length + 1)));
      const envelope = challengeMessage.seal(
        { ...made.claims, blob, offset, length, salt: needs.random.bytes(16) },
        network,
        key,
      );
      return journalAndSend("challenge", { node, item, kind: "store" }, made, envelope);
    },
    /** Sends again what nobody answered, and closes what expired. */
    resend: (isPresent: (node: Uint8Array) => boolean): void => {
      const nowMs = clock.wallMs();
      for (const row of ledger.assignments.due(nowMs, 256)) {
        // A node that took it in time may still prove it; only the sending ends.
        if (nowMs > row.expiresAtMs) ledger.transaction(() => ledger.assignments.close(row.id, "expired"));
        else if (isPresent(row.node)) send(row.id, row.node, row.envelope, row.sends);
        else ledger.transaction(() => ledger.assignments.setSent(row.id, nowMs + RESEND.baseMs));
      }
    },
  };
}
