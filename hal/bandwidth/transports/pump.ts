import type { Socket } from "node:net";
import { RANDOM_BLOCK_BYTES, WRITE_BYTES } from "../limits.ts";
import type { Terms } from "../protocol.ts";

/** What all streams of one direction may still send, in bytes. */
export interface Budget {
  leftBytes: number;
  readonly writeBytes: number;
}

/** A budget of which each stream gets many turns, so that none is done before the others had theirs. */
export function makeBudget({ byteCap, streams }: Pick<Terms, "byteCap" | "streams">): Budget {
  const turn = Math.floor(byteCap / (streams * TURNS));
  return { leftBytes: byteCap, writeBytes: Math.min(WRITE_BYTES, Math.max(LEAST_WRITE_BYTES, turn)) };
}

/** Writes that each stream makes at least, where the budget is large enough. */
const TURNS = 16;

/** About a packet. */
const LEAST_WRITE_BYTES = 1_024;

/**
 * Sends the block over and over, as fast as the socket takes it and never more than one write ahead of the kernel, until the budget is
 * used up; then ends the stream. Tells of bytes when the kernel has them.
 */
export function pumpInto(socket: Socket, block: Uint8Array, budget: Budget, onSent: (bytes: number) => void): void {
  let at = 0;
  const step = (): void => {
    while (!socket.destroyed && !socket.writableEnded) {
      const bytes = Math.min(budget.writeBytes, budget.leftBytes, RANDOM_BLOCK_BYTES - at);
      if (bytes <= 0) {
        socket.end();
        return;
      }
      budget.leftBytes -= bytes;
      const isTaken = socket.write(block.subarray(at, at + bytes), (error) => {
        if (error === null || error === undefined) onSent(bytes);
      });
      at = (at + bytes) % RANDOM_BLOCK_BYTES;
      if (!isTaken) return;
    }
  };
  socket.on("drain", step);
  step();
}
