/** Randomness as the rooms see it: from the kernel in the programs, from a printed seed in tests. */
export interface Random {
  /** That many random bytes. */
  bytes(count: number): Uint8Array;
  /** A number from 0 up to but not including 1. */
  fraction(): number;
}

/**
 * Repeatable randomness for tests and simulations (sfc32 by Chris Doty-Humphrey, seeded through splitmix32). Never for keys.
 */
export function makeSeededRandom(seed: number): Random {
  let mixing = seed >>> 0;
  const mix = (): number => {
    mixing = (mixing + 0x9e3779b9) >>> 0;
    let z = mixing;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
  let a = mix();
  let b = mix();
  let c = mix();
  let counter = mix();
  const next = (): number => {
    const out = (a + b + counter) >>> 0;
    counter = (counter + 1) >>> 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) >>> 0;
    c = ((c << 21) | (c >>> 11)) >>> 0;
    c = (c + out) >>> 0;
    return out;
  };
  return {
    bytes: (count) => Uint8Array.from({ length: count }, () => next() & 0xff),
    fraction: () => next() / 2 ** 32,
  };
}
