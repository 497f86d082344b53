import type { GuestMemory } from "./guest-memory.ts";

const OK = 0;
const BAD_DESCRIPTOR = 8;
const INVALID = 28;
const SUBSCRIPTION_BYTES = 48;
const EVENT_BYTES = 32;
const MAX_SUBSCRIPTIONS = 1024;
const CLOCK = 0;
const READ = 1;
const WRITE = 2;
const HANGUP = 1;
/** What a pipe that is always ready takes at once. */
const WRITABLE_BYTES = 65_536n;

interface Subscription {
  readonly userData: bigint;
  readonly tag: number;
  /** Of a clock: what it waits for, in nanoseconds. */
  readonly timeout: bigint;
  /** Of a stream: its descriptor. */
  readonly fd: number;
}

/**
 * `poll_oneoff` of preview 1 where nothing ever has to be waited for: streams are ready at once, and where only clocks are asked,
 * the one that would ring first has rung. Nothing sleeps, and the clock does not move.
 */
export function makePoll(
  memory: GuestMemory,
  streamOf: (fd: number) => string | undefined,
  readableBytes: () => number,
): (input: number, output: number, count: number, done: number) => number {
  const writeEvent = (at: number, { userData, tag, fd }: Subscription): void => {
    memory.bytes(at, EVENT_BYTES).fill(0);
    memory.setU64(at, userData);
    memory.setU8(at + 10, tag);
    if (tag === CLOCK) return;
    const stream = streamOf(fd);
    const fits = tag === READ ? stream === "stdin" : stream === "stdout" || stream === "stderr";
    if (!fits) {
      memory.setU16(at + 8, BAD_DESCRIPTOR);
      return;
    }
    memory.setU64(at + 16, tag === READ ? BigInt(readableBytes()) : WRITABLE_BYTES);
    if (tag === READ && readableBytes() === 0) memory.setU16(at + 24, HANGUP);
  };
  return (input, output, count, done) => {
    if (count === 0 || count >>> 0 > MAX_SUBSCRIPTIONS) return INVALID;
    const asked = Array.from({ length: count }, (_, index) =>
      readSubscription(memory, (input >>> 0) + index * SUBSCRIPTION_BYTES),
    );
    if (asked.some((one) => one.tag > WRITE)) return INVALID;
    const ready = asked.filter((one) => one.tag !== CLOCK);
    const events = ready.length > 0 ? ready : firstToRing(asked);
    for (const [index, event] of events.entries()) writeEvent((output >>> 0) + index * EVENT_BYTES, event);
    memory.setU32(done, events.length);
    return OK;
  };
}

function readSubscription(memory: GuestMemory, at: number): Subscription {
  const tag = memory.bytes(at, SUBSCRIPTION_BYTES)[8] ?? WRITE + 1;
  return { userData: memory.getU64(at), tag, timeout: memory.getU64(at + 24), fd: memory.getU32(at + 16) };
}

function firstToRing(clocks: readonly Subscription[]): Subscription[] {
  const [first, ...rest] = clocks;
  return first === undefined ? [] : [rest.reduce((soonest, one) => (one.timeout < soonest.timeout ? one : soonest), first)];
}
