import type { MeasureResult } from "../../../../protocol/index.ts";
import { MAX_ANSWER_CHARACTERS, MAX_ANSWERS, MAX_ANSWERS_CHARACTERS, MAX_BODY_BYTES } from "../limits.ts";
import { failureOfResponseCode, NO_RESOLVER, NO_TIME_LEFT, TIMED_OUT } from "./failures.ts";
import type { Failure, Job, Target } from "./job.ts";
import { echoPacketBytes, explainPingError, parsePingOutput } from "./ping-output.ts";
import { locate } from "./resolve.ts";
import { repeatProbe, resultOf, type Session, type Tally } from "./session.ts";

/** What each method does with one target. */
export const METHODS: Readonly<Record<Job["method"], (target: Target, session: Session) => Promise<MeasureResult>>> = {
  ping: measurePing,
  dns: measureDns,
  tcp: measureTcp,
  http: measureHttp,
};

const NO_TRAFFIC_LEFT: Failure = { source: "internal", what: "no traffic left in this assignment" };
const TRUNCATED: Failure = { source: "resolver", what: "answer too large" };
const PING_ABSENT: Failure = { source: "internal", what: "ping is not installed" };
const PING_FAILED: Failure = { source: "internal", what: "ping did not start" };

/** ping(8) itself may need this long to start, and lingers for twice the longest round trip. */
const PING_GRACE_MS = 2_000;

async function measurePing(target: Target, session: Session): Promise<MeasureResult> {
  const { job, needs } = session;
  const tally: Tally = { sent: 0, rttMicros: [] };
  const waitSeconds = Math.ceil(job.timeoutMs / 1000);
  const killAfterMs = (job.count - 1) * Number(job.pingInterval) * 1000 + waitSeconds * 1000 + PING_GRACE_MS;
  if (!session.hasTimeFor(job.timeoutMs + killAfterMs)) return resultOf(target, { ...tally, failure: NO_TIME_LEFT });
  const location = await locate(target, session);
  if (location.kind === "failed") return resultOf(target, { ...tally, failure: location.failure });
  const { address } = location;
  const run = await needs.runPing({ address, count: job.count, interval: job.pingInterval, waitSeconds, killAfterMs });
  if (run.kind !== "ran") {
    return resultOf(target, { ...tally, address, failure: run.kind === "absent" ? PING_ABSENT : PING_FAILED });
  }
  const output = parsePingOutput(run.stdout, address);
  const rttMicros = output.rttMicros.filter((micros) => micros <= job.timeoutMs * 1000).slice(0, job.count);
  const sent = Math.min(job.count, Math.max(output.sent ?? 0, rttMicros.length));
  session.count({ upBytes: sent * echoPacketBytes(address), downBytes: output.receivedBytes });
  const failure = rttMicros.length === job.count ? undefined : pingFailure(output.complaint, sent, run.stderr);
  return resultOf(target, { sent, rttMicros, address, ...(failure === undefined ? {} : { failure }) });
}

function pingFailure(complaint: string | undefined, sent: number, stderr: string): Failure {
  if (complaint !== undefined) return { source: "target", what: complaint };
  return sent > 0 ? TIMED_OUT : { source: "internal", what: explainPingError(stderr) };
}

async function measureDns(target: Target, session: Session): Promise<MeasureResult> {
  const { job, needs } = session;
  const tally: Tally = { sent: 0, rttMicros: [] };
  const [server] = job.servers;
  if (server === undefined) return resultOf(target, { ...tally, failure: NO_RESOLVER });
  let records: readonly string[] | undefined;
  await repeatProbe(session, tally, async () => {
    const exchange = await needs.exchangeDns(server, { name: target.host, type: job.recordType }, job.timeoutMs);
    session.count(exchange.traffic);
    if (exchange.traffic.upBytes > 0) tally.sent += 1;
    if (exchange.kind === "failed") {
      tally.failure = exchange.failure;
      return "go-on";
    }
    tally.rttMicros.push(exchange.micros);
    const flaw = failureOfResponseCode(exchange.answer.responseCode) ?? (exchange.answer.isTruncated ? TRUNCATED : undefined);
    if (flaw === undefined) records = exchange.answer.records;
    else tally.failure = flaw;
    return "go-on";
  });
  const holdsAddresses = job.recordType === "A" || job.recordType === "AAAA";
  const refusal = holdsAddresses && records !== undefined ? await needs.ask(records) : undefined;
  if (refusal !== undefined) {
    // The owner's own names and addresses are nobody else's business.
    tally.failure = { source: "policy", what: `answer withheld: ${refusal}` };
    records = undefined;
  }
  return resultOf(target, { ...tally, address: server.address }, records === undefined ? {} : { answers: bounded(records) });
}

/** As many records as the evidence has room for, long ones cut. */
function bounded(records: readonly string[]): string[] {
  let room = MAX_ANSWERS_CHARACTERS;
  const kept: string[] = [];
  for (const record of records.slice(0, MAX_ANSWERS)) {
    const text = record.slice(0, Math.min(MAX_ANSWER_CHARACTERS, room));
    if (text === "") break;
    room -= text.length;
    kept.push(text);
  }
  return kept;
}

async function measureTcp(target: Target, session: Session): Promise<MeasureResult> {
  const { job, needs } = session;
  const tally: Tally = { sent: 0, rttMicros: [] };
  if (!session.hasTimeFor(job.timeoutMs)) return resultOf(target, { ...tally, failure: NO_TIME_LEFT });
  const location = await locate(target, session);
  if (location.kind === "failed") return resultOf(target, { ...tally, failure: location.failure });
  tally.address = location.address;
  await repeatProbe(session, tally, async () => {
    const probed = await needs.probeTcp(location.address, target.port ?? 0, job.timeoutMs);
    if (wasSent(probed)) tally.sent += 1;
    if (probed.kind === "answered") tally.rttMicros.push(probed.micros);
    else tally.failure = probed.failure;
    return "go-on";
  });
  return resultOf(target, tally);
}

/** What failed for a reason of this node's own never left it. */
function wasSent(probed: { readonly kind: "answered" } | { readonly kind: "failed"; readonly failure: Failure }): boolean {
  return probed.kind === "answered" || probed.failure.source !== "internal";
}

async function measureHttp(target: Target, session: Session): Promise<MeasureResult> {
  const { job, needs } = session;
  const tally: Tally = { sent: 0, rttMicros: [] };
  let found: Pick<MeasureResult, "status" | "bodyBytes" | "phasesMicros"> = {};
  await repeatProbe(session, tally, async () => {
    const location = await locate(target, session);
    if (location.kind === "failed") {
      tally.failure = location.failure;
      return location.failure.source === "policy" ? "enough" : "go-on";
    }
    tally.address = location.address;
    const timeoutMs = Math.floor(job.timeoutMs - location.micros / 1000);
    const maxBodyBytes = Math.min(MAX_BODY_BYTES, session.bodyBytesLeft);
    if (timeoutMs <= 0 || maxBodyBytes <= 0) {
      tally.failure = timeoutMs <= 0 ? TIMED_OUT : NO_TRAFFIC_LEFT;
      return maxBodyBytes <= 0 ? "enough" : "go-on";
    }
    const { address } = location;
    const { host, port = 80, path = "/" } = target;
    const probe = { address, port, host, path, userAgent: job.userAgent, timeoutMs, maxBodyBytes };
    const exchange = await needs.probeHttp(probe, target.isSecure === true);
    if (wasSent(exchange)) tally.sent += 1;
    session.count(exchange.traffic);
    session.bodyBytesLeft -= exchange.bodyBytes;
    if (exchange.kind === "answered") {
      const { status, bodyBytes, phases } = exchange;
      const total = location.micros + phases.total;
      tally.rttMicros.push(total);
      found = { status, bodyBytes, phasesMicros: { dns: location.micros, ...phases, total } };
      return "go-on";
    }
    tally.failure = exchange.failure;
    const isNews = exchange.status !== undefined && found.phasesMicros === undefined;
    if (isNews) found = { status: exchange.status, bodyBytes: exchange.bodyBytes };
    return "go-on";
  });
  return resultOf(target, tally, found);
}
