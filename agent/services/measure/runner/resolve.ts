import { isIP } from "node:net";
import { failureOfResponseCode, NO_ADDRESS, NO_RESOLVER, RESOLVER_TIMED_OUT } from "./failures.ts";
import type { Failure, Job, RecordType, Target } from "./job.ts";
import type { Session } from "./session.ts";

/** Where a target is, or why it cannot be asked. */
export type Location =
  | { readonly kind: "found"; readonly address: string; readonly micros: number }
  | { readonly kind: "failed"; readonly failure: Failure };

/**
 * A server that has not answered after this share of the time, but at least so many milliseconds, is given up for the next
 * one.
 */
const MIN_PATIENCE_MS = 500;

/** How often a name is asked for, all servers together. */
const MAX_ATTEMPTS = 4;

/**
 * The address of a target: itself, or its name looked up afresh, the first one of the answer. All addresses of the answer go
 * past the agent's policy: a name that leads into the owner's network with any of them is not touched at all. `micros` is the
 * time of the look-up, without the agent's.
 */
export async function locate(target: Target, session: Session): Promise<Location> {
  const startedAt = session.needs.microsNow();
  const found = await addressesOf(target.host, session);
  const micros = session.needs.microsNow() - startedAt;
  if (found.kind === "failed") return found;
  const refusal = await session.needs.ask(found.addresses);
  if (refusal !== undefined) return { kind: "failed", failure: { source: "policy", what: refusal } };
  return { kind: "found", address: found.addresses[0], micros: isIP(target.host) === 0 ? micros : 0 };
}

type Addresses =
  | { readonly kind: "found"; readonly addresses: readonly [string, ...string[]] }
  | { readonly kind: "failed"; readonly failure: Failure };

async function addressesOf(host: string, session: Session): Promise<Addresses> {
  if (isIP(host) !== 0) return { kind: "found", addresses: [host] };
  // RFC 6761 section 6.3: these names mean this device, and no server is to be asked about them.
  if (host === "localhost" || host.endsWith(".localhost")) return { kind: "found", addresses: ["127.0.0.1"] };
  const deadline = session.needs.microsNow() + session.job.timeoutMs * 1000;
  for (const type of families(session.job)) {
    const looked = await lookUp(host, type, deadline, session);
    if (looked.kind === "failed") return looked;
    const [first, ...rest] = looked.records;
    if (first !== undefined) return { kind: "found", addresses: [first, ...rest] };
  }
  return { kind: "failed", failure: NO_ADDRESS };
}

function families(job: Job): readonly RecordType[] {
  return job.prefersIpv6 ? ["AAAA", "A"] : ["A", "AAAA"];
}

type LookUp =
  | { readonly kind: "answered"; readonly records: readonly string[] }
  | { readonly kind: "failed"; readonly failure: Failure };

/** Asks the servers in turn, twice where there is time, until one knows. */
async function lookUp(name: string, type: RecordType, deadline: number, session: Session): Promise<LookUp> {
  const { job, needs } = session;
  const servers = [...job.servers, ...job.servers].slice(0, MAX_ATTEMPTS);
  const patienceMs = Math.max(MIN_PATIENCE_MS, job.timeoutMs / servers.length);
  let failure: Failure = servers.length === 0 ? NO_RESOLVER : RESOLVER_TIMED_OUT;
  for (const server of servers) {
    const leftMs = Math.floor((deadline - needs.microsNow()) / 1000);
    if (leftMs <= 0) break;
    const exchange = await needs.exchangeDns(server, { name, type }, Math.min(patienceMs, leftMs));
    session.count(exchange.traffic);
    if (exchange.kind === "failed") {
      failure = exchange.failure;
      continue;
    }
    const answer = exchange.answer;
    const flaw = failureOfResponseCode(answer.responseCode);
    if (flaw === undefined && !answer.isTruncated) return { kind: "answered", records: answer.records };
    failure = flaw ?? { source: "resolver", what: "answer too large" };
    if (failure.source === "target") break;
  }
  return { kind: "failed", failure };
}
