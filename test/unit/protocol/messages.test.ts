/**
 * Every claim of every message has one type, one range and one name, and a message that breaks any of it is refused with words that say
 * which. Each sample is changed in every place, and the doors (role, key, network, issuer) are tried one by one.
 */
import { test } from "tap";
import { toHex } from "../../../base/index.ts";
import {
  assignmentMessage,
  type CborValue,
  challengeMessage,
  decodeCanonical,
  descriptorMessage,
  encodeCanonical,
  type MessageType,
  NO_USAGE,
  nodeEd25519,
  parseStoreEvidence,
  parseStoreSpec,
  proofMessage,
  ROLES,
  seal,
  stateMessage,
} from "../../../protocol/index.ts";
import { descriptorBody, proofs, stateBody } from "../../fixtures/protocol/sample-answers.ts";
import { assignments, bytesOf, challengeBody } from "../../fixtures/protocol/sample-commands.ts";
import { KEYS, NETWORK } from "../../fixtures/protocol/sample-keys.ts";
import { MESSAGES, SAMPLES, sampleNamed } from "../../fixtures/protocol/samples.ts";
import { mutantsOf } from "./value-mutations.ts";

const NAMES: ReadonlyMap<number, string> = new Map([
  [1, "issuer"],
  [4, "expiresAt"],
  [6, "issuedAt"],
  [10, "nonce"],
  [261, "uptimeSeconds"],
  [267, "bootCount"],
  [268, "bootSeed"],
  [271, "software"],
]);

function claimsOf(payload: Uint8Array): Map<string | number, CborValue> {
  const decoded = decodeCanonical(payload);
  if (!decoded.ok || !(decoded.value instanceof Map)) throw new Error("no claims");
  return new Map(decoded.value);
}

/** What a refusal has to call the place of a change by. */
function nameIn(path: readonly (string | number)[], what: string): string {
  const last = path.at(-1);
  if (last === undefined) return "claim";
  if (what === "added" && typeof last === "number") return `unknown claim ${last}`;
  const names = path.map((part, depth) => (depth === 0 && typeof part === "number" ? NAMES.get(part) : part));
  return String(names.filter((part) => typeof part === "string").at(-1));
}

const keyOf = (signer: keyof typeof KEYS) => () => KEYS[signer].publicKey;

test("claims that the CWT registry numbers go by those numbers, and all others by name", (t) => {
  for (const { name, payload } of SAMPLES) {
    const keys = [...claimsOf(payload).keys()];
    t.ok(
      keys.filter((key) => typeof key === "number").every((key) => NAMES.has(key)),
      name,
    );
    t.ok(keys.includes(1) && keys.includes(6), `${name} has an issuer and a time`);
  }
  t.same(
    [...claimsOf(sampleNamed("proof-compute").payload).keys()].filter((key) => typeof key === "number"),
    [1, 6, 10, 261, 267, 268, 271],
  );
  t.same(
    [...claimsOf(sampleNamed("challenge").payload).keys()].filter((key) => typeof key === "number"),
    [1, 4, 6, 10],
  );
  t.end();
});

test("whatever is wrong with a claim, the refusal is bad-claims and names it", (t) => {
  let refused = 0;
  for (const { name: sample, role, payload } of SAMPLES) {
    const unnamed: string[] = [];
    for (const { path, what, value } of mutantsOf(claimsOf(payload))) {
      const decoded = MESSAGES[role].decode(encodeCanonical(value));
      if (decoded.ok) continue;
      refused += 1;
      const innermost = nameIn(path, what);
      const { code, message } = decoded.error;
      if (code !== "bad-claims" || !message.includes(innermost)) unnamed.push(`${path.join(".")} ${what}: ${code}: ${message}`);
    }
    t.same(unnamed.slice(0, 5), [], sample);
  }
  t.ok(refused > 20_000, `${refused} changes were refused`);
  t.end();
});

test("the words of a refusal", (t) => {
  const payload = claimsOf(sampleNamed("descriptor").payload);
  const facts = payload.get("facts");
  const limits = payload.get("limits");
  if (!(facts instanceof Map) || !(limits instanceof Map)) throw new Error("no maps");
  const words = (changes: readonly (readonly [string | number, CborValue | undefined])[]): string => {
    const claims = new Map(payload);
    for (const [key, value] of changes) {
      if (value === undefined) claims.delete(key);
      else claims.set(key, value);
    }
    const decoded = descriptorMessage.decode(encodeCanonical(claims));
    return decoded.ok ? "accepted" : decoded.error.message;
  };
  t.equal(words([]), "accepted");
  t.equal(words([["board", undefined]]), "descriptor: claim board is missing");
  t.equal(words([[1, undefined]]), "descriptor: claim issuer is missing");
  t.equal(words([["more", 1]]), "descriptor: unknown claim more");
  t.equal(words([[7, 1]]), "descriptor: unknown claim 7");
  t.equal(words([["issuer", new Uint8Array(32)]]), "descriptor: claim issuer goes by its number");
  t.equal(words([["board", 1]]), "descriptor: claim board: expected string");
  t.equal(words([["board", null]]), "descriptor: claim board: null stands for nothing here; leave the claim out");
  t.equal(words([[1, new Uint8Array(31)]]), "descriptor: claim issuer: expected 32 bytes");
  t.equal(words([[267, 0]]), "descriptor: claim bootCount: expected a whole number from 1 to 4294967295");
  t.equal(words([[6, 2n ** 53n]]), "descriptor: claim issuedAt: expected a whole number from 0 to 9007199254740991");
  t.equal(
    words([["facts", new Map([...facts, ["memoryBytes", -1]])]]),
    "descriptor: claim facts.memoryBytes: expected a whole number from 0 to 2^63-1",
  );
  t.equal(words([["tier", "Huge"]]), 'descriptor: claim tier: expected ("Lite" | "Normal" | "Super")');
  t.equal(words([["limits", []]]), "descriptor: claim limits: expected a map");
  t.equal(words([["board", "a\u001b[2Jb"]]), "descriptor: claim board: control characters are not allowed");
  t.equal(words([["board", ""]]), "descriptor: claim board: expected at least one character");
  t.equal(words([["board", "y".repeat(65)]]), "descriptor: claim board: expected at most 64 characters");
  t.equal(
    words([["\u001b[2J\u202e", 1]]),
    "descriptor: unknown claim \ufffd[2J\ufffd",
    "and a claim's name plays no tricks either",
  );
  t.ok(words([["y".repeat(60_000), 1]]).length < 200, "nor is it endless");
  t.end();
});

test("control characters are refused in every text", (t) => {
  const texts = new Set<string>();
  for (const { role, payload } of SAMPLES) {
    const claims = claimsOf(payload);
    const visit = (value: CborValue, path: readonly (string | number)[], wrap: (inner: CborValue) => CborValue): void => {
      if (typeof value === "string" && path[0] !== "spec" && path[0] !== "evidence") {
        texts.add(path.filter((part) => typeof part === "string").join("."));
        for (const character of ["\u0000", "\n", "\u001b", "\u007f", "\u0085", "\u009b"]) {
          const decoded = MESSAGES[role].decode(encodeCanonical(wrap(`${value}${character}`)));
          if (decoded.ok) t.fail(`${role}.${path.join(".")} takes ${JSON.stringify(character)}`);
        }
      }
      if (value instanceof Map)
        for (const [key, item] of value) visit(item, [...path, key], (inner) => wrap(new Map([...value, [key, inner]])));
      if (Array.isArray(value))
        for (const [index, item] of value.entries()) visit(item, [...path, index], (inner) => wrap(value.with(index, inner)));
    };
    visit(claims, [], (inner) => inner);
  }
  for (const text of [
    "board",
    "reasons",
    "facts.cpuModel",
    "measured.name",
    "detail",
    "kind",
    "isolation.mechanism",
    "limits.quietHours",
  ])
    t.ok(texts.has(text), `${text} was tried`);
  t.end();
});

test("characters are counted as code points, as every language can", (t) => {
  const withBoard = (board: string): boolean =>
    descriptorMessage.decode(descriptorMessage.encode({ ...descriptorBody, board })).ok;
  t.ok(withBoard("😀".repeat(64)));
  t.notOk(withBoard("😀".repeat(65)));
  t.ok(withBoard("ü".repeat(64)));
  t.notOk(withBoard("ü".repeat(65)));
  t.end();
});

test("an absent claim is left out, and read back as absent", (t) => {
  const { nonce: _nonce, ...withoutNonce } = stateBody;
  t.equal(toHex(stateMessage.encode({ ...withoutNonce, nonce: undefined })), toHex(stateMessage.encode(withoutNonce)));
  const decoded = stateMessage.decode(stateMessage.encode(withoutNonce));
  t.ok(decoded.ok && !("nonce" in decoded.value));
  t.end();
});

test("each role is refused at every other role's door", (t) => {
  for (const { name, role, signer, envelope } of SAMPLES) {
    const opened = ROLES.filter((door) => MESSAGES[door].open(envelope, NETWORK, keyOf(signer), nodeEd25519).ok);
    t.same(opened, [role], name);
    const other = ROLES.find((door) => door !== role) ?? "state";
    t.match(MESSAGES[other].open(envelope, NETWORK, keyOf(signer), nodeEd25519), { ok: false, error: { code: "wrong-role" } });
    t.match((MESSAGES[role] as MessageType<object>).open(envelope, "main", keyOf(signer), nodeEd25519), {
      ok: false,
      error: { code: "bad-signature" },
    });
  }
  t.end();
});

test("keys: one nobody knows, one that did not sign, one that is not the issuer", (t) => {
  const { envelope } = sampleNamed("proof-compute");
  t.match(
    proofMessage.open(envelope, NETWORK, () => undefined, nodeEd25519),
    { ok: false, error: { code: "unknown-key" } },
  );
  t.match(proofMessage.open(envelope, NETWORK, keyOf("stranger"), nodeEd25519), { ok: false, error: { code: "bad-signature" } });
  const forOther = proofMessage.seal({ ...proofs["proof-compute"], issuer: KEYS.stranger.publicKey }, NETWORK, KEYS.node);
  t.match(proofMessage.open(forOther, NETWORK, keyOf("node"), nodeEd25519), {
    ok: false,
    error: { code: "bad-claims", message: "its issuer is not the key that signed it" },
  });
  const asked: string[] = [];
  proofMessage.open(envelope, NETWORK, (keyId) => void asked.push(toHex(keyId)) as undefined, nodeEd25519);
  t.same(asked, [toHex(KEYS.node.keyId)], "the lookup is asked for the key id of the envelope");
  t.end();
});

test("the signature is looked at before the claims", (t) => {
  const broken = seal(Uint8Array.of(0xff), NETWORK, "proof", KEYS.node);
  t.match(proofMessage.open(broken, NETWORK, keyOf("node"), nodeEd25519), { ok: false, error: { code: "bad-cbor" } });
  t.match(proofMessage.open(broken, NETWORK, keyOf("stranger"), nodeEd25519), { ok: false, error: { code: "bad-signature" } });
  t.end();
});

test("what is opened holds no view into the bytes that came", (t) => {
  const bytes = new Uint8Array(sampleNamed("proof-store-get").envelope);
  const opened = proofMessage.open(bytes, NETWORK, keyOf("node"), nodeEd25519);
  if (!opened.ok) throw opened.error;
  bytes.fill(0);
  t.same(proofMessage.encode(opened.value.body), proofMessage.encode(proofs["proof-store-get"]));
  t.end();
});

test("a store's operations have their own claims and no other's", (t) => {
  const blob = bytesOf("blob");
  t.ok(parseStoreSpec({ op: "delete", blob }).ok);
  for (const [spec, words] of [
    [{ op: "delete", blob, size: 1 }, "spec: unknown claim size"],
    [{ op: "put", blob }, "spec: claim size is missing"],
    [{ op: "copy", blob }, "spec: claim op: expected"],
    [{ blob }, "spec: claim op: expected"],
    [{ op: "get", blob, offset: 0, length: 0 }, "spec: claim length: expected a whole number from 1 to 32768"],
    [{}, "spec: claim op: expected"],
  ] as const) {
    const parsed = parseStoreSpec(spec);
    t.match(parsed, { ok: false, error: { code: "bad-claims" } });
    if (!parsed.ok) t.ok(parsed.error.message.startsWith(words), parsed.error.message);
  }
  t.match(parseStoreEvidence({ op: "prove", blob }), { ok: false, error: { message: "evidence: claim answer is missing" } });
  t.end();
});

test("numbers are numbers, amounts are BigInt, whatever their size", (t) => {
  const body = { ...proofs["proof-store-put"], usage: { ...NO_USAGE, cpuMicros: 5n, upBytes: 2n ** 40n } };
  const decoded = proofMessage.decode(proofMessage.encode(body));
  t.ok(decoded.ok && decoded.value.usage.cpuMicros === 5n && decoded.value.usage.upBytes === 2n ** 40n);
  const late = assignmentMessage.decode(assignmentMessage.encode({ ...assignments["assignment-compute"], expiresAt: 2 ** 40 }));
  t.ok(late.ok && late.value.expiresAt === 2 ** 40);
  const challenge = challengeMessage.decode(challengeMessage.encode(challengeBody));
  t.ok(challenge.ok && challenge.value.offset === 16n && challenge.value.length === 32);
  t.end();
});
