import { createCipheriv } from "node:crypto";

const ZEROS = new Uint8Array(65_536);

/**
 * Fills one target after the other with the ChaCha20 key stream (RFC 8439) of a 32-byte seed as its key, counter and nonce zero:
 * the same seed gives the same bytes on every machine, in whatever portions they are asked for.
 */
export function makeRandomStream(seed: Uint8Array): (target: Uint8Array) => void {
  const cipher = createCipheriv("chacha20", seed, new Uint8Array(16));
  return (target) => {
    for (let from = 0; from < target.length; from += ZEROS.length) {
      target.set(cipher.update(ZEROS.subarray(0, Math.min(ZEROS.length, target.length - from))), from);
    }
  };
}
