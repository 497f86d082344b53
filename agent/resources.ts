import type { Clock } from "../base/index.ts";
import { type Host, known, readMemoryNow } from "../hal/index.ts";
import type { OwnerLimits } from "./config.ts";
import { MEMORY_RESERVE_BYTES } from "./limits.ts";
import type { Demand, NodeView } from "./services/service.ts";
import type { BlobStore } from "./services/store/index.ts";
import type { AgentState } from "./state-store.ts";

/** What is looked at to know what is free. */
export interface ResourceNeeds {
  readonly host: Host;
  readonly clock: Clock;
  readonly state: AgentState;
  readonly files: BlobStore;
  /** Memory that the board's profile keeps for the board's own work. */
  readonly boardReserveBytes: () => number;
}

/** How long a reading of the machine serves, in milliseconds. */
const READING_MS = 5_000;

/** What is free for new work within the owner's limits, beside what open tasks may hold. */
export type MachineView = (limits: OwnerLimits, demand: Demand) => NodeView;

/**
 * Looks at the machine, and answers what is free of it: no more than the owner's limits leave. Looking takes a while and judging does
 * not, so that work which is admitted meanwhile can be counted.
 */
export function makeResourceReader(needs: ResourceNeeds): () => Promise<MachineView> {
  let reading: { atMs: number; memoryBytes: number; diskBytes: number } | undefined;
  const read = async () => {
    const nowMs = needs.clock.monotonicMs();
    if (reading !== undefined && nowMs - reading.atMs < READING_MS) return reading;
    const { usableBytes = 0, availableBytes = usableBytes } = known(await readMemoryNow(needs.host)) ?? {};
    // What is free on the machine may be more than a control group allows, and the other way round.
    const reserveBytes = Math.max(MEMORY_RESERVE_BYTES, needs.boardReserveBytes());
    const memoryBytes = Math.max(0, Math.min(availableBytes, usableBytes) - reserveBytes);
    reading = { atMs: nowMs, memoryBytes, diskBytes: await needs.files.freeBytes() };
    return reading;
  };
  return async () => {
    const { memoryBytes, diskBytes } = await read();
    return (limits, demand) => {
      const { blobBytes } = needs.state.blobs.counts();
      const today = Math.floor(needs.clock.wallMs() / 86_400_000);
      const trafficBytes = (limits.bytes_per_day ?? Number.POSITIVE_INFINITY) - needs.state.traffic.onDay(today);
      return {
        freeMemoryBytes: Math.min(memoryBytes, limits.memory ?? Number.POSITIVE_INFINITY) - demand.memoryBytes,
        freeDiskBytes: Math.min(diskBytes, (limits.disk ?? Number.POSITIVE_INFINITY) - blobBytes) - demand.diskBytes,
        freeTrafficBytes: trafficBytes - (demand.trafficBytes ?? 0),
      };
    };
  };
}
