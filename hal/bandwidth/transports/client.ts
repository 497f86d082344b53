import type { Socket } from "node:net";
import { type Clock, type Random, toHex } from "../../../base/index.ts";
import { HalError } from "../../errors.ts";
import { failed, found, type ProbeFailure } from "../../probe-result.ts";
import { IDLE_PING_MS, IDLE_PINGS, LOADED_PING_MS, MAX_SESSION_MS, RANDOM_BLOCK_BYTES, WAIT_MS } from "../limits.ts";
import { type Count, type Direction, ID_BYTES, type Terms } from "../protocol.ts";
import { makeTally } from "../tally.ts";
import type { BandwidthTask, Transfer, TransferOutcome, TransferRun } from "../transfer.ts";
import { type Control, takeControl } from "./control.ts";
import { dial, type Line } from "./dial.ts";
import { makeBudget, pumpInto } from "./pump.ts";

/** Everything of one session that has to end with it. */
interface Scope {
  readonly task: BandwidthTask;
  readonly where: string;
  readonly clock: Clock;
  readonly block: Uint8Array;
  readonly sockets: Set<Socket>;
  /** Ends the session with what went wrong. */
  readonly fail: (reason: unknown) => void;
  /** The same as the promise, unless the session is ended first. */
  orEnd<Value>(promise: Promise<Value>): Promise<Value>;
}

/** A session that the endpoint accepted. */
interface OpenSession {
  readonly control: Control;
  readonly id: Uint8Array;
  readonly terms: Terms;
}

/** Carries out sessions over TCP. */
export function makeBandwidthTransfer(needs: { readonly clock: Clock; readonly random: Random }): Transfer {
  return async (task, run) => {
    run.signal?.throwIfAborted();
    const where = `${task.endpoint.host} port ${task.endpoint.port}`;
    const ending = Promise.withResolvers<never>();
    ending.promise.catch(() => {});
    const scope: Scope = {
      task,
      where,
      clock: needs.clock,
      block: needs.random.bytes(RANDOM_BLOCK_BYTES),
      sockets: new Set(),
      fail: ending.reject,
      orEnd: (promise) => Promise.race([promise, ending.promise]),
    };
    const onAbort = (): void => ending.reject(run.signal?.reason);
    run.signal?.addEventListener("abort", onAbort);
    const limit = setTimeout(() => ending.reject(silent(where)), MAX_SESSION_MS);
    try {
      return found(await carryOut(scope, needs.random.bytes(ID_BYTES), run));
    } catch (thrown) {
      if (run.signal?.aborted === true) throw run.signal.reason;
      if (!(thrown instanceof HalError)) throw thrown;
      return failed(failureCode(thrown), thrown.message);
    } finally {
      clearTimeout(limit);
      run.signal?.removeEventListener("abort", onAbort);
      for (const socket of scope.sockets) socket.destroy();
    }
  };
}

async function carryOut(scope: Scope, nonce: Uint8Array, run: TransferRun): Promise<TransferOutcome> {
  const { task } = scope;
  const session = await openSession(scope, nonce);
  const { terms } = session;
  const idlePingsUs: number[] = [];
  const loadedPingsUs: number[] = [];
  session.control.collect(idlePingsUs);
  for (let sent = 0; sent < IDLE_PINGS; sent++) {
    session.control.ping();
    await scope.orEnd(scope.clock.sleep(IDLE_PING_MS));
  }
  while (session.control.underWay > 0) await scope.orEnd(scope.clock.sleep(IDLE_PING_MS));
  await scope.orEnd(run.beforeLoad?.() ?? Promise.resolve());
  run.onProgress?.(0.05);
  session.control.collect(loadedPingsUs);
  const down = await measureDown(scope, session, (fraction) => run.onProgress?.(0.05 + fraction * 0.475));
  const up = await measureUp(scope, session, (fraction) => run.onProgress?.(0.525 + fraction * 0.475));
  run.onProgress?.(1);
  return { streams: terms.streams, byteCap: Math.min(task.byteCap, terms.byteCap), idlePingsUs, loadedPingsUs, ...down, up };
}

async function openSession(scope: Scope, nonce: Uint8Array): Promise<OpenSession> {
  const { byteCap, timeMs, streams } = scope.task;
  const line = await scope.orEnd(
    dial(scope.task, { kind: "open", nonce, byteCap, timeMs, streams }, (socket) => scope.sockets.add(socket)),
  );
  const { reply } = line;
  const isGranted = reply.kind === "accept" && reply.byteCap <= byteCap && reply.timeMs <= timeMs && reply.streams <= streams;
  if (!isGranted) throw malformed(scope, "it granted what nobody asked for");
  const control = takeControl(line, scope.where, scope.clock, scope.fail);
  return { control, id: reply.session, terms: reply };
}

async function joinStreams(scope: Scope, { id, terms }: OpenSession, direction: Direction): Promise<readonly Line[]> {
  const dials = Array.from({ length: terms.streams }, () =>
    dial(scope.task, { kind: "join", session: id, direction }, (socket) => scope.sockets.add(socket)),
  );
  const lines = await scope.orEnd(Promise.all(dials));
  if (lines.some((line) => line.reply.kind !== "joined")) throw malformed(scope, `it did not take stream ${toHex(id)}`);
  return lines;
}

/** Receives; what counts ends with the first stream, or the granted time. Then the streams are cut, and the endpoint says what it sent. */
async function measureDown(
  scope: Scope,
  session: OpenSession,
  onProgress: (fraction: number) => void,
): Promise<{ readonly down: Count; readonly sentDown: Count }> {
  const { control, terms } = session;
  const { clock } = scope;
  const tally = makeTally();
  const lines = await joinStreams(scope, session, "down");
  const isDone = Promise.withResolvers<void>();
  for (const { socket, rest } of lines) {
    const count = (chunk: Uint8Array): void => {
      tally.add(chunk.length, clock.monotonicMs());
      if (tally.bytes > terms.byteCap) scope.fail(malformed(scope, "it sent more than it granted"));
    };
    if (rest.length > 0) count(rest);
    socket.on("data", count).on("end", isDone.resolve).on("close", isDone.resolve).resume();
  }
  await scope.orEnd(within(scope, control.next("start")));
  const stopPings = pingUnderLoad(control, terms, clock, () => tally.bytes, onProgress);
  const limit = setTimeout(isDone.resolve, terms.timeMs);
  let down: Count;
  try {
    await scope.orEnd(isDone.promise);
    down = tally.finish(clock.monotonicMs());
  } finally {
    clearTimeout(limit);
    stopPings();
  }
  for (const { socket } of lines) socket.destroy();
  const sentDown = await scope.orEnd(within(scope, control.next("result")));
  if (sentDown.direction !== "down") throw malformed(scope, "its result is for the other direction");
  return { down, sentDown: countOf(sentDown) };
}

/** Sends; the endpoint counts, and says when it is enough. */
async function measureUp(scope: Scope, session: OpenSession, onProgress: (fraction: number) => void): Promise<Count> {
  const { control, terms } = session;
  const lines = await joinStreams(scope, session, "up");
  const start = await scope.orEnd(within(scope, control.next("start")));
  if (start.direction !== "up") throw malformed(scope, "it started the other direction");
  let sentBytes = 0;
  const stopPings = pingUnderLoad(control, terms, scope.clock, () => sentBytes, onProgress);
  const budget = makeBudget(terms);
  for (const { socket } of lines) {
    pumpInto(socket, scope.block, budget, (bytes) => {
      sentBytes += bytes;
    });
    socket.resume();
  }
  try {
    const result = await scope.orEnd(within(scope, control.next("result"), terms.timeMs + WAIT_MS));
    if (result.direction !== "up" || result.totalBytes > terms.byteCap - budget.leftBytes) {
      throw malformed(scope, "it counted what was never sent");
    }
    return countOf(result);
  } finally {
    stopPings();
    for (const { socket } of lines) socket.destroy();
  }
}

function countOf({ totalBytes, totalUs, countedBytes, countedUs, slices }: Count): Count {
  return { totalBytes, totalUs, countedBytes, countedUs, slices };
}

/** Pings regularly, and tells how far the direction is by bytes or time, whichever is further. Answers what ends it. */
function pingUnderLoad(
  control: Control,
  terms: Terms,
  clock: Clock,
  bytes: () => number,
  onProgress: (fraction: number) => void,
): () => void {
  const startMs = clock.monotonicMs();
  // One at once, for a direction that is over before the next.
  control.ping();
  const timer = setInterval(() => {
    control.ping();
    onProgress(Math.min(1, Math.max(bytes() / terms.byteCap, (clock.monotonicMs() - startMs) / terms.timeMs)));
  }, LOADED_PING_MS);
  return () => clearInterval(timer);
}

/** The promise, or `endpoint-silent` when it takes too long. */
async function within<Value>(scope: Scope, promise: Promise<Value>, limitMs: number = WAIT_MS): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(silent(scope.where)), limitMs);
  });
  try {
    return await scope.orEnd(Promise.race([promise, late]));
  } finally {
    clearTimeout(timer);
  }
}

function silent(where: string): HalError {
  return new HalError("endpoint-silent", `${where}: it did not go on in time`);
}

function malformed(scope: Scope, why: string): HalError {
  return new HalError("endpoint-malformed", `${scope.where}: ${why}`);
}

function failureCode(error: HalError): ProbeFailure["code"] {
  if (error.code === "endpoint-refused") return "denied";
  if (error.code === "endpoint-silent") return "timeout";
  return error.code === "endpoint-malformed" ? "malformed" : "unreadable";
}
