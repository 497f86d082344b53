/**
 * Where sodium has no build, node:crypto signs in its place, so nobody may be able to tell. Random seeds and messages get equal keys and
 * signatures from both, and both judge every damaged signature alike. SEED replays a run.
 */
import fc from "fast-check";
import { test } from "tap";
import { bytesEqual } from "../../base/index.ts";
import { loadEd25519, nodeEd25519 } from "../../protocol/index.ts";
import { printedSeed } from "../sim/printed-seed.ts";

const { ed25519, sodiumMissing } = await loadEd25519();
const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 });
const messages = fc.uint8Array({ maxLength: 2_000 });

test("equal keys and signatures", { skip: sodiumMissing ?? false }, (t) => {
  fc.assert(
    fc.property(seeds, messages, (seed, message) => {
      const key = ed25519.publicKey(seed);
      const signature = ed25519.signer(seed)(message);
      return (
        bytesEqual(key, nodeEd25519.publicKey(seed)) &&
        bytesEqual(signature, nodeEd25519.signer(seed)(message)) &&
        ed25519.verify(signature, message, key) &&
        nodeEd25519.verify(signature, message, key)
      );
    }),
    { numRuns: 400, seed: printedSeed(t) },
  );
  t.pass("no difference found");
  t.end();
});

test("no damaged signature, message or key is valid to either", { skip: sodiumMissing ?? false }, (t) => {
  const damage = fc.record({ part: fc.constantFrom(0, 1, 2), position: fc.nat(), bit: fc.nat(7) });
  fc.assert(
    fc.property(seeds, fc.uint8Array({ minLength: 1, maxLength: 200 }), damage, (seed, message, { part, position, bit }) => {
      const parts = [ed25519.signer(seed)(message), message, ed25519.publicKey(seed)].map((bytes) => new Uint8Array(bytes));
      const damaged = parts[part] ?? new Uint8Array(1);
      const at = position % damaged.length;
      damaged[at] = (damaged[at] ?? 0) ^ (1 << bit);
      const [signature, text, key] = parts as [Uint8Array, Uint8Array, Uint8Array];
      return !ed25519.verify(signature, text, key) && !nodeEd25519.verify(signature, text, key);
    }),
    { numRuns: 400, seed: printedSeed(t) },
  );
  t.pass("none was taken");
  t.end();
});
