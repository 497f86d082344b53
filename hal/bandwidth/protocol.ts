/**
 * What an endpoint and a client of the bandwidth measurement say to each other: frames of one size. docs/design/007-bandwidth.md
 * holds the table of fields. A frame is 64 bytes of content and a code over them (HMAC-SHA256, RFC 2104) that only a holder of the
 * token can make; all numbers are big-endian. Reading is strict: what is not exactly a frame is none.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { concatBytes } from "../../base/index.ts";
import { MAX_BYTE_CAP, MAX_STREAMS, MAX_TOKEN_LENGTH, MAX_TRANSFER_MS, MIN_TOKEN_LENGTH } from "./limits.ts";

export const FRAME_BYTES = 96;
export const CHALLENGE_BYTES = 32;
/** Length of a client's nonce and of a session's id. */
export const ID_BYTES = 16;
/** Rates that a result carries. */
export const RESULT_SLICES = 5;

const CONTENT_BYTES = 64;
const BODY_AT = 8;
const MAGIC = Buffer.from("BNBW");
const VERSION = 1;
/** The code of a frame that anybody may send. */
const NO_CODE = Buffer.alloc(FRAME_BYTES - CONTENT_BYTES);

/** `down` is from the endpoint to the client. */
export type Direction = "down" | "up";

/** Why an endpoint does not serve a connection. */
export const REFUSALS = ["token", "busy", "address", "often", "failures", "session"] as const;
export type Refusal = (typeof REFUSALS)[number];

/** What a client asks for, and what an endpoint grants: never more than was asked. */
export interface Terms {
  /** Bytes of payload in each direction. */
  readonly byteCap: number;
  /** How long each direction runs at most. */
  readonly timeMs: number;
  readonly streams: number;
}

/** What one side counted in one direction. */
export interface Count {
  /** Everything, the start included. */
  readonly totalBytes: number;
  readonly totalUs: number;
  /** What the figure is taken from: without the start, until the first stream ended. */
  readonly countedBytes: number;
  readonly countedUs: number;
  /** Fifths of the counted time in kbit/s; five, or none where nothing could be counted. */
  readonly slices: readonly number[];
}

/** One message. Only `hello` and `refused` can be sent by a stranger. */
export type Frame =
  | { readonly kind: "hello"; readonly challenge: Uint8Array }
  | ({ readonly kind: "open"; readonly nonce: Uint8Array } & Terms)
  | ({ readonly kind: "accept"; readonly session: Uint8Array } & Terms)
  | { readonly kind: "join"; readonly session: Uint8Array; readonly direction: Direction }
  | { readonly kind: "joined" }
  | { readonly kind: "ping" | "pong"; readonly id: number }
  | { readonly kind: "start"; readonly direction: Direction }
  | ({ readonly kind: "result"; readonly direction: Direction } & Count)
  | { readonly kind: "refused"; readonly why: Refusal };

const KINDS = ["hello", "open", "accept", "join", "joined", "ping", "pong", "start", "result", "refused"] as const;
const DIRECTIONS = ["down", "up"] as const;

/** The token in a text (a file, a line of a configuration), or undefined where it is none: too short, or other than visible ASCII. */
export function parseBandwidthToken(text: string): string | undefined {
  const token = text.trim();
  const isToken = /^[\x21-\x7e]+$/.test(token) && token.length >= MIN_TOKEN_LENGTH && token.length <= MAX_TOKEN_LENGTH;
  return isToken ? token : undefined;
}

/** The key of a client's answer to a challenge. */
export function answerKey(token: string, challenge: Uint8Array): Uint8Array {
  return hmac(Buffer.from(token), Buffer.from("bonusnode bandwidth 1 answer"), challenge);
}

/** The key of everything after the answer, on this connection alone. */
export function channelKey(token: string, challenge: Uint8Array, id: Uint8Array): Uint8Array {
  return hmac(Buffer.from(token), Buffer.from("bonusnode bandwidth 1 channel"), challenge, id);
}

/** A frame that needs no key. */
export function openFrame(frame: Frame): Uint8Array {
  return concatBytes(encodeContent(frame), NO_CODE);
}

/** Reads a frame that came without a key; undefined where it is none, or is not one of those. */
export function readOpenFrame(bytes: Uint8Array): Frame | undefined {
  const frame = decodeContent(bytes);
  const isOpen = frame?.kind === "hello" || frame?.kind === "refused";
  return isOpen && NO_CODE.equals(bytes.subarray(CONTENT_BYTES)) ? frame : undefined;
}

/** A frame under a key; `place` (who sends it, and after how many) goes into the code, so that none can be repeated or turned round. */
export function sealFrame(frame: Frame, key: Uint8Array, place: string): Uint8Array {
  const content = encodeContent(frame);
  return concatBytes(content, hmac(key, Buffer.from(place), content));
}

/** Reads a frame under a key. `forged`: the code is not right, compared in constant time; `malformed`: it is, and yet this is no frame. */
export function unsealFrame(bytes: Uint8Array, key: Uint8Array, place: string): Frame | "forged" | "malformed" {
  if (bytes.length !== FRAME_BYTES) return "malformed";
  const expected = hmac(key, Buffer.from(place), bytes.subarray(0, CONTENT_BYTES));
  if (!timingSafeEqual(expected, bytes.subarray(CONTENT_BYTES))) return "forged";
  return decodeContent(bytes) ?? "malformed";
}

function hmac(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const mac = createHmac("sha256", key);
  for (const part of parts) mac.update(part);
  return mac.digest();
}

function encodeContent(frame: Frame): Uint8Array {
  const content = Buffer.alloc(CONTENT_BYTES);
  MAGIC.copy(content);
  content[4] = VERSION;
  content[5] = KINDS.indexOf(frame.kind);
  const body = content.subarray(BODY_AT);
  if (frame.kind === "hello") body.set(frame.challenge);
  else if (frame.kind === "open") encodeTerms(body, frame.nonce, frame);
  else if (frame.kind === "accept") encodeTerms(body, frame.session, frame);
  else if (frame.kind === "join") {
    body.set(frame.session);
    body[ID_BYTES] = DIRECTIONS.indexOf(frame.direction);
  } else if (frame.kind === "ping" || frame.kind === "pong") body.writeUInt32BE(frame.id);
  else if (frame.kind === "start") body[0] = DIRECTIONS.indexOf(frame.direction);
  else if (frame.kind === "result") encodeResult(body, frame.direction, frame);
  else if (frame.kind === "refused") body[0] = REFUSALS.indexOf(frame.why);
  return content;
}

function encodeTerms(body: Buffer, id: Uint8Array, { byteCap, timeMs, streams }: Terms): void {
  body.set(id);
  body.writeBigUInt64BE(BigInt(byteCap), 16);
  body.writeUInt32BE(timeMs, 24);
  body[28] = streams;
}

function encodeResult(body: Buffer, direction: Direction, count: Count): void {
  body[0] = DIRECTIONS.indexOf(direction);
  body[1] = count.slices.length;
  body.writeUInt32BE(clamp32(count.totalUs), 4);
  body.writeBigUInt64BE(BigInt(count.totalBytes), 8);
  body.writeUInt32BE(clamp32(count.countedUs), 16);
  body.writeBigUInt64BE(BigInt(count.countedBytes), 20);
  for (const [index, slice] of count.slices.entries()) body.writeUInt32BE(clamp32(slice), 28 + 4 * index);
}

function clamp32(value: number): number {
  return Math.min(0xffff_ffff, Math.max(0, Math.round(value)));
}

function decodeContent(bytes: Uint8Array): Frame | undefined {
  if (bytes.length !== FRAME_BYTES) return undefined;
  const content = Buffer.from(bytes.buffer, bytes.byteOffset, CONTENT_BYTES);
  const frame = decodeBody(KINDS[content[5] ?? 0xff], content.subarray(BODY_AT));
  // Encoded again it must be the same: so there is one form of each frame, and nothing in its unused bytes.
  return frame !== undefined && Buffer.compare(encodeContent(frame), content) === 0 ? frame : undefined;
}

function decodeBody(kind: Frame["kind"] | undefined, body: Buffer): Frame | undefined {
  if (kind === "hello") return { kind, challenge: bytesOf(body, CHALLENGE_BYTES) };
  if (kind === "open") return withTerms(body, { kind, nonce: bytesOf(body, ID_BYTES) });
  if (kind === "accept") return withTerms(body, { kind, session: bytesOf(body, ID_BYTES) });
  if (kind === "joined") return { kind };
  if (kind === "ping" || kind === "pong") return { kind, id: body.readUInt32BE() };
  if (kind === "refused") {
    const why = REFUSALS[body[0] ?? 0xff];
    return why === undefined ? undefined : { kind, why };
  }
  const direction = DIRECTIONS[body[kind === "join" ? ID_BYTES : 0] ?? 0xff];
  if (direction === undefined) return undefined;
  if (kind === "join") return { kind, session: bytesOf(body, ID_BYTES), direction };
  if (kind === "start") return { kind, direction };
  return kind === "result" ? decodeResult(body, direction) : undefined;
}

function withTerms<Head extends object>(body: Buffer, head: Head): (Head & Terms) | undefined {
  const byteCap = body.readBigUInt64BE(16);
  const timeMs = body.readUInt32BE(24);
  const streams = body[28] ?? 0;
  const isInRange =
    byteCap >= 1n &&
    byteCap <= BigInt(MAX_BYTE_CAP) &&
    timeMs >= 1 &&
    timeMs <= MAX_TRANSFER_MS &&
    streams >= 1 &&
    streams <= MAX_STREAMS;
  return isInRange ? { ...head, byteCap: Number(byteCap), timeMs, streams } : undefined;
}

function decodeResult(body: Buffer, direction: Direction): Frame | undefined {
  const totalBytes = Number(body.readBigUInt64BE(8));
  const countedBytes = Number(body.readBigUInt64BE(20));
  const slices = Array.from({ length: body[1] ?? 0 }, (_, index) =>
    index < RESULT_SLICES ? body.readUInt32BE(28 + 4 * index) : 0,
  );
  const isPossible =
    (slices.length === 0 || slices.length === RESULT_SLICES) && totalBytes <= 2 * MAX_BYTE_CAP && countedBytes <= totalBytes;
  if (!isPossible) return undefined;
  return {
    kind: "result",
    direction,
    totalBytes,
    totalUs: body.readUInt32BE(4),
    countedBytes,
    countedUs: body.readUInt32BE(16),
    slices,
  };
}

/** A copy, because what is read lies in a buffer that is used again. */
function bytesOf(body: Uint8Array, length: number): Uint8Array {
  return new Uint8Array(body.subarray(0, length));
}
