import { CODE_MIB, HEAP_MIB, STACK_KIB } from "./limits.ts";

/** What a jail has to hold so that the runner can run in it. */
export interface Runtime {
  /** The Node program. */
  readonly nodePath: string;
  /** The shared libraries that Node loaded, and the loader, by the paths they were opened with. */
  readonly libraries: readonly string[];
  /** The folder with the runner, and the runner's file in it. */
  readonly runnerFolder: string;
  readonly runnerFile: string;
  /** Engine, versions: what outputs may depend on besides the job. At most 64 characters. */
  readonly engine: string;
}

/**
 * Flags of Node and V8 for the runner of a job. Not `--permission`: it guards Node's functions, and a module has none of them.
 *
 * The flags that are about the module (`--no-liftoff`, the largest memory) the runner sets itself once it has been loaded: in a
 * checkout Node strips the types from it with WebAssembly of its own, which they would hit.
 *
 * `isSingleThreaded`: no second thread of ours is in the runner. It then uses one core at most, compiling and collecting garbage
 * included, and is smaller. With a second thread V8 crashes under these flags.
 */
export function runtimeFlags(memoryBytes: number, isSingleThreaded: boolean): string[] {
  // V8 counts linear memory against its heap: near the limit each memory.grow collects garbage, which is a hundred times slower.
  const heapMib = HEAP_MIB + 2 * Math.ceil(memoryBytes / 2 ** 20);
  return [
    ...["--no-warnings", "--no-addons", "--disable-sigusr1"],
    ...(isSingleThreaded ? ["--v8-pool-size=0", "--single-threaded"] : []),
    ...[`--max-old-space-size=${heapMib}`, "--max-semi-space-size=1", `--stack-size=${STACK_KIB}`],
    `--wasm-max-committed-code-mb=${CODE_MIB}`,
  ];
}
