import { lookup } from "node:dns/promises";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import { type Clock, isPublicAddress, messageOf } from "../../../../base/index.ts";
import { AgentError } from "../../../errors.ts";
import { FETCH_IDLE_MS, FETCH_TIMEOUT_MS } from "../../../limits.ts";

/** A download under way: its chunks, and what went over the wire so far (TLS included), in bytes. */
export interface Download {
  readonly chunks: AsyncIterable<Uint8Array>;
  traffic(): { readonly upBytes: number; readonly downBytes: number };
}

/** Begins a download. Throws AgentError `target-forbidden` or `fetch-failed`; the chunks may throw the latter too. */
export type FetchBlob = (url: string, size: number, signal: AbortSignal) => Promise<Download>;

/** What the owner allows for downloads. */
export interface FetchPolicy {
  readonly allowPrivateTargets: boolean;
  /** Bits per second; undefined for no limit. */
  readonly downBitsPerSecond: () => number | undefined;
}

/**
 * Downloads over HTTP and HTTPS. The host is resolved once, its address checked against the owner's policy, and the connection pinned to
 * it; redirects are not followed; a body of another length than announced is refused before it is read.
 */
export function makeFetchBlob(clock: Clock, policy: FetchPolicy): FetchBlob {
  return async (url, size, signal) => {
    const target = parseFetchUrl(url);
    const address = await resolveAllowed(target.hostname.replace(/^\[|\]$/g, ""), policy.allowPrivateTargets);
    const timed = AbortSignal.any([signal, AbortSignal.timeout(FETCH_TIMEOUT_MS)]);
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
    };
  };
}

/** The URL of a blob; only http and https, without credentials. Throws AgentError `target-forbidden`. */
export function parseFetchUrl(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const isWeb = parsed?.protocol === "http:" || parsed?.protocol === "https:";
  if (parsed === undefined || !isWeb || parsed.username !== "" || parsed.password !== "") {
    throw new AgentError("target-forbidden", "a blob is fetched from an http or https URL without credentials");
  }
  return parsed;
}

async function resolveAllowed(host: string, allowPrivate: boolean): Promise<string> {
  const addresses = isIP(host) !== 0 ? [host] : await resolve(host);
  const allowed = addresses.find((address) => allowPrivate || isPublicAddress(address));
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

function begin(target: URL, address: string, signal: AbortSignal): Promise<IncomingMessage> {
  const request = target.protocol === "https:" ? httpsRequest : httpRequest;
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
    sent.on("response", resolveResponse);
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
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
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
