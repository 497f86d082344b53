import type { EngineMemory } from "./engine.ts";

/** A pointer of the guest leads out of its memory. */
export class GuestFault extends Error {}

/** The guest's linear memory, each access checked against its present size. Numbers are little-endian. */
export interface GuestMemory {
  bytes(pointer: number, length: number): Uint8Array;
  getU32(pointer: number): number;
  setU8(pointer: number, value: number): void;
  setU16(pointer: number, value: number): void;
  setU32(pointer: number, value: number): void;
  getU64(pointer: number): bigint;
  setU64(pointer: number, value: bigint): void;
}

/**
 * The memory that `find` answers; it is asked at each access, because growing moves the buffer. Throws GuestFault outside of it.
 */
export function makeGuestMemory(find: () => EngineMemory): GuestMemory {
  // The engine hands 32-bit numbers over as signed.
  const span = (pointer: number, length: number): readonly [ArrayBuffer, number, number] => {
    const { buffer } = find();
    const start = pointer >>> 0;
    const size = length >>> 0;
    if (start + size > buffer.byteLength) throw new GuestFault();
    return [buffer, start, size];
  };
  const view = (pointer: number, length: number): DataView => new DataView(...span(pointer, length));
  return {
    bytes: (pointer, length) => new Uint8Array(...span(pointer, length)),
    getU32: (pointer) => view(pointer, 4).getUint32(0, true),
    setU8: (pointer, value) => view(pointer, 1).setUint8(0, value),
    setU16: (pointer, value) => view(pointer, 2).setUint16(0, value, true),
    setU32: (pointer, value) => view(pointer, 4).setUint32(0, value, true),
    getU64: (pointer) => view(pointer, 8).getBigUint64(0, true),
    setU64: (pointer, value) => view(pointer, 8).setBigUint64(0, BigInt.asUintN(64, value), true),
  };
}
