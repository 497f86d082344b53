/** Proofs verified and recorded in one transaction. */
export const MAX_BATCH = 256;

/** Beacons, and with them proofs that cite them, are known this long. Milliseconds. */
export const BEACON_MEMORY_MS = 8 * 86_400_000;

/** Time between beacons, in milliseconds. */
export const BEACON_MS = 5_000;

/** A sign of life counts only if it cites a beacon at most this old, and bridges at most this long a silence. Milliseconds. */
export const PRESENCE_GAP_MS = 75_000;

/** Presence is booked in pieces of this length; what was not booked is what a crash loses. Milliseconds. */
export const PRESENCE_RECORD_MS = 60_000;

/** Assignments that one node may have open. */
export const MAX_OPEN_PER_NODE = 24;

/** An unanswered assignment is sent again after this long, doubling, until it expires. Milliseconds. */
export const RESEND = { baseMs: 5_000, capMs: 120_000 };

/** What a node refused or lost (a module to take, a blob to forget) is asked of it again after this long. Milliseconds. */
export const ASK_AGAIN_MS = 60_000;

/** At most one report of a gap to one node in this time: each proof under way when one was lost meets the same gap. Milliseconds. */
export const GAP_PAUSE_MS = 500;

/** Nodes whose gaps are remembered at once. */
export const MAX_REMEMBERED_GAPS = 10_000;

/** Nodes whose ids, keys and standing are kept at hand; past this they are worked out anew. */
export const MAX_REMEMBERED_NODES = 50_000;

/** Descriptors kept decoded; past this the oldest is decoded anew. */
export const MAX_DECODED_DESCRIPTORS = 10_000;

/** The same trouble is told at most once in this time. Milliseconds. */
export const TROUBLE_PAUSE_MS = 60_000;

/** What a clock step, a slow start or rounding may add to a time before it is implausible, in milliseconds. */
export const TIME_SLACK_MS = 2_000;

/**
 * What a node's idea of the time may lag at first, in milliseconds: it counts the time of a blob from the beacon that stood on the broker
 * when it came, and that is up to a beacon old, or two where one was lost.
 */
export const KEEPING_SLACK_MS = TIME_SLACK_MS + 2 * BEACON_MS;

/** CPU time may exceed cores times wall time by this much: accounting ticks, and work that ends just after it reported. */
export const CPU_SLACK = { factor: 1.1, micros: 200_000 };

/** The rate assumed of a link whose speed the node does not know, in bits per second. */
export const UNKNOWN_LINK_BITS_PER_SECOND = 10_000_000_000;

/** Bytes a task may have moved beyond its link's rate times its time: what buffers held. */
export const TRAFFIC_SLACK_BYTES = 16 * 2 ** 20;

/** The largest content that a plan may place, in bytes. */
export const MAX_CONTENT_BYTES = 256 * 2 ** 20;

/** Contents that nobody needs at two looks this far apart are removed. Milliseconds. */
export const SWEEP_MS = 600_000;

/** Refused proofs of one node that are kept as records each hour; more are answered and counted only. */
export const MAX_REFUSED_RECORDS_PER_HOUR = 600;

/** Refused proofs of one node that are answered each hour. An outbox holds fewer; whoever sends more is not listened to. */
export const MAX_REFUSALS_PER_HOUR = 6_000;

/** New descriptors of one node that are recorded each hour: each start of its agent is one. */
export const MAX_DESCRIPTORS_PER_HOUR = 600;

/** Proofs of a node within CONTRADICTION_WINDOW_MS that deny its descriptor, before it is taken for a lower tier. */
export const CONTRADICTIONS_TO_DEMOTE = 3;

/** How long a proof that denied its node's descriptor speaks against it, in milliseconds: a day. */
export const CONTRADICTION_WINDOW_MS = 86_400_000;

/** Times that a job which cannot be repeated here is tried, before it is let go. */
export const MAX_RECHECK_TRIES = 3;

/** What one record moves at most, in micro-points: a million points. No task is worth it, and 2^63 is nine million times as much. */
export const MAX_POSTING_MICRO_POINTS = 1_000_000_000_000n;

/** Memory that SQLite may use to keep pages of the ledger at hand, in KiB. */
export const LEDGER_CACHE_KIB = 32 * 1024;

/** Messages of one node that are not believed, and told of, each hour; more are only dropped. */
export const MAX_DISBELIEVED_PER_HOUR = 120;

/** Pages of 4 KiB that the write-ahead log of the ledger may hold before they are moved into the file itself. */
export const LEDGER_CHECKPOINT_PAGES = 4_000;
