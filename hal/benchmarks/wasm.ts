/** The part of the WebAssembly interface that is used here; Node's types leave it to the browser's. */
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}

/** Compiles a module that imports nothing and answers what it exports. Throws where this Node has no WebAssembly. */
export function instantiate<Exports>(bytes: Uint8Array): Exports {
  const { WebAssembly } = globalThis as unknown as { readonly WebAssembly: WebAssemblyApi };
  return new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as Exports;
}
