import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { setPriority } from "node:os";
import type { Duplex, Readable, Writable } from "node:stream";
import { listProcessTree, messageOf } from "../base/index.ts";
import { type ChannelMessage, makeChannelReader } from "./channel.ts";
import type { Command } from "./jails/jail.ts";
import { END_TIMEOUT_MS, NICENESS } from "./limits.ts";
import { readStatus } from "./machine-linux.ts";
import { findRunner, type OutsideView, parseOutsideView } from "./outside-view.ts";

/** What a jailed process tells. Nothing comes after `onClose`. */
export interface JailedEvents {
  onStdout(chunk: Uint8Array): void;
  onStderr(chunk: Uint8Array): void;
  /** A message of the runner; undefined for what is not one. */
  onMessage(message: ChannelMessage | undefined): void;
  /** All processes of the jail have ended and all they wrote has come, or the program could not be started (`error`). */
  onClose(end: { readonly code?: number; readonly signal?: string; readonly error?: string }): void;
}

/** A jail with the runner in it. */
export interface JailedProcess {
  /** Undefined where it could not be started; `onClose` then tells why. */
  readonly pid: number | undefined;
  /** Writes to the channel. */
  send(parts: readonly Uint8Array[]): void;
  /** How the kernel shows the runner that calls itself `pid` inside. */
  look(pid: number): OutsideView | undefined;
  /** Stops the runner's clock (SIGSTOP), and lets it go on. */
  pause(isPaused: boolean): void;
  /** Ends everything at once. */
  kill(): void;
}

/**
 * Starts a command with the four descriptors of a jail: 0 is held open while this process lives, 1 and 2 are read, 3 is the
 * channel. It gets a session of its own, so that a Ctrl-C meant for the agent leaves it to the agent.
 */
export function startJailed(command: Command, events: JailedEvents): JailedProcess {
  const child = spawnJail(command);
  if (typeof child === "string") {
    queueMicrotask(() => events.onClose({ error: child }));
    return { pid: undefined, send: () => undefined, look: () => undefined, pause: () => undefined, kill: () => undefined };
  }
  const [lifeline, stdout, stderr, channel] = child.stdio as unknown as [Writable, Readable, Readable, Duplex];
  // All four break when the jail ends; that it ended is told by its close.
  for (const stream of [lifeline, stdout, stderr, channel]) stream.on("error", () => undefined);
  stdout.on("data", events.onStdout);
  stderr.on("data", events.onStderr);
  channel.on("data", makeChannelReader(events.onMessage));
  const close = closeOnce(child, events, [lifeline, stdout, stderr, channel]);
  if (child.pid !== undefined) lowerPriority(child.pid);
  let runner: number | undefined;
  return {
    pid: child.pid,
    send: (parts) => {
      for (const part of parts) channel.write(part);
    },
    look: (pid) => {
      const views = listProcessTree(child.pid ?? 0).map((one) => parseOutsideView(readStatus(one)));
      const view = findRunner(
        views.filter((one) => one !== undefined),
        pid,
      );
      runner = view?.pids[0];
      return view;
    },
    pause: (isPaused) => {
      if (runner !== undefined && child.exitCode === null) signal(runner, isPaused ? "SIGSTOP" : "SIGCONT");
    },
    kill: () => {
      // The whole group: bubblewrap's second process waits for the first before it asks for the signal that ends it with that one.
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) signal(-child.pid, "SIGKILL");
      child.kill("SIGKILL");
      channel.destroy();
      lifeline.destroy();
      close.giveUpAfter(END_TIMEOUT_MS);
    },
  };
}

/** The process, or why there is none. */
function spawnJail({ file, args, env, user }: Command): ChildProcess | string {
  const options: SpawnOptions = { env, stdio: ["pipe", "pipe", "pipe", "pipe"], detached: true, cwd: "/" };
  try {
    const child = spawn(file, args, user === undefined ? options : { ...options, uid: user, gid: user });
    if (child.stdio !== undefined) return child;
    // Out of descriptors: there are no pipes, and the error comes later.
    child.once("error", () => undefined);
    return "this process has no free descriptors";
  } catch (thrown) {
    return messageOf(thrown);
  }
}

/**
 * Tells the end exactly once, and at the latest some time after `giveUpAfter`: a process stuck in the kernel must not hold a job.
 */
function closeOnce(child: ChildProcess, events: JailedEvents, streams: readonly (Readable | Writable)[]) {
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  const close = (end: Parameters<JailedEvents["onClose"]>[0]): void => {
    if (isClosed) return;
    isClosed = true;
    clearTimeout(timer);
    events.onClose(end);
  };
  child.on("error", (error) => close({ error: error.message }));
  child.on("close", (code, ended) => close({ ...(code === null ? {} : { code }), ...(ended === null ? {} : { signal: ended }) }));
  return {
    giveUpAfter: (ms: number): void => {
      if (isClosed || timer !== undefined) return;
      timer = setTimeout(() => {
        for (const stream of streams) stream.destroy();
        close({ signal: "SIGKILL" });
      }, ms);
    },
  };
}

/** Before the runtime has made its threads, so that they all get it. */
function lowerPriority(pid: number): void {
  try {
    setPriority(pid, NICENESS);
  } catch {
    // It ended already; its close tells.
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended meanwhile.
  }
}
