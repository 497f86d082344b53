/** A message larger than this is refused before anything in it is read. */
export const MAX_MESSAGE_BYTES = 64 * 1024;

/** CBOR nested deeper than this is refused. */
export const MAX_CBOR_DEPTH = 16;

/** An object or result carried inside a message, in bytes; what is left of the message holds the claims around it. */
export const MAX_INLINE_BYTES = 32 * 1024;

/** Free text for people: a reason's detail, a capability's explanation. Characters (Unicode code points). */
export const MAX_TEXT = 256;

/** A host name or URL to measure or fetch. Characters. */
export const MAX_TARGET = 1024;

/** Entries in any list of a message: targets, reasons, capabilities, arguments. */
export const MAX_LIST = 32;

/** A network's name: lower-case letters, digits, dot and dash, fit for a topic and a file name. */
export const NETWORK_NAME = /^[a-z0-9][a-z0-9.-]{0,62}$/;
