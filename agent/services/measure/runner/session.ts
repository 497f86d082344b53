import type { MeasureResult } from "../../../../protocol/index.ts";
import { NO_TIME_LEFT } from "./failures.ts";
import type { Failure, Job, RunnerWord, Target, Traffic } from "./job.ts";
import type { exchangeDns } from "./transports/dns-transport.ts";
import type { HttpExchange, HttpProbe } from "./transports/http-transport.ts";
import type { runPing } from "./transports/ping-transport.ts";
import type { probeTcp } from "./transports/tcp-transport.ts";

/** The outside world as a session sees it. */
export interface SessionNeeds {
  readonly exchangeDns: typeof exchangeDns;
  readonly probeTcp: typeof probeTcp;
  /** TLS as `isSecure` says; what is believed is settled where this is made. */
  readonly probeHttp: (probe: Omit<HttpProbe, "tls">, isSecure: boolean) => Promise<HttpExchange>;
  readonly runPing: typeof runPing;
  /** The agent's rule against any of the addresses, or undefined where they may all be asked. */
  readonly ask: (addresses: readonly string[]) => Promise<string | undefined>;
  readonly say: (word: RunnerWord) => void;
  /** Microseconds on a monotonic clock. */
  readonly microsNow: () => number;
  readonly sleep: (durationMs: number) => Promise<unknown>;
}

/** One job under way. */
export interface Session {
  readonly job: Job;
  readonly needs: SessionNeeds;
  /** Adds to the traffic of the job. */
  count(traffic: Traffic): void;
  /** Body bytes that answers may still have. */
  bodyBytesLeft: number;
  /** Whether something that takes so long would still end in time. */
  hasTimeFor(durationMs: number): boolean;
}

/** What is known of one target so far. */
export interface Tally {
  sent: number;
  readonly rttMicros: number[];
  failure?: Failure;
  address?: string;
}

/**
 * Starts a probe each interval, as often as the job says, waiting for each to end. Ends early when one answers that there is
 * no point in another, or when the next might not end in time.
 */
export async function repeatProbe(session: Session, tally: Tally, probe: () => Promise<"go-on" | "enough">): Promise<void> {
  const { job, needs } = session;
  for (let index = 0; index < job.count; index++) {
    if (!session.hasTimeFor(job.timeoutMs)) {
      tally.failure = NO_TIME_LEFT;
      return;
    }
    const startedAt = needs.microsNow();
    if ((await probe()) === "enough") return;
    const restMs = job.intervalMs - (needs.microsNow() - startedAt) / 1000;
    if (index + 1 < job.count && restMs > 0) await needs.sleep(restMs);
  }
}

/** The result of a target, with what its method adds. */
export function resultOf(target: Target, tally: Tally, more: Partial<MeasureResult> = {}): MeasureResult {
  const { sent, rttMicros, failure, address } = tally;
  const optional = { ...(address === undefined ? {} : { address }), ...(failure === undefined ? {} : { failure }) };
  return { target: target.text, sent, rttMicros, ...optional, ...more };
}
