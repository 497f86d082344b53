import type { Clock } from "../../../base/index.ts";
import { HalError } from "../../errors.ts";
import { makeFrameSplitter } from "../channel.ts";
import type { Frame } from "../protocol.ts";
import type { Line } from "./dial.ts";

/** The client's end of a session's first connection: pings, and what the endpoint says about the directions. */
export interface Control {
  /** Sends a ping. Its time is added to those of the last `collect` when it comes back. */
  ping(): void;
  /** From now on, the times of pings sent go here, in microseconds. */
  collect(into: number[]): void;
  /** How many pings are under way. */
  readonly underWay: number;
  /** Resolves with the next frame of a kind. */
  next<Kind extends "start" | "result">(kind: Kind): Promise<Extract<Frame, { kind: Kind }>>;
}

/** Pings that may be under way; on a link that holds more, the next one waits. */
const MAX_UNDER_WAY = 256;

/** Frames that may wait to be asked for: a start and a result. */
const MAX_HELD = 4;

/** Takes over an accepted control connection. `onTrouble` is told once why it is of no use any more. */
export function takeControl(line: Line, where: string, clock: Clock, onTrouble: (error: HalError) => void): Control {
  const { socket, channel } = line;
  const splitter = makeFrameSplitter();
  const sent = new Map<number, { readonly atMs: number; readonly into: number[] }>();
  const held: Frame[] = [];
  let waiter: { readonly kind: Frame["kind"]; readonly resolve: (frame: Frame) => void } | undefined;
  let into: number[] = [];
  let id = 0;

  const malformed = (): void => onTrouble(new HalError("endpoint-malformed", `${where}: it said what nobody asked for`));
  const handOver = (): void => {
    const frame = held[0];
    if (frame === undefined || waiter === undefined) return;
    if (frame.kind !== waiter.kind) return malformed();
    held.shift();
    const { resolve } = waiter;
    waiter = undefined;
    resolve(frame);
  };
  const onFrame = (bytes: Uint8Array, nowMs: number): void => {
    const frame = channel.unseal(bytes);
    if (typeof frame === "string") return malformed();
    if (frame.kind === "pong") {
      const ping = sent.get(frame.id);
      if (ping === undefined) return malformed();
      sent.delete(frame.id);
      ping.into.push(Math.round((nowMs - ping.atMs) * 1000));
      return;
    }
    if (held.length >= MAX_HELD || (frame.kind !== "start" && frame.kind !== "result")) return malformed();
    held.push(frame);
    handOver();
  };
  const onData = (chunk: Uint8Array): void => {
    const nowMs = clock.monotonicMs();
    splitter.push(chunk);
    for (let bytes = splitter.next(); bytes !== undefined; bytes = splitter.next()) onFrame(bytes, nowMs);
  };
  socket.on("data", onData);
  socket.on("close", () => onTrouble(new HalError("endpoint-unreachable", `${where}: it ended the session before its end`)));
  onData(line.rest);
  socket.resume();

  return {
    ping: () => {
      if (sent.size >= MAX_UNDER_WAY) return;
      id += 1;
      sent.set(id, { atMs: clock.monotonicMs(), into });
      socket.write(channel.seal({ kind: "ping", id }));
    },
    collect: (times) => {
      into = times;
    },
    get underWay() {
      return sent.size;
    },
    next: <Kind extends "start" | "result">(kind: Kind) =>
      new Promise<Extract<Frame, { kind: Kind }>>((resolve) => {
        waiter = { kind, resolve: (frame) => resolve(frame as Extract<Frame, { kind: Kind }>) };
        handOver();
      }),
  };
}
