/**
 * An agent to be killed: runs a module without end in the sandbox of this machine without the programs named by its first
 * argument, and with the owner's share of its second, which pauses the module most of the time.
 */
import { meterProcessTree } from "../../base/index.ts";
import { makeSandbox } from "../../sandbox/index.ts";
import { makeJob, run, sandboxNeeds } from "./sandbox-parts.ts";
import { assembleFixture } from "./wasm-fixtures.ts";

const needs = sandboxNeeds((process.argv[2] ?? "").split(","));
let isMetered = false;
const sandbox = await makeSandbox(
  {
    ...needs,
    meterProcessTree: (pid, options) => {
      const meter = meterProcessTree(pid, options);
      return {
        stop: meter.stop,
        read: () => {
          const usage = meter.read();
          // The module runs once it uses CPU time.
          if (isMetered && usage.cpuMicros > 200_000n) process.stdout.write(`running with ${sandbox.isolation.mechanism}\n`);
          return usage;
        },
      };
    },
  },
  { hiddenPaths: [], cores: 1 },
);
isMetered = true;
await run(sandbox, makeJob(assembleFixture("spin"), { cpuShare: Number(process.argv[3]) }));
