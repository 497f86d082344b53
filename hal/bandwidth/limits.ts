/** Everything that one side of the bandwidth measurement lets the other do. Times in milliseconds. */

/** Bytes of one direction unless the owner or the operator says otherwise. */
export const DEFAULT_BYTE_CAP = 25_000_000;

/** The most that a byte cap may be: ten seconds at 80 Gbit/s. */
export const MAX_BYTE_CAP = 100_000_000_000;

/** How long one direction runs at most; then its streams are cut, whatever is under way. */
export const MAX_TRANSFER_MS = 10_000;

/** Streams of one direction: usual, and at most. */
export const DEFAULT_STREAMS = 4;
export const MAX_STREAMS = 16;

/** A token's length in characters; 20 random ones of base64 hold 120 bits. */
export const MIN_TOKEN_LENGTH = 20;
export const MAX_TOKEN_LENGTH = 256;

/** How long a connection may take to its first valid answer. */
export const HANDSHAKE_MS = 5_000;

/** How long a session may be without a direction under way: a modem's queue, just filled, may hold twelve seconds of a slow link. */
export const WAIT_MS = 15_000;

/** A session from its first frame to its end: both directions, their preparation, and what is left. */
export const MAX_SESSION_MS = 75_000;

/** Pings of one session; 40 a second in both directions of ten seconds are 800. */
export const MAX_PINGS = 2_000;

/** Answers that may wait in the endpoint for a client that does not read, in bytes. */
export const MAX_WAITING_BYTES = 16 * 1024;

/** Connections to an endpoint at once: in total, and from one address. A session has one, and one for each stream. */
export const MAX_CONNECTIONS = 64;
export const MAX_CONNECTIONS_PER_ADDRESS = 20;

/** Sessions at once: two of them would measure each other. */
export const MAX_SESSIONS = 1;

/** Sessions, and failed attempts, of one address in an hour. */
export const MAX_SESSIONS_PER_HOUR = 12;
export const MAX_FAILURES_PER_HOUR = 10;

/** Refusals that an endpoint tells its operator of in a minute: strangers do not fill a log. */
export const MAX_REFUSALS_TOLD = 60;

/** Addresses that an endpoint remembers; the one not heard of for longest is forgotten first. */
export const MAX_ADDRESSES = 4_096;

/** Pings before any load, and how far they and those under load are apart. */
export const IDLE_PINGS = 25;
export const IDLE_PING_MS = 20;
export const LOADED_PING_MS = 25;

/**
 * What is sent, over and over: random, and larger than what the compressors of tunnels look back on (ssh 32 KiB; OpenVPN, IPComp and
 * PPP one packet).
 */
export const RANDOM_BLOCK_BYTES = 1024 * 1024;

/** One write, in bytes: as much as may wait in a sender outside the kernel, for each stream. */
export const WRITE_BYTES = 128 * 1024;

/** How far apart the moments are at which a receiver notes what came. */
export const SAMPLE_MS = 10;
