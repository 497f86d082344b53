/** A WebAssembly module larger than this is not run, in bytes. */
export const MAX_MODULE_BYTES = 32 * 1024 * 1024;

/** Standard input handed to a module is at most this, in bytes. */
export const MAX_STDIN_BYTES = 16 * 1024 * 1024;

/** All arguments of a module together, in bytes of UTF-8. */
export const MAX_ARGS_BYTES = 256 * 1024;

/** The last bytes of standard error that an outcome carries. */
export const STDERR_TAIL_BYTES = 1024;

/** A module that writes more than this to standard error is stopped: nobody reads it, and moving it costs both sides. */
export const MAX_STDERR_BYTES = 1024 * 1024;

/** Entries that one table of a module may have, and all together at the start: V8 keeps them in its own heap. */
export const MAX_TABLE_ENTRIES = 1_000_000;

/** Bytes of one page of linear memory (core specification 2.0, 4.2.8). */
export const PAGE_BYTES = 65_536;

/** A line from the runner longer than this is not its. */
export const MAX_REPORT_BYTES = 4096;

/** What an outcome says to people is at most this long. */
export const MAX_DETAIL_CHARACTERS = 200;

/**
 * How often the meter is read while a module runs, and with that how far over its CPU or memory limit it can get, in
 * milliseconds.
 */
export const TICK_MS = 50;

/** A runner that is not ready after this long never will be; a slow router under load takes seconds. */
export const START_TIMEOUT_MS = 30_000;

/** How long a jail that was told to end may take before what it holds is given up, in milliseconds. */
export const END_TIMEOUT_MS = 10_000;

/**
 * Memory that the runtime may come to hold on top of what it held before the module: compiled code and what compiling it takes.
 */
export const RUNTIME_GROWTH_BYTES = 128 * 1024 * 1024;

/** The same for RLIMIT_DATA, which counts what is mapped writable, touched or not. */
export const RUNTIME_MAPPED_BYTES = 512 * 1024 * 1024;

/** V8's own heap, in MiB, without what linear memory counts against it. */
export const HEAP_MIB = 64;

/** Machine code that V8 may hold for modules, in MiB. */
export const CODE_MIB = 256;

/** V8's stack, in KiB: its default, said so that every node overflows at about the same depth. */
export const STACK_KIB = 984;

/**
 * CPU seconds that RLIMIT_CPU leaves on top of a job's own: the start of the runtime, and the tick after which the meter decides.
 */
export const CPU_GRACE_SECONDS = 10;

/** Open files of a jailed process: V8 and libuv use about twenty. */
export const MAX_OPEN_FILES = 64;

/**
 * Processes and threads that the jail's user may have; one runner has about eight. Other programs that run as `nobody` count too.
 */
export const MAX_JAIL_PROCESSES = 512;

/** How much lower than the agent a module is scheduled (nice), so that the owner's machine stays responsive. */
export const NICENESS = 10;
