import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { failure, makeSystemClock, makeSystemRandom, messageOf, type Result, success } from "../base/index.ts";
import { type BandwidthBenchmarkTask, makeBandwidthBenchmark } from "./bandwidth/benchmark.ts";
import { makeBandwidthTransfer } from "./bandwidth/transports/client.ts";
import { makeCpuBenchmark } from "./benchmarks/cpu-linux.ts";
import { makeDiskBenchmark } from "./benchmarks/disk-linux.ts";
import { makeGpuBenchmark } from "./benchmarks/gpu-linux.ts";
import { makeMemoryBenchmark } from "./benchmarks/memory-linux.ts";
import { makeSustainedBenchmark } from "./benchmarks/sustained-linux.ts";
import { loadCapture } from "./captures/capture-linux.ts";
import { HalError } from "./errors.ts";
import type { Host } from "./host.ts";
import { makeLinuxHost } from "./host-linux.ts";
import type { MachineNeeds } from "./machine.ts";
import { defaultBoardsDirectory, loadAllBoards, OWNERS_BOARDS_DIRECTORY } from "./profiles/boards-linux.ts";

/** Everything that probing this machine needs: its files, its clock, the board profiles (by default those that ship and the owner's). */
export async function makeMachineNeeds(
  options: {
    readonly boardsDirectory?: string;
    readonly ownersBoardsDirectory?: string;
    /** A captured machine in place of this one: a capture file, or the directory above its `proc` and `sys`. */
    readonly sysroot?: string;
    /** What the network is measured against, and how; only where the owner agreed to that. */
    readonly bandwidth?: BandwidthBenchmarkTask | undefined;
  } = {},
): Promise<Result<MachineNeeds, HalError>> {
  const { boardsDirectory = defaultBoardsDirectory(), ownersBoardsDirectory = OWNERS_BOARDS_DIRECTORY } = options;
  const boards = await loadAllBoards(boardsDirectory, ownersBoardsDirectory);
  if (!boards.ok) return boards;
  const opened = await openHost(options.sysroot);
  if (!opened.ok) return opened;
  const host = opened.value;
  const clock = makeSystemClock();
  const { bandwidth } = options;
  const transfer = makeBandwidthTransfer({ clock, random: makeSystemRandom() });
  const measureBandwidth = makeBandwidthBenchmark({ transfer, host, clock });
  return success({
    host,
    clock,
    boards: boards.value.boards,
    boardsProblem: boards.value.problem,
    benchmarks: {
      cpu: makeCpuBenchmark(host),
      sustained: makeSustainedBenchmark(host),
      memory: makeMemoryBenchmark(host),
      disk: makeDiskBenchmark(),
      gpu: makeGpuBenchmark(),
      ...(bandwidth === undefined ? {} : { bandwidth: (_task, run) => measureBandwidth(bandwidth, run) }),
    },
  });
}

/** This machine, or a captured one. Errors: `capture-unreadable`, `capture-invalid`. */
async function openHost(sysroot: string | undefined): Promise<Result<Host, HalError>> {
  if (sysroot === undefined) return success(makeLinuxHost());
  try {
    if ((await stat(sysroot)).isDirectory()) {
      const root = resolve(sysroot);
      const hasFiles = (await stat(join(root, "proc")).catch(() => stat(join(root, "sys")))).isDirectory();
      if (hasFiles) return success(makeLinuxHost({ root }));
    }
  } catch (thrown) {
    const message = `no captured machine at ${sysroot}: ${messageOf(thrown)}; name the directory above its proc and sys, or a capture`;
    return failure(new HalError("capture-unreadable", message, { cause: thrown }));
  }
  const capture = await loadCapture(sysroot);
  return capture.ok ? success(capture.value.host) : capture;
}
