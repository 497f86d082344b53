import { concatBytes } from "../base/index.ts";

/** Keeps what a program writes up to a limit. */
export interface Capture {
  /** Takes a chunk; false once more came than the limit. */
  take(chunk: Uint8Array): boolean;
  bytes(): Uint8Array;
}

/** Keeps the first `maxBytes`. */
export function captureHead(maxBytes: number): Capture {
  const chunks: Uint8Array[] = [];
  let length = 0;
  return {
    take: (chunk) => {
      const kept = chunk.subarray(0, maxBytes - length);
      length += kept.length;
      if (kept.length > 0) chunks.push(kept);
      return kept.length === chunk.length;
    },
    bytes: () => concatBytes(...chunks),
  };
}

/** Keeps the last `tailBytes` of at most `maxBytes`. */
export function captureTail(tailBytes: number, maxBytes: number): Capture {
  let tail: Uint8Array = new Uint8Array();
  let length = 0;
  return {
    take: (chunk) => {
      length += chunk.length;
      const both = concatBytes(tail, chunk.subarray(-tailBytes));
      tail = both.subarray(Math.max(0, both.length - tailBytes));
      return length <= maxBytes;
    },
    bytes: () => tail,
  };
}
