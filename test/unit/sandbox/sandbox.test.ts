/** The contract of a sandbox, with what a machine without bubblewrap has: namespaces by util-linux, and a plain child process. */
import { type Test, test } from "tap";
import { detectJails } from "../../../sandbox/index.ts";
import { sandboxContract } from "../../contract/sandbox-contract.ts";
import { endOf, makeJob, makeSandboxWithout, run, sandboxNeeds } from "../../contract/sandbox-parts.ts";
import { assembleFixture, readExample } from "../../contract/wasm-fixtures.ts";

const detection = await detectJails(sandboxNeeds(["bwrap"]), { hiddenPaths: [] });
const why = detection.capabilities.find((one) => one.name === "unshare")?.why;

test("namespaces by util-linux", { skip: why ?? false }, (t: Test) =>
  sandboxContract(t, { hidden: ["bwrap"], level: "namespaces", mechanism: /^util-linux unshare\+setpriv$/ }),
);

test("a child process with limits", (t: Test) =>
  sandboxContract(t, { hidden: ["bwrap", "unshare"], level: "process", mechanism: /^child process/ }));

test("a child process and nothing else", async (t) => {
  const sandbox = await makeSandboxWithout(["bwrap", "unshare", "prlimit", "setpriv"]);
  t.match(sandbox.isolation, { level: "process", mechanism: /^child process( as root)?$/ });
  const example = await run(sandbox, makeJob(readExample().binary, { args: ["1000"] }));
  t.match(example, { kind: "exited", exitCode: 0, stdout: Buffer.from("168 primes up to 1000, the last is 997\n") });
  const { limits } = makeJob(new Uint8Array());
  const spin = makeJob(assembleFixture("spin"), { limits: { ...limits, cpuMs: 200 } });
  t.equal(endOf(await run(sandbox, spin)), "stopped cpu-time");
  t.equal(endOf(await run(sandbox, makeJob(assembleFixture("grow-forever")))), "stopped memory");
  const demanding = await sandbox.run(spin, { signal: new AbortController().signal, demand: "namespaces" });
  t.match(demanding, { kind: "stopped", reason: "isolation-lost", detail: /namespaces is demanded.*gives process/ });
});
