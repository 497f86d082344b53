import fc from "fast-check";
import {
  type Assignment,
  type Beacon,
  type CborValue,
  type Challenge,
  type Descriptor,
  FAILURE_REASONS,
  ISOLATION_LEVELS,
  type Proof,
  RECEIPT_REASONS,
  REFUSAL_REASONS,
  type Receipt,
  type Refusal,
  type SignedFigure,
  type State,
  TIERS,
  type WireObject,
} from "../../../protocol/index.ts";

/** Random valid messages, absent claims, extreme numbers and long texts among them. */

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const hash = bytes(32);
const count = (max = Number.MAX_SAFE_INTEGER, min = 0) =>
  fc.oneof(fc.constantFrom(min, max), fc.maxSafeInteger()).map((n) => clamp(n, min, max));
const amount = fc.oneof(
  fc.constantFrom(0n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n, 2n ** 63n - 1n),
  fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
);
const ordinal = count(2 ** 32 - 1, 1);

function clamp(value: number, min: number, max: number): number {
  return min + (Math.abs(value) % (max - min + 1));
}

/** Text as claims allow it, of every plane of Unicode. */
const text = (max: number) =>
  fc
    .string({ unit: "binary", minLength: 1, maxLength: max })
    .map((value) => value.replace(/\p{Cc}/gu, "-"))
    .filter((value) => value !== "");

/** A body with some of its optional claims left out, or there but undefined, which is the same. */
function withOptional<Required extends object, Optional extends object>(
  required: { [Key in keyof Required]: fc.Arbitrary<Required[Key]> },
  optional: { [Key in keyof Optional]: fc.Arbitrary<Optional[Key]> },
) {
  return fc.tuple(fc.record(required), fc.record(optional, { requiredKeys: [] })).map(([left, right]) => ({ ...left, ...right }));
}

/** What an open map may hold. */
export const openMap: fc.Arbitrary<WireObject> = fc.letrec<{ map: WireObject; value: WireObject[string] }>((tie) => ({
  map: fc.dictionary(fc.oneof(text(12), fc.constantFrom("__proto__", "constructor", "issuer")), tie("value"), {
    maxKeys: 5,
    noNullPrototype: false,
  }) as fc.Arbitrary<WireObject>,
  value: fc.oneof(
    { depthSize: "small", maxDepth: 10 },
    fc.oneof(
      fc.integer(),
      fc.bigInt({ min: 2n ** 32n, max: 2n ** 64n - 1n }),
      fc.string({ unit: "binary" }),
      fc.uint8Array(),
      fc.boolean(),
    ),
    fc.array(tie("value"), { maxLength: 4 }),
    tie("map"),
  ) as fc.Arbitrary<WireObject[string]>,
})).map;

const isolation = fc.record({ level: fc.constantFrom(...ISOLATION_LEVELS), mechanism: text(64) });
const usage = fc.record({
  cpuMicros: amount,
  memoryByteSeconds: amount,
  upBytes: amount,
  downBytes: amount,
  diskByteSeconds: amount,
});

const nodeRequired = {
  issuer: hash,
  issuedAt: count(),
  clock: fc.constantFrom("unset" as const, "system" as const, "beacon" as const),
  uptimeSeconds: count(),
  bootCount: ordinal,
  bootSeed: hash,
  software: text(64).map((version) => [version]),
};
const nodeOptional = { nonce: hash };

const figure: fc.Arbitrary<SignedFigure> = fc.record({
  name: text(64),
  version: count(65_536, 1),
  value: amount,
  unit: text(32),
  spreadPercent: count(100),
  durationMs: count(2 ** 32 - 1),
  conditions: withOptional(
    {},
    {
      threads: count(65_536),
      gotMilliCpus: count(65_536_000),
      othersMilliCpus: count(65_536_000),
      stealPermille: count(1000),
      loadMilli: count(2 ** 32 - 1),
      milliCelsius: count(1_000_000),
      governor: text(32),
      doubtful: text(32),
    },
  ),
});

const descriptor: fc.Arbitrary<Descriptor> = withOptional(
  {
    ...nodeRequired,
    board: text(64),
    tier: fc.constantFrom(...TIERS),
    reasons: fc.array(text(256), { maxLength: 4 }),
    facts: withOptional(
      {
        arch: text(32),
        logicalCpus: count(65_536, 1),
        effectiveMilliCpus: count(65_536_000),
        memoryBytes: amount,
        diskFreeBytes: amount,
        gpus: count(256),
      },
      { cpuModel: text(128), diskKind: text(16), linkBitsPerSecond: amount },
    ),
    policy: count(65_536, 1),
    power: count(2 ** 32 - 1),
    measured: fc.array(figure, { maxLength: 8 }),
    kinds: fc.array(text(32), { maxLength: 32 }),
    capabilities: fc.array(withOptional({ name: text(32), available: fc.boolean() }, { why: text(256) }), { maxLength: 4 }),
    limits: withOptional(
      {},
      {
        cpuMilli: count(65_536_000),
        memoryBytes: amount,
        diskBytes: amount,
        upBitsPerSecond: amount,
        downBitsPerSecond: amount,
        bytesPerDay: amount,
        quietHours: text(32),
      },
    ),
  },
  { ...nodeOptional, measuredAfter: hash, isolation },
);
const state: fc.Arbitrary<State> = withOptional({ ...nodeRequired, online: fc.boolean(), outbox: count() }, nodeOptional);

const command = { issuer: hash, issuedAt: count(), expiresAt: count(), nonce: hash, id: bytes(16), node: hash };
const assignment: fc.Arbitrary<Assignment> = fc.record({
  ...command,
  kind: text(32),
  spec: openMap,
  minTier: fc.constantFrom(...TIERS),
  maxAttempts: count(10, 1),
});
const challenge: fc.Arbitrary<Challenge> = fc.record({
  ...command,
  blob: hash,
  offset: amount,
  length: count(32_768, 1),
  salt: bytes(16),
});

const proof: fc.Arbitrary<Proof> = withOptional(
  {
    ...nodeRequired,
    bookkeeper: hash,
    assignment: bytes(16),
    kind: text(32),
    attempt: count(10, 1),
    seq: ordinal,
    prev: hash,
    interval: fc.record({ bootCount: ordinal, fromMs: count(), toMs: count() }),
    usage,
    outcome: fc.constantFrom("done" as const, "failed" as const),
    result: hash,
    evidence: openMap,
  },
  { ...nodeOptional, reason: fc.constantFrom(...FAILURE_REASONS), detail: text(256) },
);
const refusal: fc.Arbitrary<Refusal> = withOptional(
  { ...nodeRequired, refused: hash, reason: fc.constantFrom(...REFUSAL_REASONS) },
  { ...nodeOptional, assignment: bytes(16), detail: text(256) },
);
const receipt: fc.Arbitrary<Receipt> = withOptional(
  {
    issuer: hash,
    issuedAt: count(),
    node: hash,
    subject: fc.constantFrom("descriptor" as const, "proof" as const),
    status: fc.constantFrom("accepted" as const, "refused" as const, "gap" as const),
    receivedAtMs: count(),
  },
  {
    bootCount: ordinal,
    fromSeq: ordinal,
    toSeq: ordinal,
    hash,
    reason: fc.constantFrom(...RECEIPT_REASONS),
    detail: text(256),
    head: fc.record({ bootCount: ordinal, seq: ordinal, hash }),
    tier: fc.constantFrom(...TIERS),
    credited: amount,
    total: amount,
  },
);
const beacon: fc.Arbitrary<Beacon> = fc.record({ issuer: hash, issuedAt: count(), height: count(), prev: hash, salt: bytes(16) });

/** Random bodies of each role. */
export const BODIES = { descriptor, state, assignment, challenge, proof, refusal, receipt, beacon } as const;

/** Anything that `encodeCanonical` takes. */
export const cborValue: fc.Arbitrary<CborValue> = fc.letrec<{ value: CborValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", maxDepth: 12 },
    fc.oneof(
      fc.maxSafeInteger(),
      fc.integer(),
      fc.integer({ min: -300, max: 300 }),
      fc.bigInt({ min: 1n - 2n ** 64n, max: 2n ** 64n - 1n }),
      fc.string({ unit: "binary", maxLength: 40 }),
      fc.uint8Array({ maxLength: 40 }),
      fc.boolean(),
      fc.constant(null),
    ),
    fc.array(tie("value"), { maxLength: 6 }),
    fc
      .array(
        fc.tuple(
          fc.oneof(fc.integer({ min: -300, max: 300 }), fc.integer(), fc.string({ unit: "binary", maxLength: 12 })),
          tie("value"),
        ),
        {
          maxLength: 6,
        },
      )
      .map((entries) => new Map(entries)),
  ) as fc.Arbitrary<CborValue>,
})).value;
