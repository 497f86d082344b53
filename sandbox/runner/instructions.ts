import { type ByteReader, refuse } from "./byte-reader.ts";

/** What follows an opcode: numbers in LEB128, single bytes, the arguments of a load or store, lists. */
type Immediate = "number" | "byte" | "memory-argument" | "branch-table" | "types" | "4-bytes" | "8-bytes" | "16-bytes";
type Row = readonly [first: number, last: number, ...immediates: Immediate[]];
type Immediates = readonly Immediate[];

/** Instructions of one byte, as ranges of opcodes. */
const PLAIN = byOpcode([
  [0x00, 0x01], // unreachable, nop
  [0x02, 0x04, "number"], // block, loop, if: their type
  [0x05, 0x05], // else
  [0x0b, 0x0b], // end
  [0x0c, 0x0d, "number"], // br, br_if
  [0x0e, 0x0e, "branch-table"], // br_table
  [0x0f, 0x0f], // return
  [0x10, 0x10, "number"], // call
  [0x11, 0x11, "number", "number"], // call_indirect
  [0x12, 0x12, "number"], // return_call
  [0x13, 0x13, "number", "number"], // return_call_indirect
  [0x1a, 0x1b], // drop, select
  [0x1c, 0x1c, "types"], // select with types
  [0x20, 0x26, "number"], // locals, globals, table.get, table.set
  [0x28, 0x3e, "memory-argument"], // loads and stores
  [0x3f, 0x40, "byte"], // memory.size, memory.grow
  [0x41, 0x42, "number"], // i32.const, i64.const
  [0x43, 0x43, "4-bytes"], // f32.const
  [0x44, 0x44, "8-bytes"], // f64.const
  [0x45, 0xc4], // arithmetic, comparisons, conversions
  [0xd0, 0xd0, "number"], // ref.null
  [0xd1, 0xd1], // ref.is_null
  [0xd2, 0xd2, "number"], // ref.func
]);
const MEMORY_GROW = 0x40;

/** Instructions after the byte 0xfc. */
const PREFIXED = byOpcode([
  [0, 7], // saturating conversions
  [8, 8, "number", "byte"], // memory.init
  [9, 9, "number"], // data.drop
  [10, 10, "byte", "byte"], // memory.copy
  [11, 11, "byte"], // memory.fill
  [12, 12, "number", "number"], // table.init
  [13, 13, "number"], // elem.drop
  [14, 14, "number", "number"], // table.copy
  [15, 17, "number"], // table.grow, table.size, table.fill
]);
const TABLE_GROW = 15;

/** Instructions after the byte 0xfd: vectors of 128 bits. Relaxed SIMD starts at 256. */
const VECTOR = byOpcode([
  [0, 11, "memory-argument"], // loads and stores
  [12, 13, "16-bytes"], // v128.const, i8x16.shuffle
  [14, 20],
  [21, 34, "byte"], // extract_lane, replace_lane
  [35, 83],
  [84, 91, "memory-argument", "byte"], // loads and stores of one lane
  [92, 93, "memory-argument"], // loads with zeros
  [94, 255],
]);

/**
 * Walks the instructions of one function to its end and answers the offsets right after each `memory.grow` and `table.grow`.
 *
 * Takes what WebAssembly 2.0 has (core specification 2.0, 5.4) and tail calls. Refuses the rest: relaxed SIMD gives other results
 * on other processors, threads run in another order each time, and of exceptions, garbage collection and several memories this
 * walk does not know the format. Whether the instructions make sense together is left to the engine's validation.
 */
export function findGrowInstructions(reader: ByteReader): number[] {
  const grows: number[] = [];
  while (reader.at < reader.end) {
    const opcode = reader.byte();
    const isPrefix = opcode === 0xfc || opcode === 0xfd;
    const table = opcode === 0xfc ? PREFIXED : opcode === 0xfd ? VECTOR : PLAIN;
    const number = isPrefix ? reader.u32() : opcode;
    const immediates = table[number];
    if (immediates === undefined) {
      const name = isPrefix ? `0x${opcode.toString(16)} ${number}` : `0x${number.toString(16)}`;
      refuse(`uses instruction ${name}, which this sandbox does not take (WebAssembly 2.0 without relaxed SIMD and threads)`);
    }
    for (const immediate of immediates) skip(reader, immediate);
    if (table === PLAIN ? number === MEMORY_GROW : table === PREFIXED && number === TABLE_GROW) grows.push(reader.at);
  }
  return grows;
}

/** The immediates of each opcode by its number; a gap for what is not taken. */
function byOpcode(rows: readonly Row[]): readonly (Immediates | undefined)[] {
  const table: (Immediates | undefined)[] = Array.from({ length: 256 }, () => undefined);
  for (const [first, last, ...immediates] of rows) table.fill(immediates, first, last + 1);
  return table;
}

function skip(reader: ByteReader, immediate: Immediate): void {
  if (immediate === "number") reader.skipNumber();
  else if (immediate === "byte") reader.skip(1);
  else if (immediate === "4-bytes") reader.skip(4);
  else if (immediate === "8-bytes") reader.skip(8);
  else if (immediate === "16-bytes") reader.skip(16);
  else if (immediate === "types") {
    for (let left = reader.u32(); left > 0; left -= 1) reader.valueType();
  } else if (immediate === "branch-table") {
    for (let left = reader.u32() + 1; left > 0; left -= 1) reader.skipNumber();
  } else {
    // A memory argument: alignment, with a bit that says another memory than the first, and offset.
    if (reader.u32() >= 0x40) refuse("uses more than one memory");
    reader.skipNumber();
  }
}
