import type { EngineMemory, HostFunction } from "./engine.ts";
import { GuestFault, type GuestMemory, makeGuestMemory } from "./guest-memory.ts";
import { makePoll } from "./poll.ts";

/** Thrown through the guest's frames when it calls `proc_exit`. */
export class ExitRequest {
  readonly exitCode: number;

  constructor(exitCode: number) {
    this.exitCode = exitCode;
  }
}

/** What a command gets from its host. */
export interface Preview1Needs {
  /** All of argv, the program's name first. */
  readonly args: readonly string[];
  readonly stdin: Uint8Array;
  /** Where every clock stands, in seconds since 1970. */
  readonly epochSeconds: number;
  /** Fills the target with the next random bytes. */
  random(target: Uint8Array): void;
  /** Takes what the guest writes; the bytes are valid during the call only. */
  write(stream: "stdout" | "stderr", bytes: Uint8Array): void;
}

/** The host side of one command. */
export interface Preview1Host {
  readonly functions: Readonly<Record<string, HostFunction>>;
  /** Says which memory pointers mean, once the instance is there. */
  attach(memory: EngineMemory): void;
}

/** Error numbers of preview 1, as far as they are answered here. */
const OK = 0;
const BAD_DESCRIPTOR = 8;
const FAULT = 21;
const INVALID = 28;
const NO_SUCH_CALL = 52;
const NOT_A_DIRECTORY = 54;
const NOT_A_SOCKET = 57;
const NOT_SUPPORTED = 58;
const NOT_SEEKABLE = 70;
const NOT_CAPABLE = 76;

const MAX_VECTORS = 1024;
const CLOCK_RESOLUTION_NANOS = 1_000_000_000n;
const RIGHT_READ = 1n << 1n;
const RIGHT_WRITE = 1n << 6n;
const RIGHT_POLL = 1n << 27n;

type Stream = "stdin" | "stdout" | "stderr";

/**
 * WASI preview 1 (the witx of wasi_snapshot_preview1) for a command that has its arguments and three pipes and nothing else: no
 * environment, no directories, no sockets, clocks that stand still, random bytes from a seed. Written here rather than taken from
 * `node:wasi`, because its C code would be what stands between a stranger's pointers and this process, because it answers sizes,
 * times and short reads of the real pipes, and because its answers change with Node's version: all that would end up in outputs.
 */
export function makePreview1(needs: Preview1Needs): Preview1Host {
  let attached: EngineMemory | undefined;
  const memory = makeGuestMemory(() => {
    if (attached === undefined) throw new Error("the module calls its host before it has started");
    return attached;
  });
  const streams = new Map<number, Stream>([
    [0, "stdin"],
    [1, "stdout"],
    [2, "stderr"],
  ]);
  let stdinAt = 0;
  const table: Record<string, (...values: number[]) => number> = {
    ...programCalls(needs, memory),
    ...descriptorCalls(streams, memory),
    ...refusedCalls(streams),
    fd_read: (fd, vectors, count, done) =>
      transfer(streams.get(fd >>> 0), ["stdin"], memory, [vectors, count, done], (target) => {
        const portion = needs.stdin.subarray(stdinAt, stdinAt + target.length);
        target.set(portion);
        stdinAt += portion.length;
        return portion.length;
      }),
    fd_write: (fd, vectors, count, done) => {
      const stream = streams.get(fd >>> 0);
      return transfer(stream, ["stdout", "stderr"], memory, [vectors, count, done], (source) => {
        needs.write(stream === "stderr" ? "stderr" : "stdout", source);
        return source.length;
      });
    },
    poll_oneoff: makePoll(
      memory,
      (fd) => streams.get(fd),
      () => needs.stdin.length - stdinAt,
    ),
  };
  const functions = Object.fromEntries(Object.entries(table).map(([name, call]) => [name, answeringFaults(call)]));
  return {
    functions,
    attach: (found) => {
      attached = found;
    },
  };
}

/** A pointer out of memory is the guest's mistake, and gets an error number. */
function answeringFaults(call: (...values: number[]) => number): HostFunction {
  return (...values) => {
    try {
      // 64-bit arguments (offsets, rights, precisions) decide nothing in this host.
      return call(...values.map(Number));
    } catch (thrown) {
      if (thrown instanceof GuestFault) return FAULT;
      throw thrown;
    }
  };
}

/** Moves bytes along a vector of (pointer, length) pairs until `move` moved less than it was handed. */
function transfer(
  stream: Stream | undefined,
  wanted: readonly Stream[],
  memory: GuestMemory,
  [vectors = 0, count = 0, done = 0]: readonly number[],
  move: (bytes: Uint8Array) => number,
): number {
  if (stream === undefined) return BAD_DESCRIPTOR;
  if (!wanted.includes(stream)) return NOT_CAPABLE;
  if (count >>> 0 > MAX_VECTORS) return INVALID;
  let total = 0;
  for (let index = 0; index < count; index += 1) {
    const at = (vectors >>> 0) + index * 8;
    const bytes = memory.bytes(memory.getU32(at), memory.getU32(at + 4));
    const moved = move(bytes);
    total += moved;
    if (moved < bytes.length) break;
  }
  memory.setU32(done, total);
  return OK;
}

/** Arguments, environment, time, randomness, and the end. */
function programCalls(needs: Preview1Needs, memory: GuestMemory): Record<string, (...values: number[]) => number> {
  const args = needs.args.map((arg) => Buffer.from(`${arg}\0`, "utf8"));
  const nowNanos = BigInt(needs.epochSeconds) * 1_000_000_000n;
  return {
    args_sizes_get: (count, size) => {
      memory.setU32(count, args.length);
      memory.setU32(
        size,
        args.reduce((sum, arg) => sum + arg.length, 0),
      );
      return OK;
    },
    args_get: (pointers, buffer) => {
      let at = buffer >>> 0;
      for (const [index, arg] of args.entries()) {
        memory.setU32((pointers >>> 0) + index * 4, at);
        memory.bytes(at, arg.length).set(arg);
        at += arg.length;
      }
      return OK;
    },
    environ_sizes_get: (count, size) => {
      memory.setU32(count, 0);
      memory.setU32(size, 0);
      return OK;
    },
    environ_get: () => OK,
    clock_res_get: (clock, result) => {
      if (clock >>> 0 > 3) return INVALID;
      memory.setU64(result, CLOCK_RESOLUTION_NANOS);
      return OK;
    },
    clock_time_get: (clock, _precision, result) => {
      if (clock >>> 0 > 3) return INVALID;
      memory.setU64(result, nowNanos);
      return OK;
    },
    random_get: (target, length) => {
      needs.random(memory.bytes(target, length));
      return OK;
    },
    sched_yield: () => OK,
    proc_raise: () => NO_SUCH_CALL,
    proc_exit: (exitCode) => {
      throw new ExitRequest(exitCode >>> 0);
    },
  };
}

/** What can be asked about the three pipes. */
function descriptorCalls(streams: Map<number, Stream>, memory: GuestMemory): Record<string, (...values: number[]) => number> {
  return {
    fd_close: (fd) => (streams.delete(fd >>> 0) ? OK : BAD_DESCRIPTOR),
    fd_renumber: (from, to) => {
      const stream = streams.get(from >>> 0);
      if (stream === undefined || !streams.has(to >>> 0)) return BAD_DESCRIPTOR;
      streams.delete(from >>> 0);
      streams.set(to >>> 0, stream);
      return OK;
    },
    fd_fdstat_get: (fd, result) => {
      const stream = streams.get(fd >>> 0);
      if (stream === undefined) return BAD_DESCRIPTOR;
      // File type "unknown" (a pipe, as far as preview 1 goes) and no flags.
      memory.bytes(result, 24).fill(0);
      memory.setU64((result >>> 0) + 8, RIGHT_POLL | (stream === "stdin" ? RIGHT_READ : RIGHT_WRITE));
      return OK;
    },
    fd_filestat_get: (fd, result) => {
      if (!streams.has(fd >>> 0)) return BAD_DESCRIPTOR;
      // One link; device, inode, size and times are none of the guest's business.
      memory.bytes(result, 64).fill(0);
      memory.setU64((result >>> 0) + 24, 1n);
      return OK;
    },
    // A pipe that always answers at once may be called non-blocking.
    fd_fdstat_set_flags: (fd) => (streams.has(fd >>> 0) ? OK : BAD_DESCRIPTOR),
    fd_prestat_get: () => BAD_DESCRIPTOR,
    fd_prestat_dir_name: () => BAD_DESCRIPTOR,
  };
}

/** Calls that make no sense on a pipe, with the error number that says so. All of preview 1 that is not above. */
function refusedCalls(streams: ReadonlyMap<number, Stream>): Record<string, (...values: number[]) => number> {
  const groups: readonly (readonly [error: number, names: string])[] = [
    [NOT_SEEKABLE, "fd_advise fd_pread fd_pwrite fd_seek fd_tell"],
    [INVALID, "fd_datasync fd_filestat_set_size fd_sync"],
    [NOT_SUPPORTED, "fd_allocate fd_fdstat_set_rights fd_filestat_set_times"],
    [NOT_A_DIRECTORY, "fd_readdir path_create_directory path_filestat_get path_filestat_set_times path_link path_open"],
    [NOT_A_DIRECTORY, "path_readlink path_remove_directory path_rename path_unlink_file"],
    [NOT_A_SOCKET, "sock_accept sock_recv sock_send sock_shutdown"],
  ];
  const calls = groups.flatMap(([error, names]) =>
    names.split(" ").map((name) => [name, (fd: number): number => (streams.has(fd >>> 0) ? error : BAD_DESCRIPTOR)] as const),
  );
  return {
    ...Object.fromEntries(calls),
    // The only one whose directory is not its first argument.
    path_symlink: (_target, _length, fd) => (streams.has(fd >>> 0) ? NOT_A_DIRECTORY : BAD_DESCRIPTOR),
  };
}
