/** Whom an endpoint lets in, and how often. Pure: time comes with each question. */
import { isIPv4 } from "node:net";
import type { Refusal } from "./protocol.ts";

/** How much one address may do, and all together. */
export interface AdmissionLimits {
  readonly connections: number;
  readonly connectionsPerAddress: number;
  readonly sessions: number;
  readonly sessionsPerHour: number;
  readonly failuresPerHour: number;
  readonly addresses: number;
}

/** The counts of an endpoint. Addresses are groups: see `addressGroup`. */
export interface Admission {
  /** A connection comes. Undefined: it may stay, and `left` has to be called when it ends. */
  arrived(group: string, nowMs: number): Refusal | undefined;
  left(group: string): void;
  /** It showed no token. */
  failed(group: string, nowMs: number): void;
  /** It wants a session. Undefined: it has one, and `sessionEnded` has to be called when it is over. */
  sessionWanted(group: string, nowMs: number): Refusal | undefined;
  sessionEnded(): void;
}

interface Guest {
  connections: number;
  sessionsAt: number[];
  failuresAt: number[];
}

const HOUR_MS = 3_600_000;

/** Counts that begin at nothing. */
export function makeAdmission(limits: AdmissionLimits): Admission {
  // In the order of the last visit, because every visit puts its guest at the end.
  const guests = new Map<string, Guest>();
  let connections = 0;
  let sessions = 0;
  const visit = (group: string, nowMs: number): Guest => {
    const guest = guests.get(group) ?? { connections: 0, sessionsAt: [], failuresAt: [] };
    guest.sessionsAt = guest.sessionsAt.filter((atMs) => nowMs - atMs < HOUR_MS);
    guest.failuresAt = guest.failuresAt.filter((atMs) => nowMs - atMs < HOUR_MS);
    guests.delete(group);
    if (guests.size >= limits.addresses) forgetOne(guests);
    guests.set(group, guest);
    return guest;
  };
  return {
    arrived: (group, nowMs) => {
      const guest = visit(group, nowMs);
      if (guest.failuresAt.length >= limits.failuresPerHour) return "failures";
      if (connections >= limits.connections) return "busy";
      if (guest.connections >= limits.connectionsPerAddress) return "address";
      connections += 1;
      guest.connections += 1;
      return undefined;
    },
    left: (group) => {
      connections -= 1;
      const guest = guests.get(group);
      if (guest !== undefined) guest.connections -= 1;
    },
    failed: (group, nowMs) => {
      const guest = visit(group, nowMs);
      if (guest.failuresAt.length < limits.failuresPerHour) guest.failuresAt.push(nowMs);
    },
    sessionWanted: (group, nowMs) => {
      const guest = visit(group, nowMs);
      if (guest.sessionsAt.length >= limits.sessionsPerHour) return "often";
      if (sessions >= limits.sessions) return "busy";
      sessions += 1;
      guest.sessionsAt.push(nowMs);
      return undefined;
    },
    sessionEnded: () => {
      sessions -= 1;
    },
  };
}

/** Forgets the guest who was not here for longest. One who is here is never forgotten: there are fewer connections than places. */
function forgetOne(guests: Map<string, Guest>): void {
  for (const [group, guest] of guests) {
    if (guest.connections > 0) continue;
    guests.delete(group);
    return;
  }
}

/**
 * What counts as one address: an IPv4 address, also where it comes as IPv6 (RFC 4291, section 2.5.5.2), or the first 64 bits of an
 * IPv6 address, because a network's owner has all the rest.
 */
export function addressGroup(address: string): string {
  const mapped = address.startsWith("::ffff:") ? address.slice("::ffff:".length) : address;
  if (isIPv4(mapped)) return mapped;
  const [head = "", tail] = (address.split("%")[0] ?? "").split("::");
  const headParts = head === "" ? [] : head.split(":");
  const tailParts = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - headParts.length - tailParts.length);
  const parts = [...headParts, ...Array.from({ length: zeros }, () => "0"), ...tailParts];
  return `${parts.slice(0, 4).join(":")}::/64`;
}
