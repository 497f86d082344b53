/** A TOML file larger than this is refused before it is parsed; the largest real one (a board) is under 4 KiB. */
export const MAX_TOML_BYTES = 256 * 1024;

/** A seed, certificate or key file larger than this is not one. */
export const MAX_KEY_FILE_BYTES = 64 * 1024;

/** How long a database statement waits for another process that holds the write lock, in milliseconds. */
export const DATABASE_BUSY_MS = 5_000;

/** Output kept from a helper program unless the caller asks for less, in bytes. */
export const MAX_PROGRAM_OUTPUT_BYTES = 256 * 1024;

/** How long a helper program may run unless the caller asks for less, in milliseconds. */
export const MAX_PROGRAM_MS = 60_000;
