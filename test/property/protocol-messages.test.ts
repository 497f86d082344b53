/**
 * Whatever one party can say, the other must understand exactly. Random valid bodies of every message are written, signed, opened and held
 * against the published description. SEED replays a run.
 */
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { test } from "tap";
import { bytesEqual, sha256 } from "../../base/index.ts";
import {
  decodeCanonical,
  decodeObject,
  encodeObject,
  type MessageType,
  nodeEd25519,
  ROLES,
  type Role,
} from "../../protocol/index.ts";
import { loadCddl } from "../cddl/cddl-matcher.ts";
import { KEYS, NETWORK } from "../fixtures/protocol/sample-keys.ts";
import { MESSAGES } from "../fixtures/protocol/samples.ts";
import { printedSeed } from "../sim/printed-seed.ts";
import { BODIES, openMap } from "../unit/protocol/message-arbitraries.ts";

const cddl = loadCddl(join(import.meta.dirname, "../../protocol/bonus.cddl"));
const keyFor = () => KEYS.node.publicKey;

/** The value without undefined claims, and with integers of one type, so that what means the same is equal. */
function plain(value: unknown): unknown {
  if (typeof value === "number") return BigInt(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return new Map(
    entries.map(([name, item]): [string, unknown] => [name, plain(item)]).sort(([left], [right]) => (left < right ? -1 : 1)),
  );
}

for (const role of ROLES) {
  test(`any ${role} is read as it was written`, (t) => {
    const message = MESSAGES[role] as MessageType<object>;
    const bodies = BODIES[role] as fc.Arbitrary<object>;
    fc.assert(
      fc.property(bodies, (random) => {
        const body = { ...random, issuer: KEYS.node.publicKey };
        const payload = message.encode(body);
        const opened = message.open(message.seal(body, NETWORK, KEYS.node), NETWORK, keyFor, nodeEd25519);
        if (!opened.ok) throw opened.error;
        const value = decodeCanonical(payload);
        if (!value.ok) throw value.error;
        const mismatch = cddl.mismatch(role satisfies Role, value.value);
        if (mismatch !== undefined) throw new Error(mismatch);
        return (
          isDeepStrictEqual(plain(opened.value.body), plain(body)) &&
          bytesEqual(opened.value.hash, sha256(payload)) &&
          bytesEqual(message.encode(opened.value.body), payload)
        );
      }),
      { numRuns: 150, seed: printedSeed(t) },
    );
    t.pass("nothing was lost");
    t.end();
  });
}

test("any open map is read as it was written, and written again the same", (t) => {
  fc.assert(
    fc.property(openMap, (object) => {
      const bytes = encodeObject(object);
      const read = decodeObject(bytes);
      if (!read.ok) throw read.error;
      return isDeepStrictEqual(plain(read.value), plain(object)) && bytesEqual(encodeObject(read.value), bytes);
    }),
    { numRuns: 500, seed: printedSeed(t) },
  );
  t.pass("nothing was lost");
  t.end();
});
