/**
 * The hash kernel: the compression function of SHA-256 (FIPS 180-4) over a ring of 256 blocks, with plain 32-bit instructions on every
 * architecture. `cpu-sha256-kernel.wat` in the fixtures is its source, and a test compares them.
 */
import { instantiate } from "./wasm.ts";

/** Bytes of a block. */
export const SHA256_BLOCK_BYTES = 64;

/** Where the eight words of the state and the ring of blocks lie in the kernel's memory. The state begins as a hash's initial value. */
export const SHA256_STATE_AT = 512;
export const SHA256_RING_AT = 1024;

/** Blocks of zeros of the self-test, and the first word of the state after them. */
export const SHA256_CHECK_BLOCKS = 256;
export const SHA256_CHECK_VALUE = -12_734_305;

/** The kernel and its memory. */
export interface Sha256Kernel {
  readonly memory: { readonly buffer: ArrayBuffer };
  /** Compresses that many blocks (from 1 to 2^31 - 1) from the first on, around the ring, and answers the state's first word. */
  readonly run: (blocks: number, first: number) => number;
}

/** The module, in base64. */
export const SHA256_KERNEL_BASE64 =
  "AGFzbQEAAAABBwFgAn9/AX8DAgEABQMBAAEHEAIGbWVtb3J5AgADcnVuAAAK6QgB5ggBDH8DQEGACCABQf8BcUEGdGohAkEAIQMDQCACIANqKAIA" +
  "IQQgAyAEQQh3Qf+B/AdxIARBCHhBgP6DeHFyNgKAAiADQQRqIgNBwABHDQALQQAhAwNAIAMoAoQCIQQgAygCuAIhBSADIAVBEXggBUETeHMgBUEK" +
  "dnMgAygCpAJqIARBB3ggBEESeHMgBEEDdnMgAygCgAJqajYCwAIgA0EEaiIDQcABRw0AC0EAKAKABCEGQQAoAoQEIQdBACgCiAQhCEEAKAKMBCEJ" +
  "QQAoApAEIQpBACgClAQhC0EAKAKYBCEMQQAoApwEIQ1BACEDA0AgDSADKAIAIAMoAoACamogCkEGeCAKQQt4cyAKQRl4c2ogDCAKIAsgDHNxc2oh" +
  "DSAJIA1qIQkgDSAGQQJ4IAZBDXhzIAZBFnhzaiAGIAcgCHNxIAcgCHFzaiENIAwgAygCBCADKAKEAmpqIAlBBnggCUELeHMgCUEZeHNqIAsgCSAK" +
  "IAtzcXNqIQwgCCAMaiEIIAwgDUECeCANQQ14cyANQRZ4c2ogDSAGIAdzcSAGIAdxc2ohDCALIAMoAgggAygCiAJqaiAIQQZ4IAhBC3hzIAhBGXhz" +
  "aiAKIAggCSAKc3FzaiELIAcgC2ohByALIAxBAnggDEENeHMgDEEWeHNqIAwgDSAGc3EgDSAGcXNqIQsgCiADKAIMIAMoAowCamogB0EGeCAHQQt4" +
  "cyAHQRl4c2ogCSAHIAggCXNxc2ohCiAGIApqIQYgCiALQQJ4IAtBDXhzIAtBFnhzaiALIAwgDXNxIAwgDXFzaiEKIAkgAygCECADKAKQAmpqIAZB" +
  "BnggBkELeHMgBkEZeHNqIAggBiAHIAhzcXNqIQkgDSAJaiENIAkgCkECeCAKQQ14cyAKQRZ4c2ogCiALIAxzcSALIAxxc2ohCSAIIAMoAhQgAygC" +
  "lAJqaiANQQZ4IA1BC3hzIA1BGXhzaiAHIA0gBiAHc3FzaiEIIAwgCGohDCAIIAlBAnggCUENeHMgCUEWeHNqIAkgCiALc3EgCiALcXNqIQggByAD" +
  "KAIYIAMoApgCamogDEEGeCAMQQt4cyAMQRl4c2ogBiAMIA0gBnNxc2ohByALIAdqIQsgByAIQQJ4IAhBDXhzIAhBFnhzaiAIIAkgCnNxIAkgCnFz" +
  "aiEHIAYgAygCHCADKAKcAmpqIAtBBnggC0ELeHMgC0EZeHNqIA0gCyAMIA1zcXNqIQYgCiAGaiEKIAYgB0ECeCAHQQ14cyAHQRZ4c2ogByAIIAlz" +
  "cSAIIAlxc2ohBiADQSBqIgNBgAJHDQALQQBBACgCgAQgBmo2AoAEQQBBACgChAQgB2o2AoQEQQBBACgCiAQgCGo2AogEQQBBACgCjAQgCWo2AowE" +
  "QQBBACgCkAQgCmo2ApAEQQBBACgClAQgC2o2ApQEQQBBACgCmAQgDGo2ApgEQQBBACgCnAQgDWo2ApwEIAFBAWohASAAQQFrIgANAAtBACgCgAQL" +
  "C60CAgBBAAuAApgvikKRRDdxz/vAtaXbtelbwlY58RHxWaSCP5LVXhyrmKoH2AFbgxK+hTEkw30MVXRdvnL+sd6Apwbcm3Txm8HBaZvkhke+78ad" +
  "wQ/MoQwkbyzpLaqEdErcqbBc2oj5dlJRPphtxjGoyCcDsMd/Wb/zC+DGR5Gn1VFjygZnKSkUhQq3JzghGy78bSxNEw04U1RzCmW7Cmp2LsnCgYUs" +
  "cpKh6L+iS2YaqHCLS8KjUWzHGeiS0SQGmdaFNQ70cKBqEBbBpBkIbDceTHdIJ7W8sDSzDBw5SqrYTk/KnFvzby5o7oKPdG9jpXgUeMiECALHjPr/" +
  "vpDrbFCk96P5vvJ4ccYAQYAECyBn5glqha5nu3Lzbjw69U+lf1IOUYxoBZur2YMfGc3gWw==";

/** Compiles the kernel with its own memory. Throws where this Node has no WebAssembly. */
export function makeSha256Kernel(): Sha256Kernel {
  return instantiate<Sha256Kernel>(Buffer.from(SHA256_KERNEL_BASE64, "base64"));
}
