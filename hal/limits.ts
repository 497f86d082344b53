/** A file of /proc or /sys that grows with the machine (cpuinfo of 512 CPUs is under 1 MiB), in bytes. */
export const MAX_KERNEL_FILE_BYTES = 4 * 1024 * 1024;

/** One attribute of /sys, or a small file of /etc: the kernel writes at most one page, and pages have up to 64 KiB. */
export const MAX_ATTRIBUTE_BYTES = 64 * 1024;

/** Entries read from one directory. */
export const MAX_DIRECTORY_ENTRIES = 4_096;

/** CPUs looked at one by one; the kernel's own ceiling on x86 is 8192. */
export const MAX_CPUS = 8_192;

/** CPUs read at the same time: enough to keep the kernel busy, few enough that thousands of CPUs open few files at once. */
export const CPUS_AT_ONCE = 16;

/** Features of the CPU that are listed; the longest x86 list has about 200. */
export const MAX_CPU_FEATURES = 512;

/** Kinds of cores that are told apart; real machines have up to four. */
export const MAX_CPU_CLUSTERS = 16;

/** Caches looked at for one CPU; the kernel describes up to four. */
export const MAX_CACHES_PER_CPU = 16;

/** Swap areas and compressed memory devices listed, each; the kernel allows 29 swap areas. */
export const MAX_SWAPS = 32;

/** Disks, GPUs and network interfaces listed, each. A host of many containers has thousands of virtual interfaces. */
export const MAX_DEVICES = 256;

/** Temperature sensors and cooling devices listed, each (a processor brakes itself once a core), and trip points of one zone. */
export const MAX_SENSORS = 64;
export const MAX_COOLING_DEVICES = 64;
export const MAX_TRIP_POINTS = 32;

/** Power supplies, battery-backed clocks and watchdogs listed, each. */
export const MAX_POWER_SUPPLIES = 32;
export const MAX_RTCS = 8;
export const MAX_WATCHDOGS = 8;

/** A device's place below /sys/devices, in characters. */
export const MAX_STABLE_PATH = 256;

/** A captured machine: characters of the file (a server of 256 CPUs has 1 MiB), answers in it, and characters of a path and a reason. */
export const MAX_CAPTURE_CHARS = 16 * 1024 * 1024;
export const MAX_CAPTURE_ENTRIES = 100_000;
export const MAX_CAPTURE_PATH = 4_096;
export const MAX_CAPTURE_WHY = 512;

/** Control groups looked at between a process and the root. */
export const MAX_CGROUP_DEPTH = 32;

/** Layers looked through between a file system and the disk that holds it (overlay, LVM, RAID, encryption). */
export const MAX_LAYERS = 8;

/** Mounted file systems listed. */
export const MAX_VOLUMES = 64;

/** Routes looked at in a routing table, and addresses in a table of them. A router that knows the whole internet has a million. */
export const MAX_ROUTES = 4_096;
export const MAX_ADDRESSES = 256;

/** Sections of one OpenWrt configuration file, and connections of NetworkManager. */
export const MAX_UCI_SECTIONS = 512;
export const MAX_CONNECTIONS = 64;

/** How long the sizes of file systems may take before those that did not answer stay unknown, in milliseconds. */
export const VOLUMES_TIMEOUT_MS = 3_000;

/** Text that a device gives about itself, in characters after cleaning. */
export const MAX_DEVICE_TEXT = 96;

/** How long the whole pass over /proc and /sys may take before what is missing counts as failed, in milliseconds. */
export const FACTS_TIMEOUT_MS = 10_000;

/** What the measurements of one group may take, in milliseconds: on a device that cannot get above Lite, and on others. */
export const LITE_BUDGET_MS = 2_000;
export const FULL_BUDGET_MS = 6_000;

/** Measuring threads that have no result this long after their budget are given up, in milliseconds. */
export const CREW_GRACE_MS = 20_000;

/** How long the lasting speed of a processor is watched, in milliseconds: the heat of a small case is reached after a minute. */
export const SUSTAIN_MS = 60_000;

/** Threads of the CPU measurement; more would measure the memory that the threads take. */
export const MAX_THREADS = 64;

/** Memory that a thread of the CPU measurement may need, in bytes: a small device starts fewer of them. */
export const THREAD_MEMORY_BYTES = 32 * 1024 * 1024;

/** Writes of 4 KiB in one slice of the disk measurement: all its slices together write at most 24 MiB with them. */
export const MAX_WRITES_PER_SLICE = 1_000;

/** Time for the whole disk measurement in milliseconds, and on a small device. */
export const DISK_BUDGET_MS = 4_000;
export const DISK_SMALL_BUDGET_MS = 1_000;

/** How much longer than its time the disk measurement may take before it is given up, in milliseconds. */
export const DISK_GRACE_MS = 5_000;

/** Turns of the disk measurement; each takes a slice of every figure. */
export const DISK_ROUNDS = 3;

/**
 * Size of the file that the disk is measured on, and on a small device, in bytes. The larger one is written twice, so that with the
 * scattered writes at most 152 MiB are written in all; the smaller one once, 28 MiB in all.
 */
export const DISK_FILE_BYTES = 64 * 1024 * 1024;
export const DISK_SMALL_FILE_BYTES = 16 * 1024 * 1024;

/** The file is at most one of so many parts of the free bytes; where that is less than the minimum, nothing is measured. */
export const DISK_FREE_SHARE = 20;
export const DISK_MIN_FILE_BYTES = 4 * 1024 * 1024;

/** A board profile, in bytes: the longest that ships has one tenth. */
export const MAX_BOARD_BYTES = 16 * 1024;

/** Board profiles in one directory. */
export const MAX_BOARDS = 512;

/** Reasons for a tier, and the characters of one: what a descriptor carries. */
export const MAX_REASONS = 32;
export const MAX_REASON_TEXT = 256;

/** How long the GPU's measuring process may take beyond its budget, in milliseconds: drivers compile when they are first used. */
export const GPU_GRACE_MS = 10_000;

/** How much of what the GPU's measuring process prints is kept, in characters from the end. */
export const MAX_GPU_REPORT_CHARS = 64 * 1024;

/** One run on the GPU takes at least so long, in milliseconds; it is done within four times that, before a screen stands still. */
export const GPU_SLICE_MS = 40;

/** Runs on the GPU, of which the best counts: its clock rises over the first ones. */
export const MAX_GPU_SLICES = 20;

/** How long each question to helper programs may take, in milliseconds. */
export const ENRICHMENT_TIMEOUT_MS = 3_000;

/** Memory modules, graphics cards and disks taken from helper programs, each, and the characters of a text before it is cleaned. */
export const MAX_ENRICHMENT_ENTRIES = 64;
export const MAX_ENRICHMENT_TEXT = 256;

/** What the process that asks helper programs may print, in characters: all entries with every character escaped. */
export const MAX_ENRICHMENT_CHARS = 512 * 1024;
