// Finds out what ping a machine has, with fake programs on an injected PATH in place of the machine's own.
import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { detectPing, instrumentOf } from "../../../../agent/services/measure/ping-program.ts";
import { makeProgramRunner } from "../../../../base/index.ts";
import { fakePing } from "./fake-ping.ts";

const fixture = (name: string): string =>
  readFileSync(new URL(`../../../fixtures/measure/ping/${name}.txt`, import.meta.url), "utf8");

t.test("the make and version of a ping are read from its banner", async (t) => {
  t.equal(instrumentOf(fixture("version-iputils")), "ping iputils 20221126");
  t.equal(instrumentOf("ping utility, iputils-s20161105\n"), "ping iputils 20161105");
  t.equal(instrumentOf(fixture("version-busybox")), "ping BusyBox 1.35.0");
  t.equal(instrumentOf(fixture("version-inetutils")), "ping inetutils 2.4");
  t.equal(instrumentOf("something else"), "ping");
});

t.test("a machine without ping lacks a capability, with what to do", async (t) => {
  const found = await detectPing(makeProgramRunner(t.testdir({})));
  t.strictSame(found, { kind: "absent", why: "ping is not installed; install iputils-ping" });
});

t.test("a ping that works is found with its version", async (t) => {
  const path = fakePing(t.testdir({}), { version: fixture("version-iputils"), stdout: fixture("iputils-answered") });
  t.strictSame(await detectPing(makeProgramRunner(path)), {
    kind: "found",
    instrument: "ping iputils 20221126",
    interval: "0.2",
  });
});

t.test("a host that ignores echo requests still has a ping", async (t) => {
  const path = fakePing(t.testdir({}), { stdout: fixture("iputils-silent"), exitCode: 1 });
  t.match(await detectPing(makeProgramRunner(path)), { kind: "found" });
});

t.test("a ping that may not send is no capability", async (t) => {
  for (const make of ["iputils", "busybox", "inetutils"]) {
    const path = fakePing(t.testdir({ [make]: {} }), { stderr: fixture(`${make}-denied.stderr`), exitCode: 2 });
    t.strictSame(await detectPing(makeProgramRunner(path)), {
      kind: "absent",
      why: "ping may not send here; give it CAP_NET_RAW or widen net.ipv4.ping_group_range",
    });
  }
});

t.test("a ping whose output is garbage is no capability", async (t) => {
  const path = fakePing(t.testdir({}), { stdout: "\u0000\u0007 64 bytes of nonsense", version: "\u001b[31m" });
  t.strictSame(await detectPing(makeProgramRunner(path)), {
    kind: "absent",
    why: "ping is installed, but its output was not understood",
  });
});

t.test("a BusyBox without fractions is asked for whole seconds", async (t) => {
  const folder = mkdtempSync(join(t.testdir({}), "bin-"));
  const script = `#!/bin/sh
case "$*" in *"-i 0.2"*) echo "ping: invalid number '0.2'" >&2; exit 1;; esac
cat <<'END'
${fixture("busybox-answered")}END
`;
  writeFileSync(join(folder, "ping"), script);
  chmodSync(join(folder, "ping"), 0o755);
  t.match(await detectPing(makeProgramRunner(`${folder}:/usr/bin:/bin`)), { kind: "found", interval: "1" });
});

t.test("an aborted start does not wait for ping", async (t) => {
  const path = fakePing(t.testdir({}), { stdout: fixture("iputils-answered") });
  t.match(await detectPing(makeProgramRunner(path), AbortSignal.abort()), { kind: "absent" });
});
