import { concatBytes, messageOf, sha256 } from "../../../base/index.ts";
import {
  type FailureReason,
  MAX_INLINE_BYTES,
  NO_USAGE,
  parseStoreSpec,
  type StoreSpec,
  type Usage,
  type WireObject,
} from "../../../protocol/index.ts";
import { failureReasonOf } from "../../errors.ts";
import { MAX_BLOB_BYTES } from "../../limits.ts";
import type { AgentState } from "../../state-store.ts";
import type { TargetPolicy } from "../measure/address-policy.ts";
import { ADMIT, type NodeView, type Service, type ServiceOutcome, type TaskContext, type Verdict } from "../service.ts";
import type { BlobStore } from "./blob-store.ts";
import { type FetchBlob, whyForbidden } from "./transports/fetch.ts";

/** What the store works with. */
export interface StoreNeeds {
  readonly files: BlobStore;
  readonly index: AgentState["blobs"];
  readonly fetch: FetchBlob;
  /** Where blobs may be fetched from, as of now. */
  readonly targetPolicy: () => TargetPolicy;
  /** Seconds of bookkeeper time, by which byte-seconds of disk are counted; undefined before the first beacon of this run. */
  readonly networkSeconds: () => number | undefined;
  /** CPU time of this process so far, in microseconds. */
  readonly cpuMicros: () => number;
}

/**
 * Keeps immutable blobs under their SHA-256. CPU is that of the agent's process while it works (it does little else), traffic that of
 * the download's socket, and disk the byte-seconds since the blob's last proof: claimed when a challenge is answered and when the blob
 * is deleted, never twice, because the mark moves in the transaction that journals the claim.
 */
export function makeStoreService(needs: StoreNeeds): Service<StoreSpec> {
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
      const reason = context.signal.aborted ? "aborted" : failureReasonOf(thrown);
      const failed = { kind: "failed", reason, detail: messageOf(thrown), evidence: {}, usage: meter.read() } as const;
      return isBlobLost(reason) ? { ...failed, commit: await forgetBlob(needs, spec.blob) } : failed;
    }
  };
  return {
    kind: "store",
    capabilities: [],
    parse: parseStoreSpec,
    demand: (spec) => {
      const bytes = spec.op === "put" ? Number(spec.size) : 0;
      return {
        memoryBytes: MAX_INLINE_BYTES,
        diskBytes: bytes,
        trafficBytes: spec.op === "put" && spec.url !== undefined ? bytes : 0,
      };
    },
    admit: (spec, node) => admitStore(spec, node, needs),
    execute,
    // Every operation leaves the same state when it is done twice.
    recover: () => "again",
  };
}

type Spec<Op extends StoreSpec["op"]> = Extract<StoreSpec, { op: Op }>;

function admitStore(spec: StoreSpec, node: NodeView, needs: StoreNeeds): Verdict {
  const held = needs.index.get(spec.blob);
  if (spec.op === "delete") return ADMIT;
  if (spec.op === "put") return admitPut(spec, node, held !== undefined, needs.targetPolicy);
  if (held === undefined) return { kind: "refuse", reason: "blob-unknown", detail: "this node does not hold the blob" };
  const end = spec.offset + BigInt(spec.length);
  return end <= BigInt(held.size)
    ? ADMIT
    : { kind: "refuse", reason: "bad-spec", detail: `the blob has only ${held.size} bytes` };
}

function admitPut(spec: Spec<"put">, node: NodeView, isHeld: boolean, policyNow: StoreNeeds["targetPolicy"]): Verdict {
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
  const forbidden = whyForbidden(spec.url, policyNow());
  return forbidden === undefined ? ADMIT : refuse("target-forbidden", forbidden);
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
      download.close();
      meter.addTraffic(download.traffic());
    }
  }
  const now = needs.networkSeconds();
  return {
    ...done({ op: "put", blob: spec.blob, size: spec.size }, meter.read()),
    commit: () => {
      if (needs.index.get(spec.blob) === undefined) needs.index.put(spec.blob, size, now ?? NOT_COUNTED_YET);
    },
  };
}

async function prove(needs: StoreNeeds, spec: Spec<"prove">, meter: Meter): Promise<ServiceOutcome> {
  const range = await readRange(needs, spec);
  const kept = keptSince(needs, spec.blob);
  const evidence = { op: "prove", blob: spec.blob, answer: sha256(concatBytes(spec.salt, range)) };
  return {
    ...done(evidence, { ...meter.read(), diskByteSeconds: kept.byteSeconds }),
    commit: () => needs.index.put(spec.blob, kept.size, kept.mark),
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

/** Stands for the time to count a blob's byte-seconds from where none was known when it came: they are counted from the next claim on. */
const NOT_COUNTED_YET = 0;

/**
 * A blob's size, its byte-seconds from its last claim until now, and the mark to which they are counted; zeros for a blob that is not
 * held. The mark never goes back, so that no second is claimed twice.
 */
function keptSince(needs: StoreNeeds, blob: Uint8Array): { isHeld: boolean; size: number; byteSeconds: bigint; mark: number } {
  const held = needs.index.get(blob);
  const now = needs.networkSeconds();
  const { size, countedTo } = held ?? { size: 0, countedTo: NOT_COUNTED_YET };
  const mark = Math.max(countedTo, now ?? countedTo);
  const seconds = countedTo === NOT_COUNTED_YET ? 0 : mark - countedTo;
  return { isHeld: held !== undefined, size, byteSeconds: BigInt(size) * BigInt(seconds), mark };
}

/** Whether a failure says that the node's copy of the blob it is about is no good. */
export function isBlobLost(reason: FailureReason): boolean {
  return reason === "blob-missing" || reason === "blob-damaged";
}

/** Removes what is left of a lost blob; the outcome's transaction makes it unknown, so that the node no longer says that it holds it. */
export async function forgetBlob(needs: Pick<StoreNeeds, "files" | "index">, blob: Uint8Array): Promise<() => void> {
  await needs.files.remove(blob);
  return () => needs.index.remove(blob);
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
