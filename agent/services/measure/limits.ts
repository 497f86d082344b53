/** A whole assignment takes at most this long, in milliseconds. A probe that may not end within it is not begun. */
export const MAX_MEASURE_MS = 120_000;

/** What the child gets on top of it to say its last word before it is killed, in milliseconds. */
export const RUNNER_GRACE_MS = 5_000;

/** How long the child may take to leave once its word is read, in milliseconds. */
export const RUNNER_EXIT_MS = 2_000;

/** Time between the starts of two probes to one target, in milliseconds: at most five a second, for every method. */
export const PROBE_INTERVAL_MS = 200;

/** Body bytes of one HTTP answer that are taken before the connection is closed. */
export const MAX_BODY_BYTES = 10 * 2 ** 20;

/** Body bytes of all HTTP answers of one assignment together. */
export const MAX_TASK_BODY_BYTES = 64 * 2 ** 20;

/** Status line and headers of one HTTP answer, in bytes. */
export const MAX_HEADER_BYTES = 16 * 1024;

/**
 * What one probe takes off the owner's allowance at most, both ways together, an HTTP body not counted, in bytes: packets, the
 * look-up of a name, a TLS handshake with a long certificate chain, headers. For admission; what is really sent is counted.
 */
export const PROBE_BYTES = { ping: 1_024, dns: 4_096, tcp: 4_096, http: 48 * 1024 } as const;

/** What the child says in all, in bytes, its questions included. */
export const MAX_RUNNER_OUTPUT_BYTES = 512 * 1024;

/**
 * The memory that the child and a ping(8) under it hold at most, in bytes. Measured (Node 24, x86): 62 to 66 MiB, in a
 * checkout 28 MiB more for reading TypeScript; large HTTP bodies add up to 42 MiB that the collector is slow to take back.
 */
export const RUNNER_MEMORY_BYTES = { ping: 96 * 2 ** 20, dns: 96 * 2 ** 20, tcp: 96 * 2 ** 20, http: 128 * 2 ** 20 } as const;

/** The JavaScript heap of the child, in MiB: a measurement that wants more is broken. */
export const RUNNER_HEAP_MIB = 48;

/** Time between two readings of the child's memory, in milliseconds. */
export const METER_INTERVAL_MS = 100;

/** Output of ping(8) that is read, in bytes; ten answers take one kilobyte. */
export const MAX_PING_OUTPUT_BYTES = 16 * 1024;

/** Datagrams that are looked at while waiting for the one that answers a DNS query. */
export const MAX_DNS_DATAGRAMS = 32;

/** Answers of one DNS target in the evidence: how many, how long one is in characters, and all of them together. */
export const MAX_ANSWERS = 16;
export const MAX_ANSWER_CHARACTERS = 512;
export const MAX_ANSWERS_CHARACTERS = 2048;

/** What is read of the kernel's IPv6 routes, in bytes: about 1,700 of them. */
export const MAX_ROUTES_BYTES = 256 * 1024;
