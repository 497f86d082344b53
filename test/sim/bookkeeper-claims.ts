import type { Placement } from "../../bookkeeper/ledger/placements-store.ts";
import type { Claim } from "../../bookkeeper/verify/verifier.ts";
import { type Descriptor, decodeObject, encodeObject, type Proof, proofMessage, type WireObject } from "../../protocol/index.ts";
import { FACTS } from "./bookkeeper-node.ts";
import { CONTENT, readSampleContent, type SampleWork } from "./bookkeeper-work.ts";

/** When the claims of tests were issued, and how long ago that is when the proof arrives. */
export const ISSUED_MS = 1_790_000_000_000;
const RECEIVED_AFTER_MS = 60_000;

/** Where a claim differs from the honest one. */
export interface ClaimChanges {
  readonly proof?: Partial<Proof>;
  readonly usage?: Partial<Proof["usage"]>;
  readonly evidence?: WireObject;
  readonly spec?: WireObject;
  readonly facts?: Partial<Descriptor["facts"]>;
  readonly receivedAtMs?: number;
  readonly placement?: Omit<Placement, "node" | "blob" | "item"> | "none";
  readonly readContent?: Claim["readContent"];
}

/** What a verifier sees of a proof of this work: of an honest one, but for the changes. All of it as it comes off the wire. */
export function claimOf(work: SampleWork, changes: ClaimChanges = {}): Claim {
  const node = new Uint8Array(32).fill(1);
  const bytes = (length: number): Uint8Array => new Uint8Array(length);
  const proof: Proof = {
    ...{ issuer: node, issuedAt: 1, clock: "beacon", uptimeSeconds: 100, bootCount: 3, bootSeed: bytes(32), software: ["0.1.0"] },
    ...{ bookkeeper: bytes(32), assignment: bytes(16), kind: work.kind, attempt: 1, seq: 1, prev: bytes(32), outcome: "done" },
    interval: { bootCount: 3, fromMs: 5_000, toMs: 5_000 + work.ranMs },
    usage: { ...work.usage, ...changes.usage },
    result: bytes(32),
    evidence: { ...work.evidence, ...changes.evidence },
    ...changes.proof,
  };
  const terms = { id: bytes(16), node, kind: work.kind, item: "item", issuedAtMs: ISSUED_MS, beaconHeight: 1 };
  const placed = changes.placement ?? { size: CONTENT.length, placedMs: ISSUED_MS - 600_000, claimed: 0n };
  return {
    proof: overTheWire(proof),
    assignment: { ...terms, state: "issued" },
    spec: read({ ...work.spec, ...changes.spec }),
    maxAttempts: 3,
    descriptor: describe(changes.facts),
    receivedAtMs: changes.receivedAtMs ?? ISSUED_MS + RECEIVED_AFTER_MS,
    placement: (blob) => (placed === "none" ? undefined : { node, blob, ...placed }),
    readContent: changes.readContent ?? readSampleContent,
  };
}

function overTheWire(proof: Proof): Proof {
  const decoded = proofMessage.decode(proofMessage.encode(proof));
  if (!decoded.ok) throw decoded.error;
  return decoded.value;
}

function read(object: WireObject): WireObject {
  const decoded = decodeObject(encodeObject(object));
  if (!decoded.ok) throw decoded.error;
  return decoded.value;
}

function describe(facts: Partial<Descriptor["facts"]> = {}): Descriptor {
  const about = { issuer: new Uint8Array(32), issuedAt: 1, clock: "beacon", uptimeSeconds: 1, bootCount: 1 } as const;
  const lists = { reasons: [], policy: 2, power: 1_000, measured: [], kinds: [], capabilities: [] };
  const machine = { board: "generic-pc", tier: "Normal", facts: { ...FACTS, ...facts } } as const;
  return { ...about, ...lists, ...machine, bootSeed: new Uint8Array(32), software: ["0.1.0"], limits: {} };
}
