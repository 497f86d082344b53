/** The modules under test/fixtures/wasm, assembled from their text as it is asked for. */
import { readFileSync } from "node:fs";
import wabt from "wabt";

const assembler = await wabt();
/** More than the sandbox takes, so that it is the sandbox that refuses. */
const FEATURES = { bulk_memory: true, reference_types: true, threads: true, simd: true, relaxed_simd: true, tail_call: true };

/** The binary of a module in the text format. */
export function assembleText(name: string, text: string): Uint8Array {
  const module = assembler.parseWat(`${name}.wat`, text, FEATURES);
  try {
    return module.toBinary({}).buffer;
  } finally {
    module.destroy();
  }
}

/** The binary of `test/fixtures/wasm/<name>.wat`. */
export function assembleFixture(name: string): Uint8Array {
  return assembleText(name, readFileSync(new URL(`../fixtures/wasm/${name}.wat`, import.meta.url), "utf8"));
}

/** The example module as it is committed, and its text. */
export function readExample(): { readonly binary: Uint8Array; readonly text: string } {
  const read = (suffix: string) => readFileSync(new URL(`../../sandbox/example/primes.${suffix}`, import.meta.url));
  return { binary: read("wasm"), text: read("wat").toString("utf8") };
}
