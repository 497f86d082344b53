/** Tasks that wait or run at once; more are refused as `busy`. */
export const MAX_OPEN_TASKS = 64;

/** Proofs that wait for a receipt; at this many the agent stops taking work. It never drops one. */
export const MAX_OUTBOX = 4_096;

/** Proofs published and not yet receipted, beyond which the outbox waits. */
export const OUTBOX_WINDOW = 32;

/** How long the outbox waits for a receipt before it sends again: from this, doubling, to the cap. Milliseconds. */
export const RECEIPT_WAIT = { baseMs: 4_000, capMs: 60_000 };

/** Gaps reported within this time of the last rewind are about the same loss. Milliseconds. */
export const GAP_PAUSE_MS = 1_000;

/** How long the agent waits for a bookkeeper to answer its descriptor before it publishes it again. Milliseconds. */
export const REGISTRATION_WAIT = { baseMs: 3_000, capMs: 120_000 };

/** Time between signs of life, in milliseconds. */
export const HEARTBEAT_MS = 20_000;

/** Running work gets this long to end by itself when the agent stops, in milliseconds; then it is aborted and journaled. */
export const DRAIN_MS = 2_500;

/** Aborted work gets this long to leave, in milliseconds; then the agent ends without it. */
export const ABORT_MS = 1_000;

/** How long the agent waits before it tries again to write a journal that cannot be written, in milliseconds. */
export const FULL_DISK_WAIT_MS = 2_000;

/** Receipted proofs kept for a bookkeeper that missed one. */
export const MAX_KEPT_PROOFS = 2_000;

/** How long a task outlives its expiry in the journal, so that no replay of it can slip in between. Seconds. */
export const TASK_MEMORY_SECONDS = 3_600;

/** Refusals signed for unauthenticated messages, at most this many a minute; whoever floods the topic gets no more. */
export const MAX_BLIND_REFUSALS_PER_MINUTE = 30;

/** A blob larger than this is refused, in bytes. */
export const MAX_BLOB_BYTES = 2 ** 30;

/** A WASM module larger than this is refused, in bytes. */
export const MAX_MODULE_BYTES = 32 * 2 ** 20;

/** Free space left alone on the disk that holds the state directory: this much, or this share where that is more. */
export const DISK_RESERVE = { bytes: 256 * 2 ** 20, share: 0.05 };

/** Memory left alone for the device itself when work is admitted, in bytes. */
export const MEMORY_RESERVE_BYTES = 64 * 2 ** 20;

/** How long one blob may take to fetch, in milliseconds, and without a single byte arriving. */
export const FETCH_TIMEOUT_MS = 600_000;
export const FETCH_IDLE_MS = 20_000;
