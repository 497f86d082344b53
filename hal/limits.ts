/** A file of /proc or /sys that grows with the machine (cpuinfo of 512 CPUs is under 1 MiB), in bytes. */
export const MAX_KERNEL_FILE_BYTES = 4 * 1024 * 1024;

/** One attribute of /sys, or a small file of /etc: the kernel writes at most one page, and pages have up to 64 KiB. */
export const MAX_ATTRIBUTE_BYTES = 64 * 1024;

/** Entries read from one directory. */
export const MAX_DIRECTORY_ENTRIES = 4_096;

/** CPUs looked at one by one; the kernel's own ceiling on x86 is 8192. */
export const MAX_CPUS = 8_192;

/** Disks, GPUs and network interfaces listed, each. A host of many containers has thousands of virtual interfaces. */
export const MAX_DEVICES = 256;

/** Control groups looked at between a process and the root. */
export const MAX_CGROUP_DEPTH = 32;

/** Layers looked through between a file system and the disk that holds it (overlay, LVM, RAID, encryption). */
export const MAX_LAYERS = 8;

/** Text that a device gives about itself, in characters after cleaning. */
export const MAX_DEVICE_TEXT = 96;

/** How long the whole pass over /proc and /sys may take before what is missing counts as failed, in milliseconds. */
export const FACTS_TIMEOUT_MS = 10_000;

/** Slices of one measurement; the best one counts. */
export const SLICES = 5;

/** Length of a slice in milliseconds: at least two periods of the usual CPU quota, so that no slice fits between two throttlings. */
export const SLICE_MS = 200;

/** Running the CPU kernel before the first slice, until it is compiled, in milliseconds. */
export const WARM_UP_MS = 100;

/** A measurement that has no result after this long is given up, in milliseconds. */
export const MEASUREMENT_TIMEOUT_MS = 8_000;

/** Threads of the CPU measurement; more would measure the memory that the threads take. */
export const MAX_THREADS = 64;

/** Memory that a thread of the CPU measurement may need, in bytes: a small device starts fewer of them. */
export const THREAD_MEMORY_BYTES = 32 * 1024 * 1024;

/** Writes in a slice of the disk measurement: 5 slices write at most 20 MiB, which no flash notices. */
export const MAX_WRITES_PER_SLICE = 1_000;

/** Board profiles in one directory. */
export const MAX_BOARDS = 512;

/** Reasons for a tier, and the characters of one: what a descriptor carries. */
export const MAX_REASONS = 32;
export const MAX_REASON_TEXT = 256;
