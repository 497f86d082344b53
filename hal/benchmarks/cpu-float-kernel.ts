/**
 * The floating-point kernel: x = x * m + c in double precision on eight numbers that do not depend on each other, so that a core that
 * computes several things at once can. `cpu-float-kernel.wat` in the fixtures is its source, and a test compares them.
 */
import { instantiate } from "./wasm.ts";

/** Operations of a round: 8 numbers, 8 steps, one multiplication and one addition each, which WebAssembly never fuses. */
export const FLOAT_OPERATIONS = 128;

/** Rounds of the self-test, and what they give from seed 1 on every machine that computes as IEEE 754 says. */
export const FLOAT_CHECK_ROUNDS = 1000;
export const FLOAT_CHECK_VALUE = 37.88791046913332;

/** Runs that many rounds (from 1 to 2^31 - 1) on from `seed`, and answers the sum of the eight numbers. */
export type FloatKernel = (rounds: number, seed: number) => number;

/** The module, in base64. */
export const FLOAT_KERNEL_BASE64 =
  "AGFzbQEAAAABBwFgAn98AXwDAgEABwcBA3J1bgAACpoNAZcNAQh8IAFEAAAAAAAAAACgIQIgAUQAAAAAAADwP6AhAyABRAAAAAAAAABAoCEEIAFE" +
  "AAAAAAAACECgIQUgAUQAAAAAAAAQQKAhBiABRAAAAAAAABRAoCEHIAFEAAAAAAAAGECgIQggAUQAAAAAAAAcQKAhCQNAIAJEAAAAAOD/7z+iRC1D" +
  "HOviNho/oCECIANEAAAAAOD/7z+iRC1DHOviNho/oCEDIAREAAAAAOD/7z+iRC1DHOviNho/oCEEIAVEAAAAAOD/7z+iRC1DHOviNho/oCEFIAZE" +
  "AAAAAOD/7z+iRC1DHOviNho/oCEGIAdEAAAAAOD/7z+iRC1DHOviNho/oCEHIAhEAAAAAOD/7z+iRC1DHOviNho/oCEIIAlEAAAAAOD/7z+iRC1D" +
  "HOviNho/oCEJIAJEAAAAAOD/7z+iRC1DHOviNho/oCECIANEAAAAAOD/7z+iRC1DHOviNho/oCEDIAREAAAAAOD/7z+iRC1DHOviNho/oCEEIAVE" +
  "AAAAAOD/7z+iRC1DHOviNho/oCEFIAZEAAAAAOD/7z+iRC1DHOviNho/oCEGIAdEAAAAAOD/7z+iRC1DHOviNho/oCEHIAhEAAAAAOD/7z+iRC1D" +
  "HOviNho/oCEIIAlEAAAAAOD/7z+iRC1DHOviNho/oCEJIAJEAAAAAOD/7z+iRC1DHOviNho/oCECIANEAAAAAOD/7z+iRC1DHOviNho/oCEDIARE" +
  "AAAAAOD/7z+iRC1DHOviNho/oCEEIAVEAAAAAOD/7z+iRC1DHOviNho/oCEFIAZEAAAAAOD/7z+iRC1DHOviNho/oCEGIAdEAAAAAOD/7z+iRC1D" +
  "HOviNho/oCEHIAhEAAAAAOD/7z+iRC1DHOviNho/oCEIIAlEAAAAAOD/7z+iRC1DHOviNho/oCEJIAJEAAAAAOD/7z+iRC1DHOviNho/oCECIANE" +
  "AAAAAOD/7z+iRC1DHOviNho/oCEDIAREAAAAAOD/7z+iRC1DHOviNho/oCEEIAVEAAAAAOD/7z+iRC1DHOviNho/oCEFIAZEAAAAAOD/7z+iRC1D" +
  "HOviNho/oCEGIAdEAAAAAOD/7z+iRC1DHOviNho/oCEHIAhEAAAAAOD/7z+iRC1DHOviNho/oCEIIAlEAAAAAOD/7z+iRC1DHOviNho/oCEJIAJE" +
  "AAAAAOD/7z+iRC1DHOviNho/oCECIANEAAAAAOD/7z+iRC1DHOviNho/oCEDIAREAAAAAOD/7z+iRC1DHOviNho/oCEEIAVEAAAAAOD/7z+iRC1D" +
  "HOviNho/oCEFIAZEAAAAAOD/7z+iRC1DHOviNho/oCEGIAdEAAAAAOD/7z+iRC1DHOviNho/oCEHIAhEAAAAAOD/7z+iRC1DHOviNho/oCEIIAlE" +
  "AAAAAOD/7z+iRC1DHOviNho/oCEJIAJEAAAAAOD/7z+iRC1DHOviNho/oCECIANEAAAAAOD/7z+iRC1DHOviNho/oCEDIAREAAAAAOD/7z+iRC1D" +
  "HOviNho/oCEEIAVEAAAAAOD/7z+iRC1DHOviNho/oCEFIAZEAAAAAOD/7z+iRC1DHOviNho/oCEGIAdEAAAAAOD/7z+iRC1DHOviNho/oCEHIAhE" +
  "AAAAAOD/7z+iRC1DHOviNho/oCEIIAlEAAAAAOD/7z+iRC1DHOviNho/oCEJIAJEAAAAAOD/7z+iRC1DHOviNho/oCECIANEAAAAAOD/7z+iRC1D" +
  "HOviNho/oCEDIAREAAAAAOD/7z+iRC1DHOviNho/oCEEIAVEAAAAAOD/7z+iRC1DHOviNho/oCEFIAZEAAAAAOD/7z+iRC1DHOviNho/oCEGIAdE" +
  "AAAAAOD/7z+iRC1DHOviNho/oCEHIAhEAAAAAOD/7z+iRC1DHOviNho/oCEIIAlEAAAAAOD/7z+iRC1DHOviNho/oCEJIAJEAAAAAOD/7z+iRC1D" +
  "HOviNho/oCECIANEAAAAAOD/7z+iRC1DHOviNho/oCEDIAREAAAAAOD/7z+iRC1DHOviNho/oCEEIAVEAAAAAOD/7z+iRC1DHOviNho/oCEFIAZE" +
  "AAAAAOD/7z+iRC1DHOviNho/oCEGIAdEAAAAAOD/7z+iRC1DHOviNho/oCEHIAhEAAAAAOD/7z+iRC1DHOviNho/oCEIIAlEAAAAAOD/7z+iRC1D" +
  "HOviNho/oCEJIABBAWsiAA0ACyACIAOgIASgIAWgIAagIAegIAigIAmgCw==";

/** Compiles the kernel. Throws where this Node has no WebAssembly. */
export function makeFloatKernel(): FloatKernel {
  return instantiate<{ readonly run: FloatKernel }>(Buffer.from(FLOAT_KERNEL_BASE64, "base64")).run;
}
