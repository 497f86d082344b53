import {
  failure,
  makeSystemRandom,
  messageOf,
  parseByteCount,
  parseDurationMs,
  QUANTITY_FORMS,
  type Result,
  success,
} from "../base/index.ts";
import {
  type BandwidthCount,
  type EndpointEvent,
  HalError,
  kilobitsPerSecond,
  parseEndpoint,
  startBandwidthEndpoint,
} from "../hal/index.ts";
import { readBandwidthToken } from "./bandwidth-task.ts";
import { EXIT } from "./exit-codes.ts";
import { formatBitsPerSecond, formatBytes } from "./units.ts";
import { untilStopped, type Verb } from "./world.ts";

/** What `bonusnode serve-bandwidth` was asked for, as written. */
export interface ServeBandwidthOptions {
  readonly tokenFile: string;
  readonly listen: string;
  readonly byteCap: string;
  readonly time: string;
  readonly sessions: string;
  readonly perHour: string;
  /** Events as JSON lines on standard output, for programs that watch it. */
  readonly json?: boolean;
}

interface Settings {
  readonly host: string;
  readonly port: number;
  readonly limits: {
    readonly byteCap: number;
    readonly timeMs: number;
    readonly sessions: number;
    readonly sessionsPerHour: number;
  };
}

/**
 * Runs an endpoint for bandwidth measurements until it is told to stop. Answers the exit code: 0 when stopped; 1 where it cannot
 * listen; 64 for flags that are wrong; 78 for a token file that is.
 */
export async function runServeBandwidthVerb(options: ServeBandwidthOptions, verb: Verb): Promise<number> {
  const { terminal } = verb;
  const settings = readSettings(options);
  if (!settings.ok) {
    terminal.error(settings.error);
    return EXIT.usage;
  }
  const token = await readBandwidthToken(options.tokenFile);
  if (!token.ok) {
    terminal.error(token.error);
    return EXIT.configuration;
  }
  const { host, port, limits } = settings.value;
  const { signal, release } = untilStopped(verb);
  const onEvent = (event: EndpointEvent): void => {
    if (options.json === true) terminal.print(JSON.stringify(event));
    else if (event.type === "ended") terminal.print(describeEnd(event));
    else if (event.type === "refused") terminal.note(`${event.address}: refused, ${REFUSED_WORDS[event.why]}`);
  };
  try {
    const needs = { clock: verb.clock, random: makeSystemRandom() };
    const endpoint = await startBandwidthEndpoint(needs, { host, port, token: token.value, limits, onEvent });
    if (options.json === true) terminal.print(JSON.stringify({ type: "listening", host, port: endpoint.port, ...limits }));
    else terminal.note(`measuring at ${host} port ${endpoint.port}, ${formatBytes(limits.byteCap)} each way; Ctrl-C ends`);
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    await endpoint.stop();
    return EXIT.ok;
  } catch (thrown) {
    if (!(thrown instanceof HalError)) throw thrown;
    terminal.error(messageOf(thrown));
    return EXIT.failure;
  } finally {
    release();
  }
}

function readSettings(options: ServeBandwidthOptions): Result<Settings, string> {
  const endpoint = parseEndpoint(options.listen);
  if (endpoint === undefined) return failure(`--listen ${options.listen}: HOST:PORT, such as 0.0.0.0:7410 or [::]:7410`);
  const byteCap = parseByteCount(options.byteCap);
  if (byteCap === undefined || byteCap < 1 || byteCap > 1e11) {
    return failure(`--byte-cap ${options.byteCap}: ${QUANTITY_FORMS.bytes}, up to 100GB`);
  }
  const timeMs = parseDurationMs(options.time);
  if (timeMs === undefined || timeMs < 1 || timeMs > 10_000) {
    return failure(`--time ${options.time}: ${QUANTITY_FORMS.duration}, up to 10s`);
  }
  const sessions = parseCount(options.sessions);
  if (sessions === undefined) return failure(`--sessions ${options.sessions}: a number from 1 to 1000`);
  const sessionsPerHour = parseCount(options.perHour);
  if (sessionsPerHour === undefined) return failure(`--per-hour ${options.perHour}: a number from 1 to 1000`);
  return success({ ...endpoint, limits: { byteCap, timeMs, sessions, sessionsPerHour } });
}

function parseCount(text: string): number | undefined {
  const count = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  return count >= 1 && count <= 1000 ? count : undefined;
}

const REFUSED_WORDS: Readonly<Record<Extract<EndpointEvent, { type: "refused" }>["why"], string>> = {
  token: "it does not know the token",
  busy: "another session is under way",
  address: "too many connections from there",
  often: "it had its sessions for this hour",
  failures: "too many wrong tokens from there",
  session: "it asked for a session that is not there",
  silent: "it said nothing",
  malformed: "it does not speak this protocol",
};

function describeEnd(event: Extract<EndpointEvent, { type: "ended" }>): string {
  const rate = (count: BandwidthCount | undefined): string =>
    count === undefined ? "-" : formatBitsPerSecond(kilobitsPerSecond(count) * 1000);
  return `${event.address}: down ${rate(event.down)}, up ${rate(event.up)} (${event.ended})`;
}
