/** The runner's host, in this very process: only modules of ours that end. Node's own WASI is asked for comparison. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "tap";
import { makePreview1 } from "../../../sandbox/runner/preview1.ts";
import { makeRandomStream } from "../../../sandbox/runner/random-stream.ts";
import { runModule } from "../../../sandbox/runner/run-module.ts";
import { assembleFixture, assembleText, readExample } from "../../contract/wasm-fixtures.ts";

const HEADER = {
  args: ["module"],
  seed: "07".repeat(32),
  epochSeconds: 1_700_000_000,
  outputBytes: 100_000,
  memoryPages: 256,
  tableEntries: 1000,
  moduleBytes: 0,
  stdinBytes: 0,
};

function runHere(module: Uint8Array, args: readonly string[] = ["module"], stdin = new Uint8Array(), outputBytes = 100_000) {
  const written: Record<number, Buffer[]> = { 1: [], 2: [] };
  const report = runModule({ ...HEADER, args, outputBytes }, module, stdin, (descriptor, bytes) => {
    written[descriptor]?.push(Buffer.from(bytes));
  });
  return { report, stdout: Buffer.concat(written[1] ?? []), stderr: Buffer.concat(written[2] ?? []) };
}

/** The same command by `node:wasi`. */
function runByNode(
  module: Uint8Array,
  args: readonly string[],
  stdin: Uint8Array,
): { stdout: Buffer; stderr: Buffer; exitCode: number | null } {
  const folder = mkdtempSync(join(tmpdir(), "bonus-wasi-"));
  const path = join(folder, "module.wasm");
  writeFileSync(path, module);
  const code = `
    const { WASI } = require("node:wasi");
    const wasi = new WASI({ version: "preview1", args: ${JSON.stringify(args)}, env: {}, returnOnExit: true });
    const module = new WebAssembly.Module(require("node:fs").readFileSync(${JSON.stringify(path)}));
    process.exitCode = wasi.start(new WebAssembly.Instance(module, wasi.getImportObject()));`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ["--no-warnings", "-e", code], { input: stdin });
  rmSync(folder, { recursive: true });
  return { stdout, stderr, exitCode: status };
}

test("commands end and write as they do with Node's own WASI", async (t) => {
  const stdin = Buffer.from("some input\n".repeat(500));
  const example = readExample().binary;
  const commands: readonly (readonly [string, Uint8Array, string[]])[] = [
    ["primes", example, ["module", "100000"]],
    ["primes without N", example, ["module"]],
    ["primes of a word", example, ["module", "many"]],
    ["echo", assembleFixture("echo"), ["module"]],
    ["show-args", assembleFixture("show-args"), ["module", "a b", "", "ü"]],
    ["exit-7", assembleFixture("exit-7"), ["module"]],
    ["write-bytewise", assembleFixture("write-bytewise"), ["module"]],
  ];
  for (const [name, module, args] of commands) {
    const ours = runHere(module, args, stdin, 1_000_000);
    const theirs = runByNode(module, args, stdin);
    t.match(ours.report, { kind: "exited", exitCode: theirs.exitCode, stdoutBytes: theirs.stdout.length }, name);
    t.ok(ours.stdout.equals(theirs.stdout) && ours.stderr.equals(theirs.stderr), `${name} writes the same`);
  }
});

test("the example counts", async (t) => {
  const of = (n: string) => runHere(readExample().binary, ["module", n]);
  t.equal(of("2").stdout.toString(), "1 primes up to 2, the last is 2\n");
  t.equal(of("30").stdout.toString(), "10 primes up to 30, the last is 29\n");
  t.equal(of("1000003").stdout.toString(), "78499 primes up to 1000003, the last is 1000003\n");
  for (const wrong of ["", "0", "1", "-5", "1000000001", "99999999999999999999", "5x"]) {
    const { report, stdout, stderr } = of(wrong);
    t.match(report, { kind: "exited", exitCode: 2 }, wrong);
    t.equal(stdout.length, 0);
    t.match(stderr.toString(), /^usage: primes N/);
  }
});

test("the committed example is what its text assembles to", async (t) => {
  const { binary, text } = readExample();
  t.ok(Buffer.from(assembleText("primes", text)).equals(binary), "assemble sandbox/example/primes.wat again");
  t.ok(binary.length < 2048);
});

test("random bytes are the ChaCha20 key stream, in whatever portions", async (t) => {
  // From `openssl enc -chacha20 -K 0707… -iv 0` on zeros.
  const expected = "f400927857aaf64114f561baacb379708c79a1dc1476ab573216a4020764bde5";
  const take = (...portions: number[]): string => {
    const random = makeRandomStream(new Uint8Array(32).fill(7));
    return portions
      .map((length) => {
        const target = new Uint8Array(length);
        random(target);
        return Buffer.from(target).toString("hex");
      })
      .join("");
  };
  t.equal(take(32), expected);
  t.equal(take(1, 0, 30, 1), expected);
  t.equal(take(200_000), take(100_000, 65_536, 34_464));
});

/** The host's functions over a memory of one page, called as a guest would. */
function makeHost() {
  const buffer = new ArrayBuffer(65_536);
  const written: string[] = [];
  const host = makePreview1({
    args: ["module"],
    stdin: Buffer.from("abcdef"),
    epochSeconds: 5,
    random: (target) => target.fill(9),
    write: (stream, bytes) => written.push(`${stream}:${Buffer.from(bytes).toString("utf8")}`),
  });
  host.attach({ buffer });
  const call = (name: string, ...values: (number | bigint)[]): number => host.functions[name]?.(...values) ?? Number.NaN;
  return { call, view: new DataView(buffer), bytes: new Uint8Array(buffer), written };
}

test("descriptors can be closed and renumbered, and only the three exist", async (t) => {
  const { call, bytes, view, written } = makeHost();
  bytes.set(Buffer.from("xyz"), 100);
  view.setUint32(0, 100, true);
  view.setUint32(4, 3, true);
  const write = (fd: number) => call("fd_write", fd, 0, 1, 8);
  t.equal(write(1), 0);
  t.equal(write(0), 76, "standard input cannot be written");
  t.equal(call("fd_read", 1, 0, 1, 8), 76, "standard output cannot be read");
  t.equal(write(3), 8);
  t.equal(call("fd_renumber", 2, 7), 8, "only onto one that is there");
  t.equal(call("fd_renumber", 2, 1), 0);
  t.equal(write(1), 0, "now standard error");
  t.equal(write(2), 8);
  t.equal(call("fd_close", 1), 0);
  t.equal(call("fd_close", 1), 8);
  t.same(written, ["stdout:xyz", "stderr:xyz"]);
  t.equal(call("fd_prestat_get", 3, 0), 8);
  t.equal(call("path_open", 0, 0, 0, 0, 0, 0n, 0n, 0, 0), 54);
  t.equal(call("path_symlink", 0, 0, 9, 0, 0), 8);
  t.equal(call("sock_accept", 0, 0, 0), 57);
  t.equal(call("proc_raise", 9), 52);
  try {
    call("proc_exit", -1);
    t.fail("it came back");
  } catch (thrown) {
    t.match(thrown, { exitCode: 0xffff_ffff });
  }
});

test("reading goes over vectors and ends short at the end", async (t) => {
  const { call, view, bytes } = makeHost();
  for (const [index, length] of [2, 0, 3, 9].entries()) {
    view.setUint32(index * 8, 100 + index * 16, true);
    view.setUint32(index * 8 + 4, length, true);
  }
  t.equal(call("fd_read", 0, 0, 4, 64), 0);
  t.equal(view.getUint32(64, true), 6);
  t.same([...bytes.subarray(100, 102), ...bytes.subarray(132, 135), bytes[148]], [...Buffer.from("abcdef")]);
  t.equal(call("fd_read", 0, 0, 4, 64), 0);
  t.equal(view.getUint32(64, true), 0, "the end");
});

test("polling answers at once", async (t) => {
  const { call, view } = makeHost();
  const subscribe = (index: number, tag: number, fd: number, timeout = 0n): void => {
    view.setBigUint64(index * 48, BigInt(index + 1), true);
    view.setUint8(index * 48 + 8, tag);
    view.setUint32(index * 48 + 16, fd, true);
    view.setBigUint64(index * 48 + 24, timeout, true);
  };
  const poll = (count: number): number[][] => {
    t.equal(call("poll_oneoff", 0, 4096, count, 8192), 0);
    return Array.from({ length: view.getUint32(8192, true) }, (_, index) => {
      const at = 4096 + index * 32;
      return [
        Number(view.getBigUint64(at, true)),
        view.getUint16(at + 8, true),
        view.getUint8(at + 10),
        Number(view.getBigUint64(at + 16, true)),
      ];
    });
  };
  subscribe(0, 0, 1, 9_000n);
  subscribe(1, 0, 1, 5_000n);
  t.same(poll(2), [[2, 0, 0, 0]], "the clock that rings first");
  subscribe(2, 1, 0);
  subscribe(3, 2, 1);
  subscribe(4, 2, 77);
  t.same(poll(5), [
    [3, 0, 1, 6],
    [4, 0, 2, 65_536],
    [5, 8, 2, 0],
  ]);
  subscribe(0, 3, 0);
  t.equal(call("poll_oneoff", 0, 4096, 1, 8192), 28, "no such event");
});

test("every function of preview 1 is there", async (t) => {
  const { call } = makeHost();
  const { WASI } = await import("node:wasi");
  const names = Object.keys(new WASI({ version: "preview1" }).wasiImport);
  t.ok(names.length >= 45);
  for (const name of names.filter((one) => one !== "proc_exit")) {
    t.ok(Number.isInteger(call(name, ...Array.from({ length: 9 }, () => -1))), `${name} answers nonsense with a number`);
  }
});
