/** Kind `compute`: runs WASI modules in the sandbox. Its twin is bookkeeper/verify/compute.ts. */
export { makeComputeService } from "./compute-service.ts";
