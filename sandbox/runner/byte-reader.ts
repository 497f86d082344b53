/** Why the bytes of a module are not run at all. */
export class ModuleRefusal extends Error {
  readonly reason: "invalid-module" | "memory";

  constructor(reason: "invalid-module" | "memory", message: string) {
    super(message);
    this.reason = reason;
  }
}

/** Says that a module is not one that this sandbox takes. */
export function refuse(what: string): never {
  throw new ModuleRefusal("invalid-module", what);
}

/** Reads the WebAssembly binary format front to back (core specification 2.0, chapter 5); throws a refusal at an untimely end. */
export class ByteReader {
  readonly bytes: Uint8Array;
  /** Where the next read starts. */
  at: number;
  readonly end: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
  }

  byte(): number {
    const value = this.at < this.end ? this.bytes[this.at] : undefined;
    if (value === undefined) return refuse("the module ends too early");
    this.at += 1;
    return value;
  }

  skip(count: number): void {
    if (count > this.end - this.at) refuse("the module ends too early");
    this.at += count;
  }

  /** An unsigned LEB128 number of up to 32 bits. */
  u32(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const part = this.byte();
      value += (part & 0x7f) * 2 ** shift;
      if (part < 0x80) return value < 2 ** 32 ? value : refuse("a number is too large");
    }
    return refuse("a number is too long");
  }

  /** Passes over a LEB128 number of up to 64 bits, signed or not. */
  skipNumber(): void {
    for (let length = 0; length < 10; length += 1) {
      if (this.byte() < 0x80) return;
    }
    refuse("a number is too long");
  }

  /** The next `count` bytes as a reader of their own. */
  part(count: number): ByteReader {
    const start = this.at;
    this.skip(count);
    return new ByteReader(this.bytes, start, this.at);
  }

  /** A name: its length, then UTF-8. */
  name(): string {
    const { bytes, at, end } = this.part(this.u32());
    return Buffer.from(bytes.subarray(at, end)).toString("utf8");
  }

  /** A type of values that WebAssembly 2.0 knows: i32, i64, f32, f64, v128, funcref, externref. */
  valueType(): void {
    const type = this.byte();
    if (type !== 0x70 && type !== 0x6f && (type < 0x7b || type > 0x7f)) refuse("uses types beyond WebAssembly 2.0");
  }
}

/** An unsigned number in LEB128. */
export function encodeU32(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return [...bytes, rest];
}
