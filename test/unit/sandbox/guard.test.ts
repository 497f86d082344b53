/** What is looked for in a module before the engine sees it, and what is added to it. */
import { test } from "tap";
import { ByteReader, encodeU32, ModuleRefusal } from "../../../sandbox/runner/byte-reader.ts";
import { engine } from "../../../sandbox/runner/engine.ts";
import { guardModule } from "../../../sandbox/runner/guard.ts";
import { assembleFixture, assembleText, readExample } from "../../contract/wasm-fixtures.ts";

const LIMITS = { memoryPages: 100, tableEntries: 1000, isHostFunction: (name: string) => name !== "proc_exec" };

function refusalOf(module: Uint8Array, limits = LIMITS): { reason: string; message: string } | undefined {
  try {
    guardModule(module, limits);
    return undefined;
  } catch (thrown) {
    if (thrown instanceof ModuleRefusal) return { reason: thrown.reason, message: thrown.message };
    throw thrown;
  }
}

function guarded(text: string) {
  const { bytes, guardFunction } = guardModule(assembleText("guarded", text), LIMITS);
  return { guardFunction, exports: new engine.Instance(new engine.Module(bytes), {}).exports };
}

function call(exports: Readonly<Record<string, unknown>>, name: string, ...values: number[]): unknown {
  const found = exports[name];
  if (typeof found !== "function") throw new Error(`no export ${name}`);
  return found(...values);
}

test("numbers in LEB128", async (t) => {
  for (const value of [0, 1, 127, 128, 300, 65_535, 2 ** 31, 2 ** 32 - 1]) {
    t.equal(new ByteReader(Uint8Array.from(encodeU32(value))).u32(), value);
  }
  for (const bytes of [[], [0x80], [0xff, 0xff, 0xff, 0xff, 0x1f], [0x80, 0x80, 0x80, 0x80, 0x80, 0]]) {
    t.throws(() => new ByteReader(Uint8Array.from(bytes)).u32(), /too (early|large|long)/);
  }
});

test("a module that never grows keeps its bytes, but for custom sections", async (t) => {
  const module = assembleFixture("echo");
  t.same(guardModule(module, LIMITS), { bytes: Buffer.from(module), guardFunction: undefined });
  const custom = Uint8Array.from([0, 5, 4, ...Buffer.from("name")]);
  t.same(Buffer.from(guardModule(Buffer.concat([module, custom]), LIMITS).bytes), Buffer.from(module));
});

test("a memory that does not grow is a trap in the guard", async (t) => {
  const { guardFunction, exports } = guarded(`(module
    (memory (export "memory") 1 3)
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "grow") (param i32) (result i32) (i32.add (memory.grow (local.get 0)) (i32.const 1000))))`);
  t.equal(guardFunction, 2);
  t.equal(call(exports, "add", 2, 3), 5);
  t.equal(call(exports, "grow", 2), 1001, "what memory.grow answers goes on");
  t.throws(() => call(exports, "grow", 1), { name: "RuntimeError", stack: /wasm-function\[2\]/ });
});

test("a table that does not grow, in a module with many kinds of instructions around", async (t) => {
  const { exports } = guarded(`(module
    (memory 1)
    (table $table 1 2 funcref)
    (elem declare func $twice)
    (type $number (func (param i32) (result i32)))
    (func $twice (type $number) (i32.shl (local.get 0) (i32.const 1)))
    (func (export "grow") (param i32) (result i32) (local i64 f32 f64 v128)
      (local.set 1 (i64.const -9223372036854775808))
      (local.set 2 (f32.const 1.5))
      (local.set 3 (f64.const -2.25))
      (local.set 4 (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 (v128.const i64x2 1 2) (v128.load offset=16 (i32.const 0))))
      (drop (i32x4.extract_lane 3 (v128.load32_lane 2 (i32.const 4) (local.get 4))))
      (drop (i32.trunc_sat_f64_s (local.get 3)))
      (drop (select (result funcref) (ref.null func) (ref.func $twice) (i32.const 1)))
      (memory.fill (i32.const 0) (i32.const 64) (i32.const 16))
      (memory.copy (i32.const 32) (i32.const 0) (i32.const 16))
      (block $a (block $b (block $c (br_table $a $b $c (local.get 0)))))
      (table.set $table (i32.const 0) (ref.func $twice))
      (drop (call_indirect $table (type $number) (i32.const 21) (i32.const 0)))
      (table.grow $table (ref.null func) (local.get 0)))
    (func (export "tail") (type $number) (return_call $twice (local.get 0))))`);
  t.equal(call(exports, "grow", 1), 1);
  t.equal(call(exports, "tail", 21), 42);
  t.throws(() => call(exports, "grow", 1), { name: "RuntimeError" });
});

test("grow in code that is never reached still makes a valid module", async (t) => {
  const { exports } = guarded(`(module (memory 1) (func (export "run") (result i32)
    (return (i32.const 4)) (drop (memory.grow (i32.const 1))) (i32.const 5)))`);
  t.equal(call(exports, "run"), 4);
});

test("the example is guarded and otherwise untouched", async (t) => {
  const { bytes, guardFunction } = guardModule(readExample().binary, LIMITS);
  t.ok(guardFunction !== undefined);
  t.ok(bytes.length - readExample().binary.length < 40);
});

test("what is refused, and why", async (t) => {
  const refused: readonly (readonly [text: string, reason: string, why: RegExp])[] = [
    [`(module (import "env" "x" (func)))`, "invalid-module", /imports "env" "x"/],
    [`(module (import "wasi_snapshot_preview1" "proc_exec" (func)))`, "invalid-module", /"proc_exec"/],
    [`(module (import "wasi_snapshot_preview1" "fd_read" (global i32)))`, "invalid-module", /"fd_read"/],
    [`(module (import "wasi_unstable" "fd_read" (func)))`, "invalid-module", /wasi_unstable/],
    [`(module (memory 1 1 shared))`, "invalid-module", /shared/],
    [`(module (memory 101))`, "memory", /101 pages/],
    [`(module (table 1001 funcref))`, "memory", /1001 entries/],
    [`(module (table 600 funcref) (table 600 externref))`, "memory", /1200 entries/],
    [`(module ${"(table 1 funcref)".repeat(9)})`, "invalid-module", /9 tables/],
    [`(module (memory 1 1 shared) (func (drop (i32.atomic.load (i32.const 0)))))`, "invalid-module", /shared/],
  ];
  for (const [text, reason, why] of refused) t.match(refusalOf(assembleText("refused", text)), { reason, message: why }, text);
  t.match(refusalOf(assembleFixture("relaxed-simd")), { reason: "invalid-module", message: /0xfd 256/ });
  t.match(refusalOf(new Uint8Array()), { message: /not a WebAssembly module/ });
  t.match(refusalOf(Buffer.from("0061736d02000000", "hex")), { message: /not a WebAssembly module/ });
  t.match(refusalOf(Buffer.from("0061736d010000000d00", "hex")), { message: /sections/ }, "exceptions");
  t.match(refusalOf(Buffer.from("0061736d01000000010501", "hex")), { message: /too early/ });
  // Two memories; a memory of 64 bits; a struct type; a body that uses a second memory.
  t.match(refusalOf(Buffer.from("0061736d010000000505020001" + "0001", "hex")), { message: /more than one memory/ });
  t.match(refusalOf(Buffer.from("0061736d0100000005030104" + "01", "hex")), { message: /64-bit/ });
  t.match(refusalOf(Buffer.from("0061736d010000000105015f017f00", "hex")), { message: /beyond WebAssembly 2.0/ });
  t.match(refusalOf(Buffer.from("0061736d010000000a0a01080041002842000001", "hex")), { reason: "invalid-module" });
});
