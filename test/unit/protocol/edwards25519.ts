import { createHash } from "node:crypto";

/** The arithmetic of edwards25519 (RFC 8032 section 5.1), slow and plain, to make the keys and signatures that no library would. */

const P = 2n ** 255n - 19n;
/** Order of the base point. */
export const L = 2n ** 252n + 27742317777372353535851937790883648493n;

/** A point in projective coordinates: it is (x/z, y/z). */
export interface Point {
  readonly x: bigint;
  readonly y: bigint;
  readonly z: bigint;
}

const modulo = (value: bigint, by = P): bigint => ((value % by) + by) % by;

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let square = modulo(base), left = exponent; left > 0n; left >>= 1n, square = modulo(square * square))
    if ((left & 1n) === 1n) result = modulo(result * square);
  return result;
}

const inverse = (value: bigint): bigint => power(value, P - 2n);
const D = modulo(-121665n * inverse(121666n));

/** The point of a y coordinate and the parity of its x; undefined where there is none. */
export function pointOf(y: bigint, isOdd: boolean): Point | undefined {
  const square = modulo((y * y - 1n) * inverse(D * y * y + 1n));
  let x = power(square, (P + 3n) / 8n);
  if (modulo(x * x - square) !== 0n) x = modulo(x * power(2n, (P - 1n) / 4n));
  if (modulo(x * x - square) !== 0n) return undefined;
  return { x: (x & 1n) === (isOdd ? 1n : 0n) ? x : modulo(-x), y, z: 1n };
}

/** The neutral element. */
export const ZERO: Point = { x: 0n, y: 1n, z: 1n };

/** The base point: y is 4/5. */
const BASE = pointOf(modulo(4n * inverse(5n)), false) ?? ZERO;

/** The sum of two points, by formulas that hold for all of them. */
export function add(left: Point, right: Point): Point {
  const z = modulo(left.z * right.z);
  const x = modulo(left.x * right.x);
  const y = modulo(left.y * right.y);
  const cross = modulo(D * x * y);
  const minus = modulo(z * z - cross);
  const plus = modulo(z * z + cross);
  return {
    x: modulo(z * minus * ((left.x + left.y) * (right.x + right.y) - x - y)),
    y: modulo(z * plus * (y + x)),
    z: modulo(minus * plus),
  };
}

/** A point taken `factor` times; the base point unless another is given. */
export function times(factor: bigint, point: Point = BASE): Point {
  let result = ZERO;
  for (let double = point, left = factor; left > 0n; left >>= 1n, double = add(double, double))
    if ((left & 1n) === 1n) result = add(result, double);
  return result;
}

/** A number as 32 bytes, the least significant first. */
export function toBytes(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, index) => Number((value >> BigInt(8 * index)) & 0xffn));
}

/** The number that bytes are, the least significant first. */
export function toNumber(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

/** A point as 32 bytes. */
export function encodePoint(point: Point): Uint8Array {
  const scale = inverse(point.z);
  return toBytes(modulo(point.y * scale) | ((modulo(point.x * scale) & 1n) << 255n));
}

/** Whether two points are the same one. */
export function isSamePoint(left: Point, right: Point): boolean {
  return toNumber(encodePoint(left)) === toNumber(encodePoint(right));
}

/** The hash of a signature's R, a key and a message, as a scalar. */
export function challengeOf(r: Uint8Array, key: Uint8Array, message: Uint8Array): bigint {
  return modulo(toNumber(createHash("sha512").update(r).update(key).update(message).digest()), L);
}

/** The eight points of small order, as the multiples of one of order eight. */
export function smallOrderPoints(): Point[] {
  for (let y = 2n; ; y += 1n) {
    const point = pointOf(y, false);
    if (point === undefined) continue;
    const torsion = times(L, point);
    if (!isSamePoint(times(4n, torsion), ZERO))
      return Array.from({ length: 8 }, (_, multiple) => times(BigInt(multiple), torsion));
  }
}
