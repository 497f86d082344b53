/**
 * base: what knows nothing of devices. Time, randomness, bytes, errors, amounts with units, TOML read strictly, durable files,
 * a durable database, a lock on a directory, helper programs and the log. Every other room stands on this one; it imports none.
 */
export { type AddressRule, classifyAddress, isPublicAddress } from "./address.ts";
export { type BackoffShape, backoffMs } from "./backoff.ts";
export { bytesEqual, compareBytes, concatBytes, fromHex, sha256, toHex } from "./bytes.ts";
export type { Clock } from "./clock.ts";
export { makeSystemClock } from "./clock-linux.ts";
export { type Database, type DatabaseOptions, openDatabase, type Statement, setDatabaseAside } from "./database-store.ts";
export { assert, BaseError, type BaseErrorCode, CodedError, messageOf } from "./errors.ts";
export { type DurableWrite, makeFolder, readFileBounded, syncFolder, writeFileDurably } from "./files-linux.ts";
export { MAX_KEY_FILE_BYTES, MAX_PROGRAM_MS, MAX_PROGRAM_OUTPUT_BYTES, MAX_TOML_BYTES } from "./limits.ts";
export { type DirectoryLock, lockDirectory } from "./lock-store.ts";
export { LOG_LEVELS, type Log, type LogFields, type LogLevel, silentLog } from "./log.ts";
export { type LogOptions, makeLog } from "./log-linux.ts";
export { nearestWord } from "./nearest.ts";
export { oneLine } from "./one-line.ts";
export type { MeterOptions, MeterProcessTree, ProcessMeter, ProcessUsage } from "./process-meter.ts";
export { listProcessTree, meterProcessTree } from "./process-meter-linux.ts";
export type { ProgramOptions, ProgramOutcome, RunProgram } from "./program.ts";
export { makeProgramRunner } from "./program-linux.ts";
export { formatBytes, parseBitsPerSecond, parseByteCount, parseDurationMs, QUANTITY_FORMS } from "./quantities.ts";
export { makeSeededRandom, type Random } from "./random.ts";
export { makeSystemRandom } from "./random-linux.ts";
export { failure, type Result, success } from "./result.ts";
export { loadOrCreateSecret } from "./secret-store.ts";
export { decodeToml, lineOfKey, type TomlProblem } from "./toml.ts";
