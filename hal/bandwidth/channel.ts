/** One connection's frames: cut out of a stream of bytes, and numbered under its key. */
import { concatBytes } from "../../base/index.ts";
import { FRAME_BYTES, type Frame, sealFrame, unsealFrame } from "./protocol.ts";

/** Cuts a stream into frames. It holds what was pushed and not taken, so whoever pushes also takes. */
export interface FrameSplitter {
  push(chunk: Uint8Array): void;
  /** The next whole frame, or undefined where there is none yet. */
  next(): Uint8Array | undefined;
  /** Takes what is left. */
  rest(): Uint8Array;
}

/** A splitter that holds nothing. */
export function makeFrameSplitter(): FrameSplitter {
  let held: Uint8Array = new Uint8Array();
  const take = (length: number): Uint8Array => {
    const taken = held.subarray(0, length);
    held = held.subarray(length);
    return taken;
  };
  return {
    push: (chunk) => {
      held = held.length === 0 ? chunk : concatBytes(held, chunk);
    },
    next: () => (held.length < FRAME_BYTES ? undefined : take(FRAME_BYTES)),
    rest: () => take(held.length),
  };
}

/** The frames of one side and of the other, each under its number. */
export interface Channel {
  seal(frame: Frame): Uint8Array;
  /** `forged`: not from the other holder of the key, or not the one that follows. */
  unseal(bytes: Uint8Array): Frame | "forged" | "malformed";
}

/** A channel at its first frame. */
export function makeChannel(key: Uint8Array, side: "client" | "server"): Channel {
  const other = side === "client" ? "server" : "client";
  let sealed = 0;
  let unsealed = 0;
  return {
    seal: (frame) => sealFrame(frame, key, `${side} ${sealed++}`),
    unseal: (bytes) => unsealFrame(bytes, key, `${other} ${unsealed++}`),
  };
}
