import { randomBytes } from "node:crypto";
import type { Random } from "./random.ts";

/** Randomness from the kernel, fit for keys. */
export function makeSystemRandom(): Random {
  return {
    bytes: (count) => new Uint8Array(randomBytes(count)),
    fraction: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
  };
}
