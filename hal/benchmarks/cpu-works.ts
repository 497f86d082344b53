/** What the measuring threads can be set to, and how that is counted. */
import { createHash, createPublicKey, verify } from "node:crypto";
import { FLOAT_CHECK_ROUNDS, FLOAT_CHECK_VALUE, FLOAT_OPERATIONS, makeFloatKernel } from "./cpu-float-kernel.ts";
import { CHECK_ROUNDS, CHECK_VALUE, makeCpuKernel } from "./cpu-kernel.ts";
import { makeSha256Kernel, SHA256_BLOCK_BYTES, SHA256_CHECK_BLOCKS, SHA256_CHECK_VALUE } from "./cpu-sha256-kernel.ts";

export type WorkName = "integer" | "float" | "sha256" | "sha256-native" | "ed25519-native" | "copy";

/** Bytes that Node's own SHA-256 takes in at a time, and that are copied at a time. */
const HASHED_BYTES = 16 * 1024;
const COPIED_BYTES = 1024 * 1024;

/** How a work is counted: `perRound` units in a round, told in that many units a second. */
export interface WorkUnit {
  readonly unit: string;
  readonly perRound: number;
}

/** MB and millions of operations are 10^6. */
export const WORK_UNITS: Readonly<Record<WorkName, WorkUnit>> = {
  integer: { unit: "Mop/s", perRound: 1e-6 },
  float: { unit: "MFLOP/s", perRound: FLOAT_OPERATIONS * 1e-6 },
  sha256: { unit: "MB/s", perRound: SHA256_BLOCK_BYTES * 1e-6 },
  "sha256-native": { unit: "MB/s", perRound: HASHED_BYTES * 1e-6 },
  "ed25519-native": { unit: "verifies/s", perRound: 1 },
  copy: { unit: "MB/s", perRound: COPIED_BYTES * 1e-6 },
};

/** A work ready to run. */
export interface Work {
  /** Does that many rounds, at least 1. */
  run(rounds: number): void;
}

/**
 * Prepares a work, and runs its self-test: undefined where this machine computes it wrongly. `copyBytes` is what one thread copies
 * from and what it copies to, each. Throws where this Node cannot do it.
 */
export function makeWork(name: WorkName, copyBytes: number): Work | undefined {
  switch (name) {
    case "integer":
      return makeIntegerWork();
    case "float":
      return makeFloatWork();
    case "sha256":
      return makeSha256Work();
    case "sha256-native":
      return makeNativeSha256Work();
    case "ed25519-native":
      return makeEd25519Work();
    case "copy":
      return makeCopyWork(copyBytes);
  }
}

function makeIntegerWork(): Work | undefined {
  if (makeCpuKernel()(CHECK_ROUNDS, 1) !== CHECK_VALUE) return undefined;
  const kernel = makeCpuKernel();
  let seed = 1;
  return {
    run: (rounds) => {
      seed = kernel(rounds, seed);
    },
  };
}

function makeFloatWork(): Work | undefined {
  const kernel = makeFloatKernel();
  if (kernel(FLOAT_CHECK_ROUNDS, 1) !== FLOAT_CHECK_VALUE) return undefined;
  return { run: (rounds) => kernel(rounds, 1) };
}

function makeSha256Work(): Work | undefined {
  const kernel = makeSha256Kernel();
  if (kernel.run(SHA256_CHECK_BLOCKS, 0) !== SHA256_CHECK_VALUE) return undefined;
  return { run: (blocks) => kernel.run(blocks, 0) };
}

/** SHA-256 of 16 KiB of zeros. */
const ZEROS_SHA256 = "4fe7b59af6de3b665b67788cc2f99892ab827efae3a467342b3bb4e3bc8e5bfe";

function makeNativeSha256Work(): Work | undefined {
  const bytes = new Uint8Array(HASHED_BYTES);
  const hashOnce = (): string => createHash("sha256").update(bytes).digest("hex");
  if (hashOnce() !== ZEROS_SHA256) return undefined;
  return {
    run: (rounds) => {
      for (let round = 0; round < rounds; round++) hashOnce();
    },
  };
}

/** RFC 8032, section 7.1, TEST 3; the key with its header in DER (RFC 8410). */
const RFC8032_KEY = "302a300506032b6570032100fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025";
const RFC8032_MESSAGE = "af82";
const RFC8032_SIGNATURE =
  "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac" +
  "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a";

/** Node's own Ed25519, whichever library the program verifies with: every machine with Node has it. */
function makeEd25519Work(): Work | undefined {
  const key = createPublicKey({ key: Buffer.from(RFC8032_KEY, "hex"), format: "der", type: "spki" });
  const message = Buffer.from(RFC8032_MESSAGE, "hex");
  const signature = Buffer.from(RFC8032_SIGNATURE, "hex");
  const verifyOnce = (): boolean => verify(null, message, key, signature);
  if (!verifyOnce()) return undefined;
  return {
    run: (rounds) => {
      for (let round = 0; round < rounds; round++) verifyOnce();
    },
  };
}

/** Copies piece after piece from one buffer to the other, around and around. */
function makeCopyWork(copyBytes: number): Work {
  const pieces = Math.max(1, Math.floor(copyBytes / COPIED_BYTES));
  const source = new Uint8Array(pieces * COPIED_BYTES);
  const target = new Uint8Array(pieces * COPIED_BYTES);
  // Memory that nobody has written to is one page of zeros to the kernel, and would stay in the cache.
  source.fill(1);
  target.fill(2);
  let piece = 0;
  return {
    run: (rounds) => {
      for (let round = 0; round < rounds; round++) {
        const start = piece * COPIED_BYTES;
        target.set(source.subarray(start, start + COPIED_BYTES), start);
        piece = (piece + 1) % pieces;
      }
    },
  };
}
