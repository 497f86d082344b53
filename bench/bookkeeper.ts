import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeSeededRandom, makeSystemClock, sha256, silentLog } from "../base/index.ts";
import { makeDescriptors } from "../bookkeeper/intake/descriptors.ts";
import { makeIntake } from "../bookkeeper/intake/intake.ts";
import { makeSenders, type Sender } from "../bookkeeper/intake/sender.ts";
import { type Ledger, openLedger } from "../bookkeeper/ledger/ledger-store.ts";
import { MAX_BATCH } from "../bookkeeper/limits.ts";
import {
  assignmentMessage,
  descriptorMessage,
  encodeObject,
  loadEd25519,
  makeSigningKey,
  NO_USAGE,
  type Proof,
  parseEnvelope,
  proofMessage,
  type SigningKey,
  sigStructure,
  type WireObject,
} from "../protocol/index.ts";

/*
 * The bookkeeper's intake beside what it cannot do without. In one process and in turns, a batch each: sodium verifies the bare signatures of
 * the proofs, and intake takes the same proofs in: parsed, verified, judged, recorded and receipted in a ledger on disk, synced.
 */

const NETWORK = "bench";
const PROOFS = 10 * MAX_BATCH;
const REPETITIONS = 5;
const MIB = 2 ** 20;
const BLOB = new Uint8Array(4096).fill(7);

interface Shape {
  readonly name: string;
  readonly nodes: number;
  readonly kinds: readonly ("measure" | "store" | "compute")[];
}

const SHAPES: readonly Shape[] = [
  { name: "1 node, proofs in long runs", nodes: 1, kinds: ["measure"] },
  { name: "1000 nodes, one proof each", nodes: 1000, kinds: ["measure"] },
  { name: "50 nodes, kinds mixed", nodes: 50, kinds: ["measure", "store", "compute"] },
];

/** CPU of the whole process (SQLite's writes and syncs included) and time passed, in microseconds. */
interface Cost {
  cpu: number;
  wall: number;
}

interface Turn {
  readonly bare: Cost;
  readonly intake: Cost;
}

/** Prints a table of intake against the bare verify rate: proofs verified and recorded for each signature verified. */
export async function benchBookkeeper(print: (line: string) => void): Promise<void> {
  print(`bookkeeper: ${PROOFS} proofs a turn, ${REPETITIONS} turns each; microseconds a proof, of CPU and of time`);
  print(row("", "bare verify", "intake", "ratio best", "median"));
  // The first turn compiles the code, and does not count.
  await runTurn(SHAPES[2] ?? { name: "", nodes: 1, kinds: ["measure"] }, 0);
  const turns = new Map<Shape, Turn[]>(SHAPES.map((shape) => [shape, []]));
  for (let repetition = 1; repetition <= REPETITIONS; repetition++) {
    for (const [shape, found] of turns) found.push(await runTurn(shape, repetition));
  }
  for (const [shape, found] of turns) {
    const ratios = found.map(({ bare, intake }) => bare.cpu / intake.cpu).sort((left, right) => right - left);
    const median = (pick: (turn: Turn) => Cost): string => {
      const costs = found.map(pick).sort((left, right) => left.cpu - right.cpu);
      const { cpu, wall } = costs[Math.floor(costs.length / 2)] ?? { cpu: 0, wall: 0 };
      return `${(cpu / PROOFS).toFixed(0)} / ${(wall / PROOFS).toFixed(0)}`;
    };
    const middle = ratios[Math.floor(ratios.length / 2)] ?? 0;
    const bare = median((turn) => turn.bare);
    const intake = median((turn) => turn.intake);
    print(row(shape.name, bare, intake, (ratios[0] ?? 0).toFixed(2), middle.toFixed(2)));
  }
}

function row(name: string, ...columns: readonly string[]): string {
  return `  ${name.padEnd(28)}${columns.map((column) => column.padStart(14)).join("")}`;
}

async function runTurn(shape: Shape, seed: number): Promise<Turn> {
  const verify = await loadBareVerify();
  const directory = mkdtempSync(join(tmpdir(), "bonusnode-bench-"));
  const ledger = openLedger(join(directory, "ledger.db"));
  try {
    const { key, messages } = await prepare(ledger, shape, seed);
    const { take, accepted } = await openIntake(ledger, key);
    const cost = { bare: { cpu: 0, wall: 0 }, intake: { cpu: 0, wall: 0 } };
    for (let from = 0; from < messages.length; from += MAX_BATCH) {
      const batch = messages.slice(from, from + MAX_BATCH);
      await add(cost.bare, () => {
        for (const { signature, signed, sender } of batch)
          if (!verify(signature, signed, sender.key)) throw new Error("bad signature");
      });
      await add(cost.intake, () => Promise.all(batch.map(({ sender, envelope }) => take(sender, envelope, Date.now()))));
    }
    if (accepted() !== messages.length) throw new Error(`intake accepted ${accepted()} proofs of ${messages.length}`);
    return cost;
  } finally {
    ledger.close();
    rmSync(directory, { recursive: true });
  }
}

async function add(cost: Cost, work: () => unknown): Promise<void> {
  const [before, at] = [process.cpuUsage(), performance.now()];
  await work();
  const { user, system } = process.cpuUsage(before);
  cost.cpu += user + system;
  cost.wall += (performance.now() - at) * 1000;
}

type Verify = (signature: Uint8Array, message: Uint8Array, key: Uint8Array) => boolean;

async function loadBareVerify(): Promise<Verify> {
  const loaded = (await import("sodium-native" as string)) as { default: { crypto_sign_verify_detached: Verify } };
  return loaded.default.crypto_sign_verify_detached;
}

async function openIntake(ledger: Ledger, key: SigningKey) {
  const { ed25519 } = await loadEd25519();
  let accepted = 0;
  const clock = makeSystemClock();
  const nothing = (): void => undefined;
  const { take } = makeIntake(
    {
      ...{ ledger, key, ed25519, clock, random: makeSeededRandom(1), log: silentLog, descriptors: makeDescriptors(ledger) },
      ...{ publish: nothing, onOther: nothing, disbelieve: nothing, onAnswered: nothing },
      emit: (event) => {
        if (event.type === "verified") accepted += 1;
      },
      readContent: () => BLOB,
    },
    { network: NETWORK, recheckShare: 0 },
  );
  return { take, accepted: () => accepted };
}

interface Prepared {
  readonly sender: Sender;
  readonly envelope: Uint8Array;
  readonly signature: Buffer;
  readonly signed: Buffer;
}

/** A ledger with nodes, assignments and beacons, and the proofs that answer them all. */
async function prepare(ledger: Ledger, shape: Shape, seed: number): Promise<{ key: SigningKey; messages: Prepared[] }> {
  const { ed25519 } = await loadEd25519();
  const random = makeSeededRandom(seed);
  const key = makeSigningKey(random.bytes(32), ed25519);
  const nodes = Array.from({ length: shape.nodes }, () => makeBenchNode(makeSigningKey(random.bytes(32), ed25519)));
  const nowMs = Date.now();
  const beacon = random.bytes(32);
  const messages: Prepared[] = [];
  ledger.transaction(() => {
    const toml = readFileSync(new URL("../bookkeeper/policies/contribution-1.toml", import.meta.url), "utf8");
    ledger.records.append({ type: "policy", atMs: nowMs, toml });
    ledger.beacons.insert(1, beacon, nowMs);
    for (const node of nodes) node.register(ledger, beacon, nowMs);
    for (let index = 0; index < PROOFS; index++) {
      const node = nodes[index % nodes.length];
      const kind = shape.kinds[index % shape.kinds.length];
      if (node === undefined || kind === undefined) throw new Error("a shape has nodes and kinds");
      const id = random.bytes(16);
      const { spec, evidence } = workOf(kind);
      const times = { issuedAt: Math.floor(nowMs / 1000), expiresAt: Math.floor(nowMs / 1000) + 600 };
      const claims = { issuer: key.publicKey, ...times, nonce: beacon, id, node: node.key.publicKey, kind, spec };
      const envelope = assignmentMessage.seal({ ...claims, minTier: "Lite", maxAttempts: 3 }, NETWORK, key);
      const dates = { issuedAtMs: nowMs - 60_000, expiresAtMs: nowMs + 600_000, nextSendMs: nowMs, beaconHeight: 1 };
      const issued = { spec, maxAttempts: 3 };
      ledger.assignments.insert({
        id,
        node: node.key.publicKey,
        role: "assignment",
        kind,
        item: "x",
        envelope,
        issued,
        ...dates,
      });
      messages.push(node.prove({ bookkeeper: key.publicKey, assignment: id, kind, nonce: beacon, evidence }));
    }
  });
  return { key, messages };
}

function makeBenchNode(key: SigningKey) {
  const sender = makeSenders().of(key.id);
  if (sender === undefined) throw new Error("a key has an id");
  const claims = { issuer: key.publicKey, issuedAt: 1_800_000_000, clock: "beacon", bootCount: 1 } as const;
  const common = { ...claims, uptimeSeconds: 300, bootSeed: new Uint8Array(32), software: ["0.1.0"] };
  let seq = 0;
  let prev: Uint8Array = new Uint8Array(32);
  return {
    key,
    register: (ledger: Ledger, nonce: Uint8Array, nowMs: number): void => {
      const facts = { arch: "x64", logicalCpus: 4, effectiveMilliCpus: 4000, gpus: 0, linkBitsPerSecond: 10n ** 9n };
      const body = {
        ...{ ...common, nonce, board: "generic-pc", tier: "Normal" as const, reasons: [], measured: [], capabilities: [] },
        facts: { ...facts, memoryBytes: 2n ** 33n, diskFreeBytes: 2n ** 36n },
        kinds: ["measure", "store", "compute"],
        limits: {},
      };
      const envelope = descriptorMessage.seal(body, NETWORK, key);
      ledger.nodes.register(key.publicKey, envelope, sha256(descriptorMessage.encode(body)));
      ledger.placements.place({ node: key.publicKey, blob: sha256(BLOB), size: 4096, placedMs: nowMs - 60_000, item: "x" });
    },
    prove: (answer: Pick<Proof, "bookkeeper" | "assignment" | "kind" | "nonce" | "evidence">): Prepared => {
      seq += 1;
      const usage = { ...NO_USAGE, cpuMicros: 400_000n, memoryByteSeconds: 50_000_000n, upBytes: 1_200n, downBytes: 2_400n };
      const interval = { bootCount: 1, fromMs: 200_000, toMs: 201_500 };
      const done = {
        attempt: 1,
        seq,
        prev,
        interval,
        usage,
        outcome: "done",
        result: sha256(encodeObject(answer.evidence)),
      } as const;
      const envelope = proofMessage.seal({ ...common, ...answer, ...done }, NETWORK, key);
      const parsed = parseEnvelope(envelope);
      if (!parsed.ok) throw parsed.error;
      const { protectedBytes, payload, signature } = parsed.value;
      prev = sha256(payload);
      const signed = sigStructure(protectedBytes, Buffer.from(`bonus/1|${NETWORK}|proof`), payload);
      return { sender, envelope, signature: Buffer.from(signature), signed: Buffer.from(signed) };
    },
  };
}

function workOf(kind: Shape["kinds"][number]): { spec: WireObject; evidence: WireObject } {
  const blob = sha256(BLOB);
  if (kind === "measure") {
    const targets = ["example.com:443", "example.org:443"];
    const results = targets.map((target) => ({ target, address: "203.0.113.9", sent: 3, rttMicros: [12_000, 11_500, 13_000] }));
    const spec = { method: "tcp", targets, count: 3, timeoutMs: 3_000 };
    return { spec, evidence: { method: "tcp", instrument: "bonusnode tcp", results } };
  }
  if (kind === "store") {
    const salt = new Uint8Array(16);
    const evidence = { op: "prove", blob, answer: sha256(Buffer.concat([salt, BLOB])) };
    return { spec: { op: "prove", blob, offset: 0, length: BLOB.length, salt }, evidence };
  }
  const limits = { wallMs: 60_000, cpuMs: 30_000, memoryBytes: 32 * MIB, outputBytes: 65_536 };
  const stdout = Buffer.from("148933\n");
  const isolation = { level: "namespaces", mechanism: "bubblewrap" };
  const output = { exitCode: 0, stdoutHash: sha256(stdout), stdoutSize: stdout.length, stdout, stderr: new Uint8Array() };
  return {
    spec: { module: blob, args: ["2000000"], seed: new Uint8Array(32), epochSeconds: 1, limits, isolation: "namespaces" },
    evidence: { isolation, engine: "V8 13.6 x64 preview1/1", ...output, peakMemoryBytes: 60 * MIB },
  };
}

if (import.meta.main) await benchBookkeeper((line) => process.stdout.write(`${line}\n`));
