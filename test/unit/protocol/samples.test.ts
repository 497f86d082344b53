/**
 * The published samples are what another implementation is written from, so they have to stay true. Every file is compared with what
 * the code produces today, and every sample is opened from its published bytes with the published keys.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "tap";
import { fromHex, sha256, toHex } from "../../../base/index.ts";
import { decodeCanonical, encodeCanonical, loadEd25519, parseEnvelope, ROLES, sigStructure } from "../../../protocol/index.ts";
import { publishedFiles } from "../../fixtures/protocol/published.ts";
import { KEYS, NETWORK, SEEDS } from "../../fixtures/protocol/sample-keys.ts";
import { MESSAGES, SAMPLES, sampleNamed } from "../../fixtures/protocol/samples.ts";

const FOLDER = join(import.meta.dirname, "../../fixtures/protocol");
const keyFor = (keyId: Uint8Array): Uint8Array | undefined =>
  Object.values(KEYS).find((key) => toHex(key.keyId) === toHex(keyId))?.publicKey;

function published(path: string): string {
  return readFileSync(join(FOLDER, path), "utf8");
}

test("every published file is what the code writes today, and there is no other", (t) => {
  const files = publishedFiles();
  for (const [path, text] of files) t.equal(published(path), text, path);
  const found = ["v1", "tampered", "tampered/context"].flatMap((folder) =>
    readdirSync(join(FOLDER, folder), { withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name !== "README.md")
      .map((entry) => `${folder}/${entry.name}`),
  );
  t.same(found.sort(), [...files.keys()].sort());
  t.end();
});

test("every role has a sample, and both implementations open each from its published bytes", async (t) => {
  t.same(new Set(SAMPLES.map(({ role }) => role)), new Set(ROLES));
  const { ed25519 } = await loadEd25519();
  for (const { name, role, signer, payload } of SAMPLES) {
    const bytes = fromHex(published(`v1/${name}.hex`).replace(/\s/g, "")) ?? new Uint8Array();
    const opened = MESSAGES[role].open(bytes, NETWORK, keyFor, ed25519);
    t.ok(opened.ok, name);
    if (!opened.ok) continue;
    t.equal(toHex(opened.value.signer), toHex(KEYS[signer].publicKey), `${name} is by the ${signer}`);
    t.equal(toHex(opened.value.hash), toHex(sha256(payload)), `${name}: the hash is the payload's`);
  }
});

test("the README's keys and worked example are true", (t) => {
  const readme = published("v1/README.md");
  const says = (what: string, value: string) => t.ok(readme.includes(value), what);
  for (const [name, seed] of Object.entries(SEEDS)) says(`${name}'s seed`, toHex(seed));
  for (const [name, key] of Object.entries(KEYS)) {
    says(`${name}'s public key`, toHex(key.publicKey));
    says(`${name}'s key id`, toHex(key.keyId));
    says(`${name}'s id`, key.id);
  }
  for (const { name } of SAMPLES) says(`a line on ${name}`, `\`${name}\``);
  const { envelope, payload } = sampleNamed("beacon");
  const parsed = parseEnvelope(envelope);
  if (!parsed.ok) throw parsed.error;
  const flat = readme.replace(/\s+/g, "");
  const externalData = Buffer.from(`bonus/1|${NETWORK}|beacon`);
  const signed = sigStructure(parsed.value.protectedBytes, externalData, payload);
  for (const [what, bytes] of Object.entries({
    "protected header": parsed.value.protectedBytes,
    "external data": externalData,
    payload,
    Sig_structure: signed,
    signature: parsed.value.signature,
    hash: sha256(payload),
  }))
    t.ok(flat.includes(toHex(bytes)), `the worked example's ${what}`);
  t.equal(toHex(KEYS.bookkeeper.sign(signed)), toHex(parsed.value.signature));
  t.end();
});

test("the result of a proof is the hash of its evidence, and prev the hash of the payload before it", (t) => {
  let before = Buffer.alloc(32).toString("hex");
  for (const { name, payload } of SAMPLES.filter(({ role }) => role === "proof")) {
    const claims = decodeCanonical(payload);
    if (!claims.ok || !(claims.value instanceof Map)) throw new Error(name);
    t.equal(toHex(sha256(encodeCanonical(claims.value.get("evidence")))), toHex(claims.value.get("result")), name);
    t.equal(toHex(claims.value.get("prev")), before, name);
    before = toHex(sha256(payload));
  }
  t.end();
});
