import { concatBytes, sha256 } from "../../base/index.ts";
import { NO_USAGE, type Usage, type WireObject } from "../../protocol/index.ts";

/** A kind of work of the tests: what is asked for, and what an honest node answers and uses. */
export interface SampleWork {
  readonly name: string;
  readonly kind: "measure" | "store" | "compute";
  readonly spec: WireObject;
  readonly evidence: WireObject;
  readonly usage: Usage;
  /** How long it runs, in milliseconds. */
  readonly ranMs: number;
}

const MIB = 2 ** 20;

/** The content that the store's work is about, and its hash. */
export const CONTENT: Uint8Array = Uint8Array.from({ length: 65_536 }, (_, index) => (index * 31) % 251);
export const BLOB: Uint8Array = sha256(CONTENT);
export const SALT: Uint8Array = new Uint8Array(16).fill(9);

/** A range of the content, as this bookkeeper's own copy answers it. */
export function readSampleContent(blob: Uint8Array, offset: number, length: number): Uint8Array | undefined {
  if (Buffer.compare(blob, BLOB) !== 0 || offset + length > CONTENT.length) return undefined;
  return CONTENT.subarray(offset, offset + length);
}

const TARGETS = ["a.example:443", "b.example:443"];
const OUTPUT = Buffer.from("148933\n");
const LIMITS = { wallMs: 60_000, cpuMs: 30_000, memoryBytes: 32 * MIB, outputBytes: 64 };

export const MEASURE: SampleWork = {
  name: "measure",
  kind: "measure",
  spec: { method: "tcp", targets: TARGETS, count: 3, timeoutMs: 3_000 },
  evidence: {
    method: "tcp",
    instrument: "bonusnode tcp",
    results: TARGETS.map((target) => ({ target, address: "203.0.113.9", sent: 3, rttMicros: [12_000, 11_000, 13_000] })),
  },
  usage: { ...NO_USAGE, cpuMicros: 350_000n, memoryByteSeconds: 60_000_000n, upBytes: 1_800n, downBytes: 2_400n },
  ranMs: 1_000,
};

export const PUT: SampleWork = {
  name: "put",
  kind: "store",
  spec: { op: "put", blob: BLOB, size: CONTENT.length, url: "http://blobs.example/x" },
  evidence: { op: "put", blob: BLOB, size: CONTENT.length },
  usage: { ...NO_USAGE, cpuMicros: 5_000n, upBytes: 300n, downBytes: 66_000n },
  ranMs: 500,
};

export const GET: SampleWork = {
  name: "get",
  kind: "store",
  spec: { op: "get", blob: BLOB, offset: 100, length: 50 },
  evidence: { op: "get", blob: BLOB, offset: 100, data: CONTENT.subarray(100, 150) },
  usage: { ...NO_USAGE, cpuMicros: 1_000n },
  ranMs: 10,
};

export const PROVE: SampleWork = {
  name: "prove",
  kind: "store",
  spec: { op: "prove", blob: BLOB, offset: 4_000, length: 1_000, salt: SALT },
  evidence: { op: "prove", blob: BLOB, answer: sha256(concatBytes(SALT, CONTENT.subarray(4_000, 5_000))) },
  usage: { ...NO_USAGE, cpuMicros: 1_000n },
  ranMs: 10,
};

export const DELETE: SampleWork = {
  name: "delete",
  kind: "store",
  spec: { op: "delete", blob: BLOB },
  evidence: { op: "delete", blob: BLOB, existed: true },
  usage: { ...NO_USAGE, cpuMicros: 1_000n },
  ranMs: 10,
};

export const COMPUTE: SampleWork = {
  name: "compute",
  kind: "compute",
  spec: { module: BLOB, args: ["1"], seed: new Uint8Array(32), epochSeconds: 1, limits: LIMITS, isolation: "namespaces" },
  evidence: {
    isolation: { level: "namespaces", mechanism: "bubblewrap" },
    engine: "V8 13.6 x64 preview1/1",
    exitCode: 0,
    stdoutHash: sha256(OUTPUT),
    stdoutSize: OUTPUT.length,
    stdout: OUTPUT,
    stderr: new Uint8Array(),
    peakMemoryBytes: 60 * MIB,
  },
  usage: { ...NO_USAGE, cpuMicros: 2_000_000n, memoryByteSeconds: 100_000_000n },
  ranMs: 3_000,
};

/** Every kind of work. */
export const ALL_WORK: readonly SampleWork[] = [MEASURE, PUT, GET, PROVE, DELETE, COMPUTE];
