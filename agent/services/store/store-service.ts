import { classifyAddress, concatBytes, messageOf, sha256 } from "../../../base/index.ts";
import {
  type FailureReason,
  MAX_INLINE_BYTES,
  NO_USAGE,
  parseStoreSpec,
  type StoreSpec,
  type Usage,
  type WireObject,
} from "../../../protocol/index.ts";
import { AgentError } from "../../errors.ts";
import { MAX_BLOB_BYTES } from "../../limits.ts";
import type { AgentState } from "../../state-store.ts";
import { ADMIT, type NodeView, type Service, type ServiceOutcome, type TaskContext, type Verdict } from "../service.ts";
import type { BlobStore } from "./blob-store.ts";
import { type FetchBlob, parseFetchUrl } from "./transports/fetch.ts";

/** What the store works with. */
export interface StoreNeeds {
  readonly files: BlobStore;
  readonly index: AgentState["blobs"];
  readonly fetch: FetchBlob;
  /** Seconds of bookkeeper time, by which byte-seconds of disk are counted. */
  readonly networkSeconds: () => number;
  /** CPU time of this process so far, in microseconds. */
  readonly cpuMicros: () => number;
}

/** Whether literal private addresses may be fetched from. */
export interface StoreOptions {
  readonly allowPrivateTargets: boolean;
}

/**
 * Keeps immutable blobs under their SHA-256. CPU is that of the agent's process while it works (it does little else), traffic that of
 * the download's socket, and disk the byte-seconds since the blob's last proof: claimed when a challenge is answered and when the blob
 * is deleted, never twice, because the mark moves in the transaction that journals the claim.
 */
export function makeStoreService(needs: StoreNeeds, options: StoreOptions): Service<StoreSpec> {
  const execute = async (spec: StoreSpec, context: TaskContext): Promise<ServiceOutcome> => {
    const meter = startMeter(needs);
    try {
      switch (spec.op) {
        case "put":
          return await put(needs, spec, context, meter);
        case "get":
          return done({ op: "get", blob: spec.blob, offset: spec.offset, data: await readRange(needs, spec) }, meter.read());
        case "prove":
          return await prove(needs, spec, meter);
        case "delete":
          return await remove(needs, spec.blob, meter);
      }
    } catch (thrown) {
      const reason: FailureReason = context.signal.aborted
        ? "aborted"
        : thrown instanceof AgentError
          ? reasonOf(thrown)
          : "internal";
      return { kind: "failed", reason, detail: messageOf(thrown), evidence: {}, usage: meter.read() };
    }
  };
  return {
    kind: "store",
    capabilities: [],
    parse: parseStoreSpec,
    demand: (spec) => ({ memoryBytes: MAX_INLINE_BYTES, diskBytes: spec.op === "put" ? Number(spec.size) : 0 }),
    admit: (spec, node) => admitStore(spec, node, needs.index, options),
    execute,
    // Every operation leaves the same state when it is done twice.
    recover: () => "again",
  };
}

type Spec<Op extends StoreSpec["op"]> = Extract<StoreSpec, { op: Op }>;

function admitStore(spec: StoreSpec, node: NodeView, index: StoreNeeds["index"], options: StoreOptions): Verdict {
  const held = index.get(spec.blob);
  if (spec.op === "delete") return ADMIT;
  if (spec.op === "put") return admitPut(spec, node, held !== undefined, options);
  if (held === undefined) return { kind: "refuse", reason: "blob-unknown", detail: "this node does not hold the blob" };
  const end = spec.offset + BigInt(spec.length);
  return end <= BigInt(held.size)
    ? ADMIT
    : { kind: "refuse", reason: "bad-spec", detail: `the blob has only ${held.size} bytes` };
}

function admitPut(spec: Spec<"put">, node: NodeView, isHeld: boolean, options: StoreOptions): Verdict {
  const refuse = (reason: "bad-spec" | "over-disk-limit" | "over-daily-bytes" | "target-forbidden", detail: string): Verdict => ({
    kind: "refuse",
    reason,
    detail,
  });
  if ((spec.inline === undefined) === (spec.url === undefined))
    return refuse("bad-spec", "a blob comes either inline or from a URL");
  if (spec.inline !== undefined && BigInt(spec.inline.length) !== spec.size)
    return refuse("bad-spec", "size is not that of the inline bytes");
  if (spec.size > MAX_BLOB_BYTES) return refuse("over-disk-limit", `a blob has at most ${MAX_BLOB_BYTES} bytes`);
  if (!isHeld && Number(spec.size) > node.freeDiskBytes) {
    return refuse("over-disk-limit", `${node.freeDiskBytes} bytes are free within the owner's limit`);
  }
  if (spec.url === undefined) return ADMIT;
  if (Number(spec.size) > node.freeTrafficBytes)
    return refuse("over-daily-bytes", `${node.freeTrafficBytes} bytes of traffic are left today`);
  try {
    const rule = classifyAddress(parseFetchUrl(spec.url).hostname.replace(/^\[|\]$/g, ""));
    const isForbidden = rule !== undefined && rule !== "not-an-address" && !options.allowPrivateTargets;
    return isForbidden ? refuse("target-forbidden", "the URL's host is not on the public internet") : ADMIT;
  } catch (thrown) {
    return refuse("target-forbidden", messageOf(thrown));
  }
}

async function put(needs: StoreNeeds, spec: Spec<"put">, context: TaskContext, meter: Meter): Promise<ServiceOutcome> {
  const size = Number(spec.size);
  if (spec.inline !== undefined) {
    await needs.files.write(spec.blob, size, [spec.inline]);
  } else {
    const download = await needs.fetch(spec.url ?? "", size, context.signal);
    try {
      await needs.files.write(spec.blob, size, download.chunks);
    } finally {
      meter.addTraffic(download.traffic());
    }
  }
  const now = needs.networkSeconds();
  return {
    ...done({ op: "put", blob: spec.blob, size: spec.size }, meter.read()),
    commit: () => {
      if (needs.index.get(spec.blob) === undefined) needs.index.put(spec.blob, size, now);
    },
  };
}

async function prove(needs: StoreNeeds, spec: Spec<"prove">, meter: Meter): Promise<ServiceOutcome> {
  const range = await readRange(needs, spec);
  const kept = keptSince(needs, spec.blob);
  const evidence = { op: "prove", blob: spec.blob, answer: sha256(concatBytes(spec.salt, range)) };
  return {
    ...done(evidence, { ...meter.read(), diskByteSeconds: kept.byteSeconds }),
    commit: () => needs.index.put(spec.blob, kept.size, kept.now),
  };
}

async function remove(needs: StoreNeeds, blob: Uint8Array, meter: Meter): Promise<ServiceOutcome> {
  const kept = keptSince(needs, blob);
  await needs.files.remove(blob);
  return {
    ...done({ op: "delete", blob, existed: kept.isHeld }, { ...meter.read(), diskByteSeconds: kept.byteSeconds }),
    commit: () => needs.index.remove(blob),
  };
}

/** A blob's size, and its byte-seconds from its last claim until now; zeros for a blob that is not held. */
function keptSince(needs: StoreNeeds, blob: Uint8Array): { isHeld: boolean; size: number; byteSeconds: bigint; now: number } {
  const now = needs.networkSeconds();
  const held = needs.index.get(blob);
  const { size, countedTo } = held ?? { size: 0, countedTo: now };
  return { isHeld: held !== undefined, size, byteSeconds: BigInt(size) * BigInt(Math.max(0, now - countedTo)), now };
}

async function readRange(needs: StoreNeeds, spec: Spec<"get"> | Spec<"prove">): Promise<Uint8Array> {
  return needs.files.read(spec.blob, Number(spec.offset), spec.length);
}

function done(evidence: WireObject, usage: Usage): ServiceOutcome {
  return { kind: "done", evidence, usage };
}

interface Meter {
  addTraffic(traffic: { readonly upBytes: number; readonly downBytes: number }): void;
  read(): Usage;
}

function startMeter(needs: StoreNeeds): Meter {
  const startedMicros = needs.cpuMicros();
  let upBytes = 0n;
  let downBytes = 0n;
  return {
    addTraffic: (traffic) => {
      upBytes += BigInt(traffic.upBytes);
      downBytes += BigInt(traffic.downBytes);
    },
    read: () => ({ ...NO_USAGE, cpuMicros: BigInt(Math.round(needs.cpuMicros() - startedMicros)), upBytes, downBytes }),
  };
}

function reasonOf(error: AgentError): FailureReason {
  switch (error.code) {
    case "blob-missing":
    case "blob-damaged":
    case "blob-mismatch":
    case "no-room":
    case "fetch-failed":
    case "target-forbidden":
      return error.code;
    default:
      return "internal";
  }
}
