/**
 * The program inside the jail: takes one job from its channel (descriptor 3), runs it, reports how it ended, and waits to be
 * ended. It imports nothing but Node's own modules and its neighbours, so that this folder alone is what a jail has to hold. It
 * is a program (a main): nothing imports it.
 */
import { existsSync, readSync, writeSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { setFlagsFromString } from "node:v8";
import { Worker } from "node:worker_threads";
import { type JobHeader, type Report, runModule } from "./run-module.ts";

const CHANNEL = 3;
const MAX_HEADER_BYTES = 1024 * 1024;
const DETAIL_CHARACTERS = 200;
const PAUSE = new Int32Array(new SharedArrayBuffer(4));
const PAUSE_MS = 1;
/** The second thread, as text: a jail then needs no further file, and the thread no loader. */
const WATCH = `
  const { readSync } = require("node:fs");
  const pause = new Int32Array(new SharedArrayBuffer(4));
  const isOpen = () => {
    try {
      return readSync(0, Buffer.alloc(1)) > 0;
    } catch (thrown) {
      return thrown.code === "EAGAIN";
    }
  };
  while (isOpen()) Atomics.wait(pause, 0, 0, 100);
  process.kill(process.pid, "SIGKILL");
`;

/** What the parent hands over on the command line. */
interface Settings {
  /** Paths of the machine that a jail should hide: those that exist are reported. */
  readonly probe: readonly string[];
  /** Whether nothing else ends this process when its parent is gone. Standard input is then open as long as the parent lives. */
  readonly watchParent: boolean;
}

function main(settings: Settings): void {
  const sees = settings.probe.filter((path) => existsSync(path));
  send({ kind: "ready", pid: process.pid, sees, interfaces: Object.keys(networkInterfaces()) });
  const header = JSON.parse(Buffer.from(receive(readLength())).toString("utf8")) as JobHeader;
  const module = receive(header.moduleBytes);
  const stdin = receive(header.stdinBytes);
  limitEngine(header);
  // Before there is a job, the end of the channel tells; and V8's flags may change only while there is one thread.
  if (settings.watchParent) watchParent();
  send(runModule(header, module, stdin, writeFully));
  // The parent reads the meter now; what it closes next is the channel.
  receive(1);
}

/**
 * Tells V8 where a memory and a table stop growing, and to compile with its optimising compiler only: the other one never hands a
 * hot loop over to it, so code would run up to ten times slower.
 */
function limitEngine({ memoryPages, tableEntries }: JobHeader): void {
  setFlagsFromString("--no-liftoff");
  setFlagsFromString(`--wasm-max-mem-pages=${memoryPages}`);
  setFlagsFromString(`--wasm-max-table-size=${tableEntries}`);
}

/** Ends this process, even in the middle of a job, once standard input ends: a second thread does nothing but wait for that. */
function watchParent(): void {
  new Worker(WATCH, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1 } });
}

function send(message: Report | { kind: "ready"; pid: number; sees: string[]; interfaces: string[] }): void {
  const short = "detail" in message ? { ...message, detail: message.detail.slice(0, DETAIL_CHARACTERS) } : message;
  writeFully(CHANNEL, Buffer.from(`${JSON.stringify(short)}\n`, "utf8"));
}

function writeFully(descriptor: number, bytes: Uint8Array): void {
  for (let from = 0; from < bytes.length; ) from += whenReady(() => writeSync(descriptor, bytes, from));
}

/** Again until it does not have to wait: Node makes the pipes of standard streams non-blocking where it starts a thread. */
function whenReady(transfer: () => number): number {
  for (;;) {
    try {
      return transfer();
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== "EAGAIN") throw thrown;
      Atomics.wait(PAUSE, 0, 0, PAUSE_MS);
    }
  }
}

function readLength(): number {
  const length = Buffer.from(receive(4)).readUInt32BE(0);
  if (length > MAX_HEADER_BYTES) throw new Error("the header is too long");
  return length;
}

/** Exactly `length` bytes of the channel. Without a parent there is no job, and the process ends. */
function receive(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let from = 0; from < length; ) {
    const count = whenReady(() => readSync(CHANNEL, bytes, from, length - from, null));
    if (count === 0) process.kill(process.pid, "SIGKILL");
    from += count;
  }
  return bytes;
}

main(JSON.parse(process.argv[2] ?? "{}") as Settings);
