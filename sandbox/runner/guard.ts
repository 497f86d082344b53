import { ByteReader, encodeU32, ModuleRefusal, refuse } from "./byte-reader.ts";
import { findGrowInstructions } from "./instructions.ts";

/** A module that may be run. */
export interface GuardedModule {
  readonly bytes: Uint8Array;
  /** Index of the function that traps when memory or a table did not grow; undefined where the module never grows one. */
  readonly guardFunction: number | undefined;
}

/** What a module may ask for. */
export interface GuardLimits {
  /** Pages of 64 KiB that its memory may declare at the start. */
  readonly memoryPages: number;
  /** Entries that its tables together may declare at the start. */
  readonly tableEntries: number;
  /** Whether the host has a function of that name. */
  readonly isHostFunction: (name: string) => boolean;
}

/** The only module that imports may name. */
export const HOST_MODULE = "wasi_snapshot_preview1";

const MAGIC_AND_VERSION = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const LAST_SECTION = 12;
const MAX_TABLES = 8;
/** (i32) -> (i32) */
const GUARD_TYPE = [0x60, 0x01, 0x7f, 0x01, 0x7f];
/** No locals; if the argument is -1, unreachable; else the argument. */
const GUARD_BODY = [0x00, 0x20, 0x00, 0x41, 0x7f, 0x46, 0x04, 0x40, 0x00, 0x0b, 0x20, 0x00, 0x0b];

/**
 * Looks through a module before the engine sees it, and makes every failure to grow a trap: where an engine runs out of memory is
 * its own affair, so a module that could go on after a failed `memory.grow` could give another output on another machine. After
 * each `memory.grow` and `table.grow` goes a call to an added function that traps on -1. Custom sections are left out: they are
 * hints, which the result must not depend on. Throws a ModuleRefusal for what is not run.
 */
export function guardModule(module: Uint8Array, limits: GuardLimits): GuardedModule {
  const reader = new ByteReader(module);
  for (const expected of MAGIC_AND_VERSION) {
    if (reader.at >= module.length || reader.byte() !== expected) refuse("is not a WebAssembly module");
  }
  const found: Found = { types: 0, importedFunctions: 0, definedFunctions: 0, bodies: [] };
  const sections: Section[] = [];
  while (reader.at < reader.end) {
    const id = reader.byte();
    const payload = reader.part(reader.u32());
    if (id > LAST_SECTION) refuse("has sections beyond WebAssembly 2.0");
    if (id === 0) continue;
    sections.push({ id, start: payload.at, end: payload.end });
    readSection(id, payload, found, limits);
  }
  const grows = found.bodies.some((body) => body.grows.length > 0);
  const guardFunction = grows ? found.importedFunctions + found.definedFunctions : undefined;
  return { bytes: rebuild(module, sections, found, guardFunction), guardFunction };
}

interface Section {
  readonly id: number;
  readonly start: number;
  readonly end: number;
}

interface Body {
  readonly start: number;
  readonly end: number;
  /** Offsets where the guard is called. */
  readonly grows: readonly number[];
}

interface Found {
  types: number;
  importedFunctions: number;
  definedFunctions: number;
  readonly bodies: Body[];
}

function readSection(id: number, payload: ByteReader, found: Found, limits: GuardLimits): void {
  if (id === 1) readTypes(payload, found);
  else if (id === 2) readImports(payload, found, limits);
  else if (id === 3) found.definedFunctions = payload.u32();
  else if (id === 4) readTables(payload, limits);
  else if (id === 5) readMemories(payload, limits);
  else if (id === 10) readBodies(payload, found);
}

function readTypes(payload: ByteReader, found: Found): void {
  found.types = payload.u32();
  for (let index = 0; index < found.types; index += 1) {
    if (payload.byte() !== 0x60) refuse("uses types beyond WebAssembly 2.0");
    // Parameters, then results.
    for (let left = payload.u32(); left > 0; left -= 1) payload.valueType();
    for (let left = payload.u32(); left > 0; left -= 1) payload.valueType();
  }
}

function readImports(payload: ByteReader, found: Found, limits: GuardLimits): void {
  for (let left = payload.u32(); left > 0; left -= 1) {
    const from = payload.name();
    const name = payload.name();
    const isFunction = payload.byte() === 0x00;
    payload.skipNumber();
    if (from !== HOST_MODULE) refuse(`imports ${quoted(from)} ${quoted(name)}; only ${HOST_MODULE} is there`);
    if (!isFunction || !limits.isHostFunction(name)) refuse(`imports ${quoted(name)}, which ${HOST_MODULE} does not have`);
    found.importedFunctions += 1;
  }
}

/** A name out of a stranger's module, fit for a message. */
function quoted(name: string): string {
  return JSON.stringify(name.slice(0, 64));
}

function readTables(payload: ByteReader, limits: GuardLimits): void {
  const count = payload.u32();
  if (count > MAX_TABLES) refuse(`has ${count} tables; ${MAX_TABLES} are allowed`);
  let entries = 0;
  for (let left = count; left > 0; left -= 1) {
    payload.valueType();
    entries += readLimits(payload).min;
  }
  if (entries > limits.tableEntries) {
    throw new ModuleRefusal("memory", `declares ${entries} entries of tables; ${limits.tableEntries} are allowed`);
  }
}

function readMemories(payload: ByteReader, limits: GuardLimits): void {
  const count = payload.u32();
  if (count > 1) refuse("has more than one memory");
  if (count === 0) return;
  const { min } = readLimits(payload);
  if (min > limits.memoryPages) {
    throw new ModuleRefusal("memory", `declares ${min} pages of memory; ${limits.memoryPages} are allowed`);
  }
}

function readLimits(payload: ByteReader): { readonly min: number } {
  const flags = payload.byte();
  if (flags > 1) refuse("uses shared or 64-bit memory");
  const min = payload.u32();
  if (flags === 1) payload.u32();
  return { min };
}

function readBodies(payload: ByteReader, found: Found): void {
  for (let left = payload.u32(); left > 0; left -= 1) {
    const body = payload.part(payload.u32());
    const start = body.at;
    for (let groups = body.u32(); groups > 0; groups -= 1) {
      body.skipNumber();
      body.valueType();
    }
    found.bodies.push({ start, end: body.end, grows: findGrowInstructions(body) });
  }
}

/** The module again, without custom sections, and with the guard where it is needed. */
function rebuild(module: Uint8Array, sections: readonly Section[], found: Found, guardFunction: number | undefined): Uint8Array {
  const parts: Uint8Array[] = [Uint8Array.from(MAGIC_AND_VERSION)];
  for (const { id, start, end } of sections) {
    const pieces =
      guardFunction === undefined ? undefined : guardedSection(id, module.subarray(start, end), module, found, guardFunction);
    const payload = pieces === undefined ? module.subarray(start, end) : Buffer.concat(pieces);
    parts.push(Uint8Array.from([id, ...encodeU32(payload.length)]), payload);
  }
  return Buffer.concat(parts);
}

/** The new content of a section that the guard changes, in pieces; undefined for the others. */
function guardedSection(
  id: number,
  payload: Uint8Array,
  module: Uint8Array,
  found: Found,
  guard: number,
): Uint8Array[] | undefined {
  const withOneMore = (count: number, added: readonly number[]): Uint8Array[] => {
    const afterCount = new ByteReader(payload);
    afterCount.u32();
    return [Uint8Array.from(encodeU32(count + 1)), payload.subarray(afterCount.at), Uint8Array.from(added)];
  };
  if (id === 1) return withOneMore(found.types, GUARD_TYPE);
  if (id === 3) return withOneMore(found.definedFunctions, encodeU32(found.types));
  if (id !== 10) return undefined;
  const call = Uint8Array.from([0x10, ...encodeU32(guard)]);
  const pieces: Uint8Array[] = [Uint8Array.from(encodeU32(found.bodies.length + 1))];
  for (const body of found.bodies) {
    pieces.push(Uint8Array.from(encodeU32(body.end - body.start + body.grows.length * call.length)));
    let from = body.start;
    for (const at of body.grows) {
      pieces.push(module.subarray(from, at), call);
      from = at;
    }
    pieces.push(module.subarray(from, body.end));
  }
  pieces.push(Uint8Array.from([...encodeU32(GUARD_BODY.length), ...GUARD_BODY]));
  return pieces;
}
