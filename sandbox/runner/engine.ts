/**
 * As much of the WebAssembly JavaScript interface (W3C, 2.0) as the runner uses; the type declarations of Node do not have it.
 */
export interface EngineMemory {
  readonly buffer: ArrayBuffer;
}

export interface EngineInstance {
  readonly exports: Readonly<Record<string, unknown>>;
}

/** A function as the engine calls it: 32-bit integers and floats come as numbers, 64-bit integers as BigInts. */
export type HostFunction = (...values: (number | bigint)[]) => number;

interface Engine {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: Readonly<Record<string, Readonly<Record<string, HostFunction>>>>,
  ) => EngineInstance;
  readonly Memory: abstract new () => EngineMemory;
  readonly CompileError: abstract new () => Error;
  readonly LinkError: abstract new () => Error;
  readonly RuntimeError: abstract new () => Error;
}

declare const WebAssembly: Engine;

/** The engine of this process: V8's. */
export const engine: Engine = WebAssembly;
