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

/** At most one report of a gap to one node in this time: each proof under way when one was lost meets the same gap. Milliseconds. */
export const GAP_PAUSE_MS = 500;

/** What a clock step, a slow start or rounding may add to a time before it is implausible, in milliseconds. */
export const TIME_SLACK_MS = 2_000;

/** CPU time may exceed cores times wall time by this much: accounting ticks, and work that ends just after it reported. */
export const CPU_SLACK = { factor: 1.1, micros: 200_000 };

/** The rate assumed of a link whose speed the node does not know, in bits per second. */
export const UNKNOWN_LINK_BITS_PER_SECOND = 10_000_000_000;

/** Bytes a task may have moved beyond its link's rate times its time: what buffers held. */
export const TRAFFIC_SLACK_BYTES = 16 * 2 ** 20;

/** The largest content that a plan may place, in bytes. */
export const MAX_CONTENT_BYTES = 256 * 2 ** 20;

/** Refused proofs of one node that are kept as records each hour; more are answered and counted only. */
export const MAX_REFUSED_RECORDS_PER_HOUR = 600;

/** New descriptors of one node that are recorded each hour: each start of its agent is one. */
export const MAX_DESCRIPTORS_PER_HOUR = 600;
