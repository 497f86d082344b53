import { lookup } from "node:dns/promises";
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { type Clock, messageOf } from "../../../../base/index.ts";
import { AgentError } from "../../../errors.ts";
import { FETCH_IDLE_MS, FETCH_TIMEOUT_MS } from "../../../limits.ts";
import type { TargetPolicy } from "../../measure/address-policy.ts";

/** A download under way: its chunks, and what went over the wire so far (TLS included), in bytes. */
export interface Download {
  readonly chunks: AsyncIterable<Uint8Array>;
  traffic(): { readonly upBytes: number; readonly downBytes: number };
  /** Ends it, whether its chunks were read or not. */
  close(): void;
}

/** Begins a download. Throws AgentError `target-forbidden` or `fetch-failed`; the chunks may throw the latter too. */
export type FetchBlob = (url: string, size: number, signal: AbortSignal) => Promise<Download>;

/** What the owner allows for downloads. */
export interface FetchPolicy {
  /** Where from, as of now: the node's networks change. */
  readonly targetPolicy: () => TargetPolicy;
  /** Bits per second; undefined for no limit. */
  readonly downBitsPerSecond: () => number | undefined;
}

/**
 * Downloads over HTTP and HTTPS. The host is resolved once, its address checked against the owner's policy, and the connection pinned to
 * it; redirects are not followed; a body of another length than announced is refused before it is read.
 */
export function makeFetchBlob(clock: Clock, policy: FetchPolicy): FetchBlob {
  return async (url, size, signal) => {
    const limit = policy.downBitsPerSecond();
    // The time that the owner's own limit makes it take is no fault of the server.
    const timeoutMs = FETCH_TIMEOUT_MS + (limit === undefined ? 0 : (size * 8_000) / limit);
    const timed = AbortSignal.any([signal, AbortSignal.timeout(Math.min(Math.ceil(timeoutMs), 2 ** 31 - 1))]);
    const target = parseFetchUrl(url);
    const address = await endedBy(resolveAllowed(hostOf(target), policy.targetPolicy()), timed);
    const response = await begin(target, address, timed);
    const announced = response.headers["content-length"];
    if (response.statusCode !== 200 || (announced !== undefined && Number(announced) !== size)) {
      response.destroy();
      const why =
        response.statusCode === 200 ? `it has ${announced} bytes, not ${size}` : `the server answered ${response.statusCode}`;
      throw new AgentError("fetch-failed", why);
    }
    const { socket } = response;
    return {
      chunks: paced(response, clock, policy.downBitsPerSecond, timed),
      traffic: () => ({ upBytes: socket.bytesWritten, downBytes: socket.bytesRead }),
      close: () => void response.destroy(),
    };
  };
}

/** Why a URL may not be fetched, as far as it can be said before its host is looked up; undefined where nothing is against it. */
export function whyForbidden(url: string, policy: TargetPolicy): string | undefined {
  try {
    const target = parseFetchUrl(url);
    const host = hostOf(target);
    const port = target.port === "" ? {} : { port: Number(target.port) };
    const rule = policy.refusalOfTarget({ text: url, host, ...port });
    return rule === undefined ? undefined : `${host}: ${rule}`;
  } catch (thrown) {
    return messageOf(thrown);
  }
}

/** The URL of a blob; only http and https, without credentials. Throws AgentError `target-forbidden`. */
function parseFetchUrl(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const isWeb = parsed?.protocol === "http:" || parsed?.protocol === "https:";
  if (parsed === undefined || !isWeb || parsed.username !== "" || parsed.password !== "") {
    throw new AgentError("target-forbidden", "a blob is fetched from an http or https URL without credentials");
  }
  return parsed;
}

/** The host in the form that policies know: no brackets around an address, no dot at the end of a name. */
function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
}

async function resolveAllowed(host: string, policy: TargetPolicy): Promise<string> {
  const addresses = isIP(host) !== 0 ? [host] : await resolve(host);
  const allowed = addresses.find((address) => policy.refusalOf([address]) === undefined);
  if (allowed === undefined) throw new AgentError("target-forbidden", `${host} is not on the public internet`);
  return allowed;
}

async function resolve(host: string): Promise<string[]> {
  try {
    return (await lookup(host, { all: true })).map((found) => found.address);
  } catch (cause) {
    throw new AgentError("fetch-failed", `${host} cannot be resolved`, { cause });
  }
}

/** The outcome, or `fetch-failed` as soon as the signal ends it: the resolver of the system cannot be stopped, only left. */
function endedBy<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  const ended = new Promise<never>((_resolve, reject) => {
    const end = (): void => reject(new AgentError("fetch-failed", messageOf(signal.reason)));
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });
  return Promise.race([work, ended]);
}

async function begin(target: URL, address: string, signal: AbortSignal): Promise<IncomingMessage> {
  // Not before the first download: with TLS they hold 7 MB that most boxes never need.
  const { request } = target.protocol === "https:" ? await import("node:https") : await import("node:http");
  return new Promise((resolveResponse, reject) => {
    const fail = (thrown: unknown): void => reject(new AgentError("fetch-failed", messageOf(thrown), { cause: thrown }));
    const sent = request(target, {
      signal,
      timeout: FETCH_IDLE_MS,
      maxHeaderSize: 16_384,
      agent: false,
      headers: { "user-agent": "BonusNode", accept: "application/octet-stream", "accept-encoding": "identity" },
      // Whatever the name means a moment later, this connection goes to the address that was checked.
      lookup: (_host, options, done) => {
        const family = isIP(address);
        if (options.all === true) done(null, [{ address, family }]);
        else done(null, address, family);
      },
    });
    sent.on("timeout", () => sent.destroy(new Error("nothing came for too long")));
    sent.on("error", fail);
    sent.on("response", (response) => {
      // From here on silence is measured where it is waited for: a body that the owner's limit holds back is silent too.
      sent.setTimeout(0);
      resolveResponse(response);
    });
    sent.end();
  });
}

/** The body, no faster than the owner's limit: after each chunk it waits until the chunk's time has passed. */
async function* paced(
  body: IncomingMessage,
  clock: Clock,
  limit: () => number | undefined,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const startedMs = clock.monotonicMs();
  let bytes = 0;
  try {
    for await (const chunk of withoutSilence(body, clock)) {
      bytes += chunk.length;
      const bitsPerSecond = limit();
      const aheadMs = bitsPerSecond === undefined ? 0 : (bytes * 8000) / bitsPerSecond - (clock.monotonicMs() - startedMs);
      if (aheadMs > 5) await clock.sleep(aheadMs, signal);
      yield chunk;
    }
  } catch (thrown) {
    throw new AgentError("fetch-failed", messageOf(thrown), { cause: thrown });
  } finally {
    body.destroy();
  }
}

/** The chunks of a body; throws when the next one is waited for too long. */
async function* withoutSilence(body: IncomingMessage, clock: Clock): AsyncGenerator<Uint8Array> {
  const chunks = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  for (;;) {
    const waiting = new AbortController();
    const silence = clock.sleep(FETCH_IDLE_MS, waiting.signal).then(() => {
      throw new Error("nothing came for too long");
    });
    silence.catch(() => undefined);
    const next = await Promise.race([chunks.next(), silence]).finally(() => waiting.abort());
    if (next.done === true) return;
    yield next.value;
  }
}
