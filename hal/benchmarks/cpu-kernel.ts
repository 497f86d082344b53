/**
 * The integer kernel: multiply, rotate, exclusive or, with a load and a store in a 16 KiB table, each round depending on the last.
 * Hand-assembled WebAssembly (https://webassembly.github.io/spec/core/binary/), so that every architecture runs the same program;
 * a table of that size lies in every first-level cache. `cpu-kernel.wat` in the fixtures is its source, and a test compares them.
 */
import { assert, fromHex } from "../../base/index.ts";
import { instantiate } from "./wasm.ts";

/** The module: one memory page, and `run(rounds, seed) -> last value`. */
const KERNEL_MODULE_HEX =
  "0061736d01000000" + // magic, version 1
  "01070160027f7f017f" + // type 0: (i32, i32) -> i32
  "03020100" + // function 0 has type 0
  "0503010001" + // one memory of one page
  "07070103" +
  "72756e" +
  "0000" + // function 0 is exported as "run"
  "0a3b013901017f" + // one body of 57 bytes with one local: $address
  "0340" + // loop
  "200141fcff00712102" + // $address = $x & 0x3ffc
  "200141b1f3ddf1796c410d77" + // rotl($x * 0x9e3779b1, 13)
  "20022802007321" +
  "01" + // ^ load($address) -> $x
  "2002200120006a360200" + // store($address, $x + $rounds)
  "200041016b22000d00" + // until --$rounds is 0
  "0b20010b"; // end; answer $x

/** Rounds of the self-test, and what they give from seed 1 in fresh memory on every correct machine. */
export const CHECK_ROUNDS = 1_000_000;
export const CHECK_VALUE = -1_359_681_094;

/** Runs that many rounds (from 1 to 2^31 - 1) on from `seed`, and answers the last value. */
export type CpuKernel = (rounds: number, seed: number) => number;

/** The bytes of the module. */
export function cpuKernelBytes(): Uint8Array {
  const bytes = fromHex(KERNEL_MODULE_HEX);
  assert(bytes !== undefined, "the kernel is not hexadecimal");
  return bytes;
}

/** Compiles the kernel with its own memory. Throws where this Node has no WebAssembly. */
export function makeCpuKernel(): CpuKernel {
  return instantiate<{ readonly run: CpuKernel }>(cpuKernelBytes()).run;
}
