/**
 * `protocol/bonus.cddl` is the published word on every message, so it must say the same as the decoders, no more and no less. Every sample
 * is matched against it, and then thousands of samples with one thing changed: the document and the decoders have to agree on each.
 */
import { join } from "node:path";
import { decode } from "cborg";
import { test } from "tap";
import type { Result } from "../../../base/index.ts";
import {
  type CborValue,
  decodeCanonical,
  decodeObject,
  encodeCanonical,
  FAILURE_REASONS,
  ISOLATION_LEVELS,
  MEASURE_METHODS,
  parseComputeEvidence,
  parseComputeSpec,
  parseEnvelope,
  parseMeasureEvidence,
  parseMeasureSpec,
  parseStoreEvidence,
  parseStoreSpec,
  RECEIPT_REASONS,
  REFUSAL_REASONS,
  ROLES,
  sigStructure,
  TIERS,
  type WireObject,
} from "../../../protocol/index.ts";
import { type CborItem, loadCddl, Tagged } from "../../cddl/cddl-matcher.ts";
import { proofs } from "../../fixtures/protocol/sample-answers.ts";
import { assignments, SPECS } from "../../fixtures/protocol/sample-commands.ts";
import { MESSAGES, SAMPLES } from "../../fixtures/protocol/samples.ts";
import { mutantsOf } from "./value-mutations.ts";

const cddl = loadCddl(join(import.meta.dirname, "../../../protocol/bonus.cddl"));

function read(bytes: Uint8Array): CborValue {
  const decoded = decodeCanonical(bytes);
  if (!decoded.ok) throw decoded.error;
  return decoded.value;
}

type Parser = (object: WireObject) => Result<unknown, Error>;

/** The specification and evidence of each kind: the rule, its decoder, and samples. */
const KINDS: readonly (readonly [rule: string, parse: Parser, samples: readonly WireObject[]])[] = [
  ["measure-spec", parseMeasureSpec, [SPECS.ping, SPECS.dns, SPECS.http]],
  ["store-spec", parseStoreSpec, [SPECS.put, SPECS.putFromUrl, SPECS.get, SPECS.delete]],
  ["compute-spec", parseComputeSpec, [assignments["assignment-compute"].spec]],
  [
    "measure-evidence",
    parseMeasureEvidence,
    [proofs["proof-measure-ping"].evidence, proofs["proof-measure-dns"].evidence, proofs["proof-measure-http"].evidence],
  ],
  [
    "store-evidence",
    parseStoreEvidence,
    [
      proofs["proof-store-put"].evidence,
      proofs["proof-store-get"].evidence,
      proofs["proof-challenge"].evidence,
      proofs["proof-after-restart"].evidence,
    ],
  ],
  ["compute-evidence", parseComputeEvidence, [proofs["proof-compute"].evidence]],
];

test("every rule is reached from the envelope, the messages or a kind", (t) => {
  const reached = new Set<string>();
  const visit = (name: string): void => {
    if (reached.has(name)) return;
    reached.add(name);
    for (const word of JSON.stringify(cddl.rules.get(name) ?? "").matchAll(/"(?:Value|Name)":"([a-z0-9-]+)"/gi))
      if (cddl.rules.has(word[1] ?? "")) visit(word[1] ?? "");
  };
  for (const root of ["envelope", "protected-header", "sig-structure", "message", ...KINDS.map(([rule]) => rule)]) visit(root);
  t.same(
    [...cddl.rules.keys()].filter((name) => !reached.has(name)),
    [],
  );
  t.end();
});

test("every sample is what the document says", (t) => {
  for (const { name, role, envelope, payload } of SAMPLES) {
    const tags = { 18: (inner: () => unknown) => new Tagged(18, inner() as CborItem) };
    t.equal(cddl.mismatch("envelope", decode(envelope, { useMaps: true, tags }) as CborItem), undefined, `${name}: envelope`);
    const parsed = parseEnvelope(envelope);
    if (!parsed.ok) throw parsed.error;
    t.equal(cddl.mismatch("protected-header", read(parsed.value.protectedBytes)), undefined, `${name}: header`);
    const signed = sigStructure(parsed.value.protectedBytes, Buffer.from(`bonus/1|sample|${role}`), payload);
    t.equal(cddl.mismatch("sig-structure", read(signed)), undefined, `${name}: what is signed`);
    t.equal(cddl.mismatch(role, read(payload)), undefined, `${name}: payload`);
    t.equal(cddl.mismatch("message", read(payload)), undefined, `${name}: payload, as any message`);
  }
  t.end();
});

test("the words that claims choose from are those of the code", (t) => {
  const words = (rule: string): unknown[] =>
    [...JSON.stringify(cddl.rules.get(rule)).matchAll(/"literal","Value":"([^"]+)"/g)].map((match) => match[1]);
  t.same(words("tier"), TIERS);
  t.same(words("isolation-level"), ISOLATION_LEVELS);
  t.same(words("measure-method"), MEASURE_METHODS);
  t.same(words("failure-reason"), FAILURE_REASONS);
  t.same(words("refusal-reason"), REFUSAL_REASONS);
  t.same(words("receipt-reason"), RECEIPT_REASONS);
  t.same(
    words("content-type-of-role"),
    ROLES.map((role) => `application/vnd.bonus.${role}+cbor`),
  );
  t.end();
});

test("document and decoder agree on every message with one thing changed", (t) => {
  const seen = { accepted: 0, refused: 0 };
  for (const { name, role, payload } of SAMPLES) {
    const disagreements: string[] = [];
    for (const { path, what, value } of mutantsOf(read(payload))) {
      const decoded = MESSAGES[role].decode(encodeCanonical(value));
      const mismatch = cddl.mismatch(role, value);
      seen[decoded.ok ? "accepted" : "refused"] += 1;
      if (decoded.ok !== (mismatch === undefined))
        disagreements.push(
          `${path.join(".")} ${what}: ${mismatch ?? "matches"}, but ${decoded.ok ? "accepted" : decoded.error.message}`,
        );
      else if (!decoded.ok && decoded.error.code !== "bad-claims")
        disagreements.push(`${path.join(".")} ${what}: ${decoded.error.code}`);
    }
    t.same(disagreements.slice(0, 5), [], name);
  }
  t.comment(JSON.stringify(seen));
  t.ok(seen.accepted > 1_000 && seen.refused > 20_000, "there was something to agree on");
  t.end();
});

test("document and decoder agree on every specification and evidence with one thing changed", (t) => {
  const seen = { accepted: 0, refused: 0 };
  for (const [rule, parse, samples] of KINDS) {
    const disagreements: string[] = [];
    for (const sample of samples) {
      const original = read(encodeCanonical(toMap(sample)));
      t.equal(cddl.mismatch(rule, original), undefined, `${rule} matches`);
      for (const { path, what, value } of mutantsOf(original)) {
        const object = decodeObject(encodeCanonical(value));
        const parsed = object.ok ? parse(object.value) : object;
        const mismatch = cddl.mismatch(rule, value);
        seen[parsed.ok ? "accepted" : "refused"] += 1;
        if (parsed.ok !== (mismatch === undefined))
          disagreements.push(
            `${path.join(".")} ${what}: ${mismatch ?? "matches"}, but ${parsed.ok ? "accepted" : parsed.error.message}`,
          );
      }
    }
    t.same(disagreements.slice(0, 5), [], rule);
  }
  t.comment(JSON.stringify(seen));
  t.ok(seen.accepted > 300 && seen.refused > 5_000, "there was something to agree on");
  t.end();
});

test("the matcher says what is wrong, and does not let a rule go unchecked", (t) => {
  const beacon = read(SAMPLES.find(({ name }) => name === "beacon")?.payload ?? new Uint8Array());
  if (!(beacon instanceof Map)) throw new Error("no map");
  const changed = (key: string | number, value?: CborItem): CborItem =>
    value === undefined ? new Map([...beacon].filter(([other]) => other !== key)) : new Map([...beacon, [key, value]]);
  t.equal(cddl.mismatch("beacon", changed("salt")), "beacon: salt is missing");
  t.equal(cddl.mismatch("beacon", changed(1)), "beacon: iss is missing");
  t.equal(cddl.mismatch("beacon", changed("height", "1")), "beacon.height: not within 0..9007199254740991");
  t.equal(cddl.mismatch("beacon", changed("height", 2n ** 53n)), "beacon.height: not within 0..9007199254740991");
  t.equal(cddl.mismatch("beacon", changed("salt", new Uint8Array(15))), "beacon.salt: not of 16 bytes");
  t.equal(cddl.mismatch("beacon", changed("more", 1)), "beacon: more is unknown");
  t.equal(cddl.mismatch("beacon", [1]), "beacon: not a map");
  t.equal(cddl.mismatch("tier", "Huge"), "tier: none of the choices of tier");
  t.equal(cddl.mismatch("argument", "y".repeat(1025)), "argument: not like [\\p{Cc}\\P{Cc}]{0,1024}");
  t.equal(cddl.mismatch("envelope", []), "envelope: not tag 18");
  t.equal(cddl.mismatch("open-int", -(2n ** 64n)), "open-int: none of the choices of open-int");
  t.equal(cddl.mismatch("open-int", 1n - 2n ** 64n), undefined);
  t.equal(
    cddl.mismatch(
      "measure-spec",
      new Map<string, CborItem>([
        ["method", "ping"],
        ["targets", []],
      ]),
    ),
    "measure-spec.targets: fewer than 1 items",
  );
  t.throws(() => cddl.mismatch("no-such-rule", 1), /neither a rule nor a type/);
  t.end();
});

function toMap(object: WireObject): CborValue {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined);
  return new Map(entries.map(([name, value]) => [name, toValue(value as NonNullable<typeof value>)]));
}

function toValue(value: NonNullable<WireObject[string]>): CborValue {
  if (Array.isArray(value)) return value.map(toValue);
  return typeof value === "object" && !(value instanceof Uint8Array) ? toMap(value as WireObject) : (value as CborValue);
}
