import { makeSystemClock, type Result, success } from "../base/index.ts";
import { makeCpuBenchmark } from "./benchmarks/cpu-linux.ts";
import { makeDiskBenchmark } from "./benchmarks/disk-linux.ts";
import { defaultBoardsDirectory, loadBoards } from "./boards-linux.ts";
import type { HalError } from "./errors.ts";
import { makeLinuxHost } from "./host-linux.ts";
import type { MachineNeeds } from "./machine.ts";

/** Everything that probing this machine needs: its files, its clock, the board profiles (those that ship by default). */
export async function makeMachineNeeds(
  options: { readonly boardsDirectory?: string } = {},
): Promise<Result<MachineNeeds, HalError>> {
  const boards = await loadBoards(options.boardsDirectory ?? defaultBoardsDirectory());
  if (!boards.ok) return boards;
  const host = makeLinuxHost();
  return success({
    host,
    clock: makeSystemClock(),
    boards: boards.value,
    measureCpu: makeCpuBenchmark(host),
    measureDisk: makeDiskBenchmark(),
  });
}
