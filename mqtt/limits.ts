/** Retry waits after a lost or refused connection: from half a second, doubling, to a minute. Milliseconds. */
export const RECONNECT = { baseMs: 500, capMs: 60_000 };

/** A connection that lasted shorter than this counts as a failed attempt, so that a broker which drops each client is not hammered. Milliseconds. */
export const STEADY_MS = 5_000;

/** How long TCP, TLS and the MQTT handshake may take together, in milliseconds. */
export const CONNECT_TIMEOUT_MS = 15_000;

/** Silence after which the broker is asked for a sign of life, in seconds; twice this and the connection is given up. */
export const KEEPALIVE_SECONDS = 45;

/** How long a publish at QoS 1 waits for the broker's acknowledgement, in milliseconds. */
export const PUBLISH_TIMEOUT_MS = 20_000;

/** How long a closing connection may take to say goodbye, in milliseconds. */
export const CLOSE_TIMEOUT_MS = 1_000;

/** An incoming packet larger than this ends the connection: the largest message and its topic fit twice. Bytes. */
export const MAX_PACKET_BYTES = 160 * 1024;

/** Messages handed to a receiver and not yet taken; past this the broker is not read from until it catches up. */
export const MAX_UNTAKEN_MESSAGES = 512;

/** A password or certificate file larger than this is none; the system's own list of authorities has a quarter of it. Bytes. */
export const MAX_LOGIN_FILE_BYTES = 1024 * 1024;
