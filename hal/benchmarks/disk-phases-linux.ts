import { readFileSync } from "node:fs";
import { MAX_WRITES_PER_SLICE } from "../limits.ts";
import { BLOCK_BYTES, CHUNK_BYTES, type DiskPlan, type DiskWork, makeScatter } from "./disk-plan.ts";
import type { DiskMessage, DiskSlice } from "./disk-report.ts";
import { layOut, type ScratchFile } from "./disk-scratch-linux.ts";

/** Lays out the file and runs all slices of the plan over it. Throws the errors of the file system. */
export function runDiskPlan(plan: DiskPlan, file: ScratchFile, say: (message: DiskMessage) => void): void {
  const startMs = performance.now();
  const fileBytes = layOut(file, plan.fileBytes, plan.layoutMs);
  const whyBuffered = findWhyBuffered(file, fileBytes);
  // Through the page cache everything else would measure memory.
  const work = whyBuffered === undefined ? plan.work : plan.work.filter((each) => SYNCED_WORK.has(each));
  say({ kind: "ready", setup: { whyBuffered, fileBytes, slices: work.length * plan.rounds } });
  const stage = makeStage(file, fileBytes, plan, whyBuffered !== undefined);
  let longestMs = 0;
  for (let round = 0; round < plan.rounds; round++) {
    const roundMs = performance.now();
    if (round > 0 && roundMs + longestMs > startMs + plan.budgetMs) break;
    for (const each of work) {
      say({ kind: "slice", slice: stage(each) });
      // No slice pays for what another one wrote.
      if (each.endsWith("write")) file.sync();
    }
    longestMs = Math.max(longestMs, performance.now() - roundMs);
  }
  say({ kind: "done", writtenBytes: file.writtenBytes() });
}

/** What can be measured through the page cache, because a sync follows each write. */
const SYNCED_WORK: ReadonlySet<DiskWork> = new Set(["sequential-write", "durable-writes"]);

/** Blocks read to see whether reads reach the disk; on a turning disk each takes some 10 ms. */
const TRIAL_READS = 8;

/** Share of the bytes read that must have come from storage; a file system's own blocks may make it more than all. */
const FETCHED_SHARE = 0.9;

/**
 * Why reads do not go around the page cache; undefined where they do. Some file systems take O_DIRECT and serve from memory all the
 * same (tmpfs, ext4 with journaled data, older ZFS), which shows where the kernel counts what was fetched. What a file system of
 * another process (FUSE) fetches is not counted either, and is left out with them.
 */
function findWhyBuffered(file: ScratchFile, fileBytes: number): string | undefined {
  if (!file.direct) return "the file system has no direct I/O, so reads would measure memory";
  const scatter = makeScatter(fileBytes / BLOCK_BYTES);
  const before = readFetchedBytes();
  for (let count = 0; count < TRIAL_READS; count++) file.read(BLOCK_BYTES, scatter() * BLOCK_BYTES);
  const after = readFetchedBytes();
  if (before === undefined || after === undefined) return undefined;
  const isUncounted = after - before < TRIAL_READS * BLOCK_BYTES * FETCHED_SHARE;
  return isUncounted ? "reads reach no disk in spite of direct I/O, as far as the kernel counts" : undefined;
}

/** Reads wear nothing. */
const UNLIMITED = Number.POSITIVE_INFINITY;

/** Runs one slice of a work. Places go on where the last slice of the same work ended. */
function makeStage(file: ScratchFile, fileBytes: number, plan: DiskPlan, buffered: boolean): (work: DiskWork) => DiskSlice {
  const scatter = makeScatter(fileBytes / BLOCK_BYTES);
  const place = (): number => scatter() * BLOCK_BYTES;
  const cursor = { read: 0, write: 0 };
  const next = (way: "read" | "write"): number => {
    const position = cursor[way];
    cursor[way] = (position + CHUNK_BYTES) % fileBytes;
    return position;
  };
  // All rounds together write the file once more.
  const chunksPerSlice = Math.max(1, Math.floor(fileBytes / CHUNK_BYTES / plan.rounds));
  const run = (work: DiskWork, bytes: number, max: number, step: () => void): DiskSlice => {
    const startMs = performance.now();
    let count = 0;
    let elapsedMs = 0;
    while (elapsedMs < plan.sliceMs && count < max) {
      step();
      count++;
      elapsedMs = performance.now() - startMs;
    }
    return { work, count, bytes: count * bytes, elapsedMs };
  };
  return (work) => {
    switch (work) {
      case "sequential-read":
        return run(work, CHUNK_BYTES, UNLIMITED, () => file.read(CHUNK_BYTES, next("read")));
      case "random-read":
        return run(work, BLOCK_BYTES, UNLIMITED, () => file.read(BLOCK_BYTES, place()));
      case "sequential-write":
        return run(work, CHUNK_BYTES, chunksPerSlice, () => {
          file.write(CHUNK_BYTES, next("write"));
          if (buffered) file.sync();
        });
      case "random-write":
        return run(work, BLOCK_BYTES, MAX_WRITES_PER_SLICE, () => file.write(BLOCK_BYTES, place()));
      case "durable-writes": {
        const latenciesUs: number[] = [];
        const slice = run(work, BLOCK_BYTES, MAX_WRITES_PER_SLICE, () => {
          const startMs = performance.now();
          file.write(BLOCK_BYTES, place());
          file.sync();
          latenciesUs.push((performance.now() - startMs) * 1000);
        });
        return { ...slice, latenciesUs };
      }
    }
  };
}

/** Bytes that this thread really fetched from the storage layer (proc_pid_io(5)); undefined on a kernel that does not count. */
function readFetchedBytes(): number | undefined {
  try {
    const value = /^read_bytes: (\d+)$/m.exec(readFileSync("/proc/thread-self/io", "latin1"))?.[1];
    return value === undefined ? undefined : Number(value);
  } catch {
    return undefined;
  }
}
