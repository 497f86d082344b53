import { assert, type Clock, type Random, toHex } from "../../base/index.ts";
import {
  assignmentMessage,
  challengeMessage,
  formatId,
  nodeTopic,
  type SigningKey,
  type Tier,
  type WireObject,
} from "../../protocol/index.ts";
import type { BookkeeperEvent } from "../events.ts";
import type { IssuedSpec } from "../ledger/assignments-store.ts";
import type { Ledger } from "../ledger/ledger-store.ts";
import type { Placement } from "../ledger/placements-store.ts";
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

/** A challenge says nothing of attempts: its node may answer it as often as crashes make it. */
const CHALLENGE_ATTEMPTS = 10;

/** Unanswered assignments that are looked at in one transaction. */
const RESEND_AT_ONCE = 256;

/** Signs assignments and challenges, journals them, sends them, and sends unanswered ones again until they expire. */
export function makeIssuer(needs: IssueNeeds, network: string) {
  const { ledger, key, clock } = needs;

  const send = (node: Uint8Array, envelope: Uint8Array): void =>
    needs.publish(nodeTopic(network, formatId(node), "cmd"), envelope);

  /** What every command says: who asks whom, until when, and the beacon that its proof must not precede. */
  const claimsFor = (node: Uint8Array, expiresMs: number) => {
    const beacon = ledger.beacons.last();
    assert(beacon !== undefined, "nothing is issued before the first beacon");
    const nowMs = clock.wallMs();
    const times = { issuedAt: Math.floor(nowMs / 1000), expiresAt: Math.ceil((nowMs + expiresMs) / 1000) };
    const claims = { issuer: key.publicKey, ...times, nonce: beacon.hash, id: needs.random.bytes(16), node };
    return { claims, beaconHeight: beacon.height, issuedAtMs: nowMs, expiresAtMs: times.expiresAt * 1000 };
  };

  const journalAndSend = (
    role: "assignment" | "challenge",
    { node, item, kind }: Pick<Work, "node" | "item" | "kind">,
    made: ReturnType<typeof claimsFor>,
    { envelope, issued, alongside }: { envelope: Uint8Array; issued: IssuedSpec; alongside?: Alongside },
  ): Uint8Array => {
    const { claims, ...terms } = made;
    const { id } = claims;
    ledger.transaction(() => {
      const nextSendMs = made.issuedAtMs + RESEND.baseMs;
      ledger.assignments.insert({ node, item, kind, ...terms, id, role, envelope, issued, nextSendMs });
      alongside?.(id);
    });
    send(node, envelope);
    needs.emit({ type: "assigned", node: formatId(node), assignment: toHex(id), kind, item });
    return id;
  };

  return {
    /** Issues work; answers the assignment's id. `alongside` is done in the transaction that journals it. */
    assign: ({ node, item, kind, spec, minTier, maxAttempts, expiresMs }: Work, alongside?: Alongside): Uint8Array => {
      const made = claimsFor(node, expiresMs);
      const envelope = assignmentMessage.seal({ ...made.claims, kind, spec, minTier, maxAttempts }, network, key);
      const issued = { spec, maxAttempts };
      const more = alongside === undefined ? {} : { alongside };
      return journalAndSend("assignment", { node, item, kind }, made, { envelope, issued, ...more });
    },
    /** Asks a node for a random range of a blob that it keeps. */
    challenge: ({ node, blob, size }: Placement, item: string): Uint8Array => {
      const made = claimsFor(node, CHALLENGE_EXPIRES_MS);
      const length = Math.min(size, CHALLENGE_BYTES);
      const offset = BigInt(Math.floor(needs.random.fraction() * (size - length + 1)));
      const question = { blob, offset, length, salt: needs.random.bytes(16) };
      const envelope = challengeMessage.seal({ ...made.claims, ...question }, network, key);
      const issued = { spec: { op: "prove", ...question }, maxAttempts: CHALLENGE_ATTEMPTS };
      return journalAndSend("challenge", { node, item, kind: "store" }, made, { envelope, issued });
    },
    /** Sends again what nobody answered, and closes what expired. */
    resend: (isPresent: (node: Uint8Array) => boolean): void => {
      const nowMs = clock.wallMs();
      const due = ledger.assignments.due(nowMs, RESEND_AT_ONCE);
      if (due.length === 0) return;
      const again = due.filter((row) => nowMs <= row.expiresAtMs && isPresent(row.node));
      ledger.transaction(() => {
        for (const row of due) {
          // What expires takes up no place any longer, so that is looked at in time.
          const nextMs = (waitMs: number): number => Math.min(nowMs + waitMs, row.expiresAtMs + 1);
          // A node that took it in time may still prove it; only the sending ends.
          if (nowMs > row.expiresAtMs) ledger.assignments.close(row.id, "expired");
          else if (again.includes(row)) ledger.assignments.setSent(row.id, nextMs(resendWaitMs(row.sends)));
          else ledger.assignments.postpone(row.id, nextMs(RESEND.baseMs));
        }
      });
      for (const { node, envelope } of again) send(node, envelope);
    },
  };
}

/** What is done in the transaction that journals an assignment with this id. */
type Alongside = (id: Uint8Array) => void;

/** How long to wait after sending something for the `sends + 1`th time, in milliseconds. */
function resendWaitMs(sends: number): number {
  return Math.min(RESEND.capMs, RESEND.baseMs * 2 ** Math.min(sends, 32));
}
