import { createServer, type Server, type Socket } from "node:net";
import { type Clock, type Random, toHex } from "../../../base/index.ts";
import { HalError } from "../../errors.ts";
import { type Admission, type AdmissionLimits, addressGroup, makeAdmission } from "../admission.ts";
import { makeChannel, makeFrameSplitter } from "../channel.ts";
import {
  DEFAULT_BYTE_CAP,
  HANDSHAKE_MS,
  MAX_ADDRESSES,
  MAX_CONNECTIONS,
  MAX_CONNECTIONS_PER_ADDRESS,
  MAX_FAILURES_PER_HOUR,
  MAX_REFUSALS_TOLD,
  MAX_SESSION_MS,
  MAX_SESSIONS,
  MAX_SESSIONS_PER_HOUR,
  MAX_STREAMS,
  MAX_TRANSFER_MS,
  RANDOM_BLOCK_BYTES,
  WAIT_MS,
} from "../limits.ts";
import {
  answerKey,
  CHALLENGE_BYTES,
  channelKey,
  ID_BYTES,
  openFrame,
  type Refusal,
  type Terms,
  unsealFrame,
} from "../protocol.ts";
import { type Session, type SessionReport, startSession } from "./session.ts";

/** What an endpoint lets its clients do at most; whatever they ask for. */
export interface EndpointLimits extends AdmissionLimits, Terms {
  readonly handshakeMs: number;
  readonly waitMs: number;
  readonly sessionMs: number;
}

const DEFAULT_LIMITS: EndpointLimits = {
  byteCap: DEFAULT_BYTE_CAP,
  timeMs: MAX_TRANSFER_MS,
  streams: MAX_STREAMS,
  connections: MAX_CONNECTIONS,
  connectionsPerAddress: MAX_CONNECTIONS_PER_ADDRESS,
  sessions: MAX_SESSIONS,
  sessionsPerHour: MAX_SESSIONS_PER_HOUR,
  failuresPerHour: MAX_FAILURES_PER_HOUR,
  addresses: MAX_ADDRESSES,
  handshakeMs: HANDSHAKE_MS,
  waitMs: WAIT_MS,
  sessionMs: MAX_SESSION_MS,
};

/** What an endpoint tells its operator. Addresses are those that count as one. */
export type EndpointEvent =
  | { readonly type: "refused"; readonly address: string; readonly why: Refusal | "silent" | "malformed" }
  | { readonly type: "began"; readonly address: string; readonly session: string; readonly terms: Terms }
  | ({ readonly type: "ended"; readonly address: string; readonly session: string } & SessionReport);

/** What an endpoint is made from. */
export interface EndpointOptions {
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  readonly token: string;
  readonly limits?: Partial<EndpointLimits>;
  readonly onEvent?: (event: EndpointEvent) => void;
}

/** An endpoint that listens. */
export interface Endpoint {
  readonly port: number;
  /** Ends all sessions, and resolves when the last connection is closed. */
  stop(): Promise<void>;
}

/** What a connection is greeted with. */
interface House {
  readonly clock: Clock;
  readonly random: Random;
  readonly token: string;
  readonly limits: EndpointLimits;
  readonly admission: Admission;
  readonly sessions: Map<string, Session>;
  readonly block: Uint8Array;
  readonly onEvent: (event: EndpointEvent) => void;
}

/** Listens for bandwidth measurements. Throws HalError `endpoint-unavailable` where the address cannot be had. */
export async function startBandwidthEndpoint(
  needs: { readonly clock: Clock; readonly random: Random },
  options: EndpointOptions,
): Promise<Endpoint> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const house: House = {
    ...needs,
    token: options.token,
    limits,
    admission: makeAdmission(limits),
    sessions: new Map(),
    block: needs.random.bytes(RANDOM_BLOCK_BYTES),
    onEvent: tellSparsely(needs.clock, options.onEvent ?? (() => {})),
  };
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    greet(house, socket);
  });
  await listen(server, options);
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : options.port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const session of house.sessions.values()) session.end("stopped");
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** Tells of everything but refusals past MAX_REFUSALS_TOLD in a minute. */
function tellSparsely(clock: Clock, onEvent: (event: EndpointEvent) => void): (event: EndpointEvent) => void {
  let minute = 0;
  let told = 0;
  return (event) => {
    const now = Math.floor(clock.monotonicMs() / 60_000);
    if (now !== minute) [minute, told] = [now, 0];
    if (event.type === "refused") told += 1;
    if (event.type !== "refused" || told <= MAX_REFUSALS_TOLD) onEvent(event);
  };
}

async function listen(server: Server, { host, port }: EndpointOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => {
      const message = `${host} port ${port}: cannot listen there (${cause.message}); choose another with --listen`;
      reject(new HalError("endpoint-unavailable", message, { cause }));
    });
    server.listen({ host, port }, resolve);
  });
}

/** Asks a new connection for its answer, and hands it on or refuses it. */
function greet(house: House, socket: Socket): void {
  const { clock, random, token, limits, admission, onEvent } = house;
  const address = addressGroup(socket.remoteAddress ?? "");
  // Its consequence is always that the socket closes.
  socket.on("error", () => {});
  const refuse = (why: Refusal): void => {
    onEvent({ type: "refused", address, why });
    socket.removeAllListeners("data");
    socket.end(openFrame({ kind: "refused", why }), () => socket.destroy());
  };
  const drop = (why: "silent" | "malformed"): void => {
    onEvent({ type: "refused", address, why });
    socket.destroy();
  };
  const refusal = admission.arrived(address, clock.monotonicMs());
  if (refusal !== undefined) return refuse(refusal);
  socket.on("close", () => admission.left(address));
  const silence = setTimeout(() => drop("silent"), limits.handshakeMs);
  socket.on("close", () => clearTimeout(silence));
  const challenge = random.bytes(CHALLENGE_BYTES);
  const splitter = makeFrameSplitter();
  socket.write(openFrame({ kind: "hello", challenge }));

  const onData = (chunk: Buffer): void => {
    splitter.push(chunk);
    const bytes = splitter.next();
    if (bytes === undefined) return;
    clearTimeout(silence);
    socket.off("data", onData);
    const frame = unsealFrame(bytes, answerKey(token, challenge), "answer");
    if (frame === "forged") {
      admission.failed(address, clock.monotonicMs());
      return refuse("token");
    }
    // Nobody who waits for the reply says more than the answer.
    if (typeof frame === "string" || splitter.rest().length > 0) return drop("malformed");
    if (frame.kind === "join") {
      const channel = makeChannel(channelKey(token, challenge, frame.session), "server");
      const session = house.sessions.get(toHex(frame.session));
      const why = session === undefined ? "session" : session.join(socket, channel, frame.direction);
      return why === undefined ? undefined : refuse(why);
    }
    if (frame.kind !== "open") return drop("malformed");
    const why = admission.sessionWanted(address, clock.monotonicMs());
    if (why !== undefined) return refuse(why);
    openSession(house, socket, address, frame, channelKey(token, challenge, frame.nonce));
  };
  socket.on("data", onData);
}

function openSession(house: House, control: Socket, address: string, wanted: Terms, key: Uint8Array): void {
  const { clock, random, limits, admission, sessions, block, onEvent } = house;
  const id = random.bytes(ID_BYTES);
  const session = toHex(id);
  const terms: Terms = {
    byteCap: Math.min(wanted.byteCap, limits.byteCap),
    timeMs: Math.min(wanted.timeMs, limits.timeMs),
    streams: Math.min(wanted.streams, limits.streams),
  };
  onEvent({ type: "began", address, session, terms });
  const onEnd = (report: SessionReport): void => {
    sessions.delete(session);
    admission.sessionEnded();
    onEvent({ type: "ended", address, session, ...report });
  };
  const needs = { clock, block, waitMs: limits.waitMs, sessionMs: limits.sessionMs, onEnd };
  sessions.set(session, startSession(control, makeChannel(key, "server"), id, terms, needs));
}
