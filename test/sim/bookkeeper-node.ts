import { type Random, sha256 } from "../../base/index.ts";
import { makeSenders, type Sender } from "../../bookkeeper/intake/sender.ts";
import {
  type Descriptor,
  descriptorMessage,
  type Ed25519,
  encodeObject,
  makeSigningKey,
  NO_USAGE,
  type Proof,
  proofMessage,
  type Refusal,
  refusalMessage,
  type SigningKey,
  type State,
  stateMessage,
} from "../../protocol/index.ts";

/** The network of all bookkeeper tests. */
export const NETWORK = "test";

/** A message as it goes over the wire, with the hash of its payload. */
export interface Signed<Body> {
  readonly body: Body;
  readonly hash: Uint8Array;
  readonly envelope: Uint8Array;
}

type ChainClaims = "issuer" | "issuedAt" | "clock" | "uptimeSeconds" | "bootCount" | "bootSeed" | "software" | "seq" | "prev";

/** What a proof says beyond its place in the chain; the result is filled in from the evidence. */
export type Answer = Omit<Proof, ChainClaims | "result" | "attempt" | "interval" | "usage" | "outcome"> & Partial<Proof>;

export type ModelNode = ReturnType<typeof makeModelNode>;

/** What a node of the tests says of its machine: four cores, 8 GiB, a gigabit link. */
export const FACTS: Descriptor["facts"] = {
  arch: "x64",
  logicalCpus: 4,
  effectiveMilliCpus: 4_000,
  memoryBytes: 8n * 2n ** 30n,
  diskFreeBytes: 2n ** 36n,
  gpus: 0,
  linkBitsPerSecond: 10n ** 9n,
};

/** A node that signs whatever a test asks it to, keeping one chain of proofs. */
export function makeModelNode(needs: { readonly ed25519: Ed25519; readonly random: Random }) {
  const key: SigningKey = makeSigningKey(needs.random.bytes(32), needs.ed25519);
  const sender = makeSenders().of(key.id) as Sender;
  let boot = { bootCount: 1, bootSeed: needs.random.bytes(32) };
  let head = { seq: 0, prev: new Uint8Array(32) as Uint8Array };
  let uptimeSeconds = 10;

  const claims = () => ({
    issuer: key.publicKey,
    issuedAt: 1_790_000_000,
    clock: "beacon" as const,
    uptimeSeconds,
    ...boot,
    software: ["0.1.0"],
  });

  const bodyOf = (answer: Answer, place: { seq: number; prev: Uint8Array }): Proof => ({
    ...claims(),
    attempt: 1,
    ...place,
    interval: { bootCount: boot.bootCount, fromMs: 1_000, toMs: 2_000 },
    usage: { ...NO_USAGE, cpuMicros: 100_000n, memoryByteSeconds: 1_000_000n },
    outcome: "done",
    result: sha256(encodeObject(answer.evidence)),
    ...answer,
  });

  const seal = (body: Proof): Signed<Proof> => ({
    body,
    hash: sha256(proofMessage.encode(body)),
    envelope: proofMessage.seal(body, NETWORK, key),
  });

  return {
    key,
    sender,
    /** Where the next proof goes. */
    get place() {
      return { bootCount: boot.bootCount, seq: head.seq + 1, prev: head.prev };
    },
    /** The next proof of the chain. */
    prove: (answer: Answer): Signed<Proof> => {
      const signed = seal(bodyOf(answer, { seq: head.seq + 1, prev: head.prev }));
      head = { seq: signed.body.seq, prev: signed.hash };
      return signed;
    },
    /** A proof at any place, which leaves the chain as it is. */
    sign: (answer: Answer): Signed<Proof> => seal(bodyOf(answer, { seq: head.seq + 1, prev: head.prev })),
    /** Starts again; the chain goes on with a higher count. */
    reboot: (bootCount = boot.bootCount + 1): void => {
      boot = { bootCount, bootSeed: needs.random.bytes(32) };
      head = { ...head, seq: 0 };
      uptimeSeconds = 1;
    },
    /** Goes on elsewhere: after this proof, or at the beginning. */
    continueAfter: (seq: number, prev: Uint8Array): void => {
      head = { seq, prev };
    },
    /** Time passes on the node. */
    wait: (seconds: number): void => {
      uptimeSeconds += seconds;
    },
    describe: (more: Partial<Descriptor> = {}): Signed<Descriptor> => {
      const tier: Descriptor["tier"] = "Normal";
      const lists = {
        reasons: [],
        policy: 2,
        power: 1_000,
        measured: [],
        capabilities: [],
        kinds: ["measure", "store", "compute"],
      };
      const body = { ...claims(), board: "generic-pc", tier, facts: FACTS, ...lists, limits: {}, ...more };
      const hash = sha256(descriptorMessage.encode(body));
      return { body, hash, envelope: descriptorMessage.seal(body, NETWORK, key) };
    },
    state: (more: Partial<State> = {}): Signed<State> => {
      const body = { ...claims(), online: true, outbox: 0, ...more };
      return { body, hash: sha256(stateMessage.encode(body)), envelope: stateMessage.seal(body, NETWORK, key) };
    },
    refuse: (refusal: Pick<Refusal, "reason"> & Partial<Refusal>): Uint8Array =>
      refusalMessage.seal({ ...claims(), refused: new Uint8Array(32), ...refusal }, NETWORK, key),
  };
}
