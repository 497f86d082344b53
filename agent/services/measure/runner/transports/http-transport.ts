import { request } from "node:http";
import { isIP, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { MAX_HEADER_BYTES } from "../../limits.ts";
import { failureOf } from "../failures.ts";
import type { Failure, Traffic } from "../job.ts";
import { microsNow } from "./monotonic.ts";
import { connectTcp } from "./tcp-transport.ts";

/** One GET over a connection of its own. */
export interface HttpProbe {
  /** The literal address to connect to. */
  readonly address: string;
  readonly port: number;
  /** The name or address in the URL: what the certificate has to be for. */
  readonly host: string;
  readonly path: string;
  /** How to speak TLS; undefined for plain HTTP. */
  readonly tls: ConnectionOptions | undefined;
  readonly userAgent: string;
  /** For everything together. */
  readonly timeoutMs: number;
  readonly maxBodyBytes: number;
}

/** Where the time went, in microseconds. */
export interface HttpPhases {
  readonly connect: number;
  readonly tls?: number;
  /** From the request to the first byte of its answer. */
  readonly firstByte: number;
  /** From the start of the connecting to the last byte of the body. */
  readonly total: number;
}

/** What a probe found. Traffic is what the TCP connection carried, TLS included; TCP and IP headers are not counted. */
export type HttpExchange = { readonly bodyBytes: number; readonly traffic: Traffic } & (
  | { readonly kind: "answered"; readonly status: number; readonly phases: HttpPhases }
  | { readonly kind: "failed"; readonly failure: Failure; readonly status?: number }
);

/**
 * Asks for a path and takes the whole answer, keeping nothing of the body but its length. A redirect is an answer, it is not
 * followed. The server's certificate is verified. Never rejects. The TLS phase holds this device's own part in the handshake
 * too, about 2 ms on an x86 box.
 */
export async function probeHttp(probe: HttpProbe): Promise<HttpExchange> {
  const startedAt = microsNow();
  const connection = await connectTcp(probe.address, probe.port, probe.timeoutMs);
  if (connection.kind === "failed") return { ...connection, bodyBytes: 0, traffic: { upBytes: 0, downBytes: 0 } };
  const connectedAt = microsNow();
  const { socket } = connection;
  const stream = probe.tls === undefined ? socket : connectTls({ ...probe.tls, ...tlsIdentity(probe.host), socket });
  for (const one of new Set([socket, stream])) one.on("error", () => undefined);
  const timer = setTimeout(() => stream.destroy(TOO_LATE), probe.timeoutMs - (connectedAt - startedAt) / 1000);
  const seen: Seen = { bodyBytes: 0 };
  const found = (): { bodyBytes: number; traffic: Traffic } => ({
    bodyBytes: seen.bodyBytes,
    traffic: { upBytes: socket.bytesWritten, downBytes: socket.bytesRead },
  });
  try {
    if (probe.tls !== undefined) await handshakeDone(stream);
    const requestedAt = microsNow();
    const { status, firstByteAt, endedAt } = await get(stream, probe, seen);
    const tls = probe.tls === undefined ? {} : { tls: requestedAt - connectedAt };
    const phases = { connect: connectedAt - startedAt, ...tls, firstByte: firstByteAt - requestedAt, total: endedAt - startedAt };
    return { kind: "answered", status, phases, ...found() };
  } catch (thrown) {
    const { status } = seen;
    return { kind: "failed", failure: explain(thrown, seen), ...(status === undefined ? {} : { status }), ...found() };
  } finally {
    clearTimeout(timer);
    stream.destroy();
    socket.destroy();
  }
}

/** How far an answer came. */
interface Seen {
  status?: number;
  bodyBytes: number;
}

const TOO_LATE = Object.assign(new Error("timed out"), { code: "ETIMEDOUT" });
const TOO_LARGE = new Error("body larger than is read");

function explain(thrown: unknown, seen: Seen): Failure {
  if (thrown === TOO_LARGE) return { source: "target", what: "body larger than is read" };
  const failure = failureOf(thrown);
  const isBroken = seen.status !== undefined && failure.what === "connection reset";
  return isBroken ? { source: "target", what: "answer broken off" } : failure;
}

/** Names go into SNI; addresses may not (RFC 6066 section 3), but are what the certificate is compared with. */
function tlsIdentity(host: string): ConnectionOptions {
  return isIP(host) === 0 ? { host, servername: host } : { host };
}

function handshakeDone(stream: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.once("secureConnect", resolve);
    stream.once("error", reject);
  });
}

/** Sends the request over a connected stream. Rejects with what went wrong; `seen` then tells how far it came. */
function get(
  stream: Socket,
  probe: HttpProbe,
  seen: Seen,
): Promise<{ readonly status: number; readonly firstByteAt: number; readonly endedAt: number }> {
  return new Promise((resolve, reject) => {
    let firstByteAt = 0;
    const asked = request({
      createConnection: () => stream,
      path: probe.path,
      setHost: false,
      headers: { Host: hostHeader(probe), "User-Agent": probe.userAgent, Accept: "*/*", Connection: "close" },
      maxHeaderSize: MAX_HEADER_BYTES,
    });
    // Before the parser's own listener: what counts is when the byte came, not when the headers were understood.
    asked.once("socket", () => stream.prependOnceListener("data", () => (firstByteAt = microsNow())));
    asked.on("error", reject);
    asked.once("upgrade", () => reject(Object.assign(new Error("switched protocols"), { code: "HPE_UPGRADE" })));
    asked.once("response", (response) => {
      const status = response.statusCode ?? 0;
      seen.status = status;
      response.on("data", (chunk: Buffer) => {
        seen.bodyBytes += chunk.length;
        if (seen.bodyBytes > probe.maxBodyBytes) reject(TOO_LARGE);
      });
      response.once("end", () => resolve({ status, firstByteAt, endedAt: microsNow() }));
      response.on("error", reject);
    });
    asked.end();
  });
}

function hostHeader(probe: HttpProbe): string {
  const host = probe.host.includes(":") ? `[${probe.host}]` : probe.host;
  return probe.port === (probe.tls === undefined ? 80 : 443) ? host : `${host}:${probe.port}`;
}
