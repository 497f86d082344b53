import type { Socket } from "node:net";
import type { Clock } from "../../../base/index.ts";
import { type Channel, makeFrameSplitter } from "../channel.ts";
import { MAX_PINGS, MAX_WAITING_BYTES } from "../limits.ts";
import type { Count, Direction, Refusal, Terms } from "../protocol.ts";
import { makeTally, type Tally } from "../tally.ts";
import { makeBudget, pumpInto } from "./pump.ts";

/** How a session ended: `complete`, both directions were measured; `left`, the client went; else what it exceeded or did wrong. */
export type SessionEnd = "complete" | "left" | "bytes" | "pings" | "protocol" | "time" | "stopped";

/** What the endpoint counted of a session. */
export interface SessionReport {
  readonly ended: SessionEnd;
  readonly down: Count | undefined;
  readonly up: Count | undefined;
}

/** What a session stands on. */
export interface SessionNeeds {
  readonly clock: Clock;
  /** RANDOM_BLOCK_BYTES of random data. */
  readonly block: Uint8Array;
  /** How long a session may be without a direction under way, and how long it may be at all. */
  readonly waitMs: number;
  readonly sessionMs: number;
  /** Called once. */
  readonly onEnd: (report: SessionReport) => void;
}

/** One client's measurement, as the endpoint sees it. */
export interface Session {
  /** A stream of this session; a refusal where none is wanted now. */
  join(socket: Socket, channel: Channel, direction: Direction): Refusal | undefined;
  end(why: SessionEnd): void;
}

interface Phase {
  readonly direction: Direction;
  readonly sockets: Set<Socket>;
  readonly tally: Tally;
  joined: number;
  started: boolean;
  timer: NodeJS.Timeout | undefined;
}

/** A session that was accepted on a control connection; the first frame under `channel` is the acceptance. */
export function startSession(control: Socket, channel: Channel, id: Uint8Array, terms: Terms, needs: SessionNeeds): Session {
  const { clock, block, onEnd } = needs;
  const counts: { down?: Count; up?: Count } = {};
  let phase: Phase | undefined;
  let isOver = false;
  const whole = setTimeout(() => end("time"), needs.sessionMs);
  let waiting = setTimeout(() => end("time"), needs.waitMs);

  const end = (why: SessionEnd): void => {
    if (isOver) return;
    isOver = true;
    for (const timer of [whole, waiting, phase?.timer]) clearTimeout(timer);
    for (const socket of phase?.sockets ?? []) socket.destroy();
    control.destroy();
    onEnd({ ended: why, down: counts.down, up: counts.up });
  };

  const finishPhase = (current: Phase): void => {
    if (phase !== current || isOver) return;
    phase = undefined;
    clearTimeout(current.timer);
    for (const socket of current.sockets) socket.destroy();
    const count = current.tally.finish(clock.monotonicMs());
    counts[current.direction] = count;
    control.write(channel.seal({ kind: "result", direction: current.direction, ...count }));
    waiting = setTimeout(() => end("time"), needs.waitMs);
  };

  const startPhase = (current: Phase): void => {
    clearTimeout(waiting);
    current.started = true;
    control.write(channel.seal({ kind: "start", direction: current.direction }));
    current.timer = setTimeout(() => finishPhase(current), terms.timeMs);
    if (current.direction === "up") return;
    const budget = makeBudget(terms);
    for (const socket of current.sockets)
      pumpInto(socket, block, budget, (bytes) => current.tally.add(bytes, clock.monotonicMs()));
  };

  const onStreamBytes = (current: Phase, bytes: number): void => {
    if (current.direction === "down" || !current.started) return end("protocol");
    current.tally.add(bytes, clock.monotonicMs());
    if (current.tally.bytes > terms.byteCap) end("bytes");
  };

  const watchStream = (current: Phase, socket: Socket): void => {
    current.sockets.add(socket);
    socket.on("data", (chunk: Buffer) => onStreamBytes(current, chunk.length));
    // The first stream that is done ends what is counted: from there on the link is shared by fewer.
    if (current.direction === "up") socket.on("end", () => finishPhase(current));
    socket.on("close", () => {
      current.sockets.delete(socket);
      if (!current.started) return phase === current ? end("left") : undefined;
      if (current.direction === "up" || current.sockets.size === 0) finishPhase(current);
    });
  };

  answerPings(control, channel, end);
  control.on("close", () => end(counts.down !== undefined && counts.up !== undefined ? "complete" : "left"));
  control.write(channel.seal({ kind: "accept", session: id, ...terms }));

  return {
    join: (socket, streamChannel, direction) => {
      phase ??= counts[direction] === undefined ? makePhase(direction) : undefined;
      if (phase === undefined || phase.direction !== direction || phase.joined >= terms.streams) return "session";
      phase.joined += 1;
      socket.write(streamChannel.seal({ kind: "joined" }));
      watchStream(phase, socket);
      if (phase.joined === terms.streams) startPhase(phase);
      return undefined;
    },
    end,
  };
}

/** Answers the pings of a control connection, which is all that a client may say there. */
function answerPings(control: Socket, channel: Channel, end: (why: SessionEnd) => void): void {
  const splitter = makeFrameSplitter();
  let pings = 0;
  const onFrame = (bytes: Uint8Array): void => {
    const frame = channel.unseal(bytes);
    if (typeof frame === "string" || frame.kind !== "ping") return end("protocol");
    pings += 1;
    if (pings > MAX_PINGS || control.writableLength > MAX_WAITING_BYTES) return end("pings");
    control.write(channel.seal({ kind: "pong", id: frame.id }));
  };
  control.on("data", (chunk: Buffer) => {
    splitter.push(chunk);
    for (let bytes = splitter.next(); bytes !== undefined && !control.destroyed; bytes = splitter.next()) onFrame(bytes);
  });
}

function makePhase(direction: Direction): Phase {
  return { direction, sockets: new Set(), tally: makeTally(), joined: 0, started: false, timer: undefined };
}
